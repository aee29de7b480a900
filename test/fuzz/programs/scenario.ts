/** Scenarios with programs: a cluster, a few programs, chains of them that change, and packets. */
import fc from "fast-check";
import type { DataplaneOptions } from "../../../src/dataplane/dataplane.ts";
import type { PacketEvent } from "../../../src/dataplane/event.ts";
import { cluster } from "../clusters.ts";
import { createDice, type Dice } from "../dice.ts";
import { count, type Met } from "../met.ts";
import { mutate } from "../mutation.ts";
import type { Packet } from "../packets.ts";
import { apply, demandEqual, demandSameMemory, send } from "../pair.ts";
import { SEEDS } from "../seeds.ts";
import { options, ROOMY } from "../settings.ts";
import {
  complainAbout,
  crumble,
  live,
  lookAround,
  type Memory,
  postpone,
  type Talk,
  talk,
} from "../talks.ts";
import { createTrail } from "../trail.ts";
import { type Bench, type ChainPlan, createBench, NAT, type Stand } from "./bench.ts";
import { MAPS, type MapName, PASSING, PROGRAMS_MAX, programs } from "./instructions.ts";

const CPUS = 3;
const WAITS = [0, 0, 1, 999, 1001, 2001, 10_001, 30_001, 0.25];
const TRAIL = 64;
/** Enough for fragments to be let go, which programs get to see then. */
const ROOM = { arena: 1 << 18, cpus: CPUS, datagrams: ROOMY.datagrams, fragments: ROOMY.fragments };
/** Packets of one batch: enough for several groups of the packet path now and then. */
const SMALL_BATCH = 8;
const LARGE_BATCH = 96;

const any = fc.nat(PROGRAMS_MAX - 1);
/** What ends in front of service NAT is never seen by it. */
const harmless = fc.oneof(
  { weight: 9, arbitrary: fc.nat(PASSING - 1) },
  { weight: 1, arbitrary: any },
);
const stands = (stand: fc.Arbitrary<Stand>) => fc.array(stand, { maxLength: 3, size: "max" });
export const chain: fc.Arbitrary<ChainPlan> = fc
  .record({
    before: fc.oneof(fc.constant([]), stands(harmless)),
    behind: stands(harmless),
    egress: stands(any),
    nat: fc.constantFrom(true, true, true, true, true, false),
  })
  .map(({ before, behind, egress, nat }) => ({
    ingress: distinct([...before, ...(nat ? [NAT] : []), ...behind]),
    egress: distinct(egress),
  }));

/** A link stands at one place. */
function distinct(given: readonly Stand[]): Stand[] {
  return [...new Set(given)];
}

const happening = fc.record({
  kind: fc.oneof(
    { weight: 8, arbitrary: fc.constant("single" as const) },
    { weight: 8, arbitrary: fc.constant("batch" as const) },
    { weight: 3, arbitrary: fc.constant("wait" as const) },
    { weight: 1, arbitrary: fc.constant("flush" as const) },
    { weight: 1, arbitrary: fc.constant("drain" as const) },
  ),
  chain: fc.option(chain, { freq: 4 }),
  seed: fc.nat(0xffffffff),
});
type Happening = typeof happening extends fc.Arbitrary<infer T> ? T : never;

export const scenario = fc.record({
  options: options.map(
    (drawn): DataplaneOptions => ({
      ...drawn,
      capacity: { ...ROOMY, ...drawn.capacity, ...ROOM },
    }),
  ),
  cluster,
  programs,
  chain,
  happenings: fc.array(happening, { minLength: 1, maxLength: 18, size: "max" }),
});
export type Scenario = typeof scenario extends fc.Arbitrary<infer T> ? T : never;

interface Stage {
  readonly bench: Bench;
  readonly memory: Memory;
  readonly met: Met;
  now: number;
}

/** Rejects with a Disagreement. */
export async function play(one: Scenario, met: Met, module?: WebAssembly.Module): Promise<void> {
  const bench = await createBench(one.options, one.programs, module);
  const pair = pairOf(bench);
  apply(pair, one.cluster);
  const targets = lookAround(pair.model.maps);
  const memory: Memory = { flows: [], trail: createTrail(TRAIL), late: [], targets };
  const stage = { bench, memory, met, now: 1_700_000_000_000.5 };
  install(bench, one.chain);
  for (const happening of one.happenings) happen(stage, happening);
  demandSameMemory(pair);
  drain(stage);
}

function pairOf({ wasm, model }: Bench) {
  return { wasm: wasm.dataplane, model: model.dataplane };
}

function install({ wasm, model }: Bench, plan: ChainPlan): void {
  for (const side of [wasm, model]) side.install(plan);
}

function happen(stage: Stage, { kind, chain, seed }: Happening): void {
  const dice = createDice(seed);
  const { bench } = stage;
  if (chain !== null) install(bench, chain);
  if (kind === "wait") stage.now += dice.oneOf(WAITS);
  else if (kind === "flush") for (const side of [bench.wasm, bench.model]) side.dataplane.flush();
  else if (kind === "drain") drain(stage);
  else perform(stage, dice, kind === "batch");
  const { wasm, model } = pairOf(bench);
  demandEqual(wasm.counters(), model.counters(), "counters");
  demandEqual(bench.wasm.memory(), bench.model.memory(), "programs");
  for (const [name, length] of Object.entries(bench.model.lengths())) {
    if (length === MAPS[name as MapName].maxEntries) count(stage.met, `full ${name}`);
  }
}

function drain({ bench, met }: Stage): void {
  const records = bench.model.drain();
  demandEqual(bench.wasm.drain(), records, "records");
  count(met, "records", records.length);
}

/** Talks and damaged packets, one packet after another, each knowing what came of the former; or all in one call. */
function perform(stage: Stage, dice: Dice, batched: boolean): void {
  const cpu = dice.below(CPUS);
  if (batched) {
    const packets = [...fitting(stage, dice, dice.once(6) ? LARGE_BATCH : SMALL_BATCH)];
    pass(stage, packets, true, cpu);
  } else {
    for (const packet of fitting(stage, dice, SMALL_BATCH)) pass(stage, [packet], false, cpu);
  }
}

/** Talks to their end: a datagram without its last piece stays where it is. */
function* fitting(stage: Stage, dice: Dice, least: number): Talk {
  const { frameCapacity } = stage.bench.model.dataplane.batch;
  for (let sent = 0; sent < least; ) {
    for (const packet of mixture(stage, dice)) {
      if (packet.bytes.length > frameCapacity) continue;
      yield marked(packet, dice);
      sent++;
    }
  }
}

function pass(stage: Stage, packets: readonly Packet[], batched: boolean, cpu: number): void {
  const { bench, memory, met, now } = stage;
  const fates = send(pairOf(bench), packets, now, batched, cpu);
  for (const [index, { event, packet, released }] of fates.entries()) {
    memory.trail.note(packets[index]!, packet);
    note(met, event);
    for (const one of released) count(met, `released ${one.event.verdict}`);
  }
}

function note(met: Met, { verdict, action, reason, program, ...event }: PacketEvent): void {
  count(met, "packet");
  count(met, `verdict ${verdict}`);
  count(met, `action ${action}`);
  count(met, `reason ${reason}`);
  count(met, `program ${program === null ? "none" : "some"}`);
  if (event.redirect) count(met, "redirect");
  if (event.programReason) count(met, "programReason");
}

/** What programs would else meet too seldom. */
const TOPICS = [
  talk,
  talk,
  live,
  crumble,
  postpone,
  postpone,
  complainAbout,
  complainAbout,
] as const;

function* mixture({ bench, memory }: Stage, dice: Dice): Talk {
  yield* dice.oneOf(TOPICS)(memory, bench.model.dataplane.maps, dice);
  for (let times = dice.below(3); times > 0; times--) {
    yield mutate(picked(memory, dice), picked(memory, dice), dice);
  }
}

function picked({ trail }: Memory, dice: Dice) {
  return (dice.once(4) ? undefined : trail.pick(dice)) ?? dice.oneOf(SEEDS);
}

function marked({ bytes, options }: Packet, dice: Dice): Packet {
  if (dice.once(2)) return { bytes, options };
  return { bytes, options: { ...options, mark: dice.word(), priority: dice.below(9) } };
}
