/**
 * Scenarios in which one dataplane runs from beginning to end, and beside it others take turns: each goes on from the
 * snapshot of the one before, whichever engine that was. Nobody may be able to tell.
 */
import fc from "fast-check";
import type { Dataplane, DataplaneOptions } from "../../src/dataplane/dataplane.ts";
import { linkOf } from "../../src/dataplane/link.ts";
import { createDataplane, createModel, parseObjects } from "../../src/index.ts";
import { createChecked } from "../conformance/dataplanes.ts";
import { cluster } from "../fuzz/clusters.ts";
import { createDice, type Dice } from "../fuzz/dice.ts";
import { isFragment } from "../fuzz/examination.ts";
import { count, type Met } from "../fuzz/met.ts";
import type { Packet } from "../fuzz/packets.ts";
import { apply, demandEqual, demandSameMemory, type Pair, send } from "../fuzz/pair.ts";
import { options } from "../fuzz/settings.ts";
import { lookAround, type Memory, type Talk, talk } from "../fuzz/talks.ts";
import { createTrail } from "../fuzz/trail.ts";

const CREATORS = [createDataplane, createChecked, createModel];
const WAITS = [0, 1, 500, 1000, 2001, 10_001, 30_001, 120_001, 300_001, 3_600_001, 86_400_001];
/** Near where a clock of 32 bits is moved, and around it. */
const LEAPS = [2 ** 31 - 5000, 2 ** 31 - 1, 2 ** 31, 2 ** 32 + 5, 2 ** 30];
const TRAIL = 64;

const happening = fc.record({
  kind: fc.oneof(
    { weight: 30, arbitrary: fc.constant("talk" as const) },
    { weight: 5, arbitrary: fc.constant("batch" as const) },
    { weight: 6, arbitrary: fc.constant("wait" as const) },
    { weight: 1, arbitrary: fc.constant("leap" as const) },
    { weight: 3, arbitrary: fc.constant("apply" as const) },
    { weight: 1, arbitrary: fc.constant("flush" as const) },
    { weight: 6, arbitrary: fc.constant("relay" as const) },
  ),
  seed: fc.nat(0xffffffff),
});
type Happening = typeof happening extends fc.Arbitrary<infer T> ? T : never;

/** With room for one connection, which has to stay when it is established: others find no room. */
const crowded = options.map(
  (drawn): DataplaneOptions => ({
    ...drawn,
    capacity: { ...drawn.capacity, connections: 1, connections6: 1 },
  }),
);

export const scenario = fc.record({
  options: fc.oneof({ weight: 2, arbitrary: options }, { weight: 1, arbitrary: crowded }),
  clusters: fc.array(cluster, { minLength: 3, maxLength: 3 }),
  epoch: fc.constantFrom(0, 1_700_000_000_000.75),
  happenings: fc.array(happening, { minLength: 10, maxLength: 60, size: "max" }),
});
export type Scenario = typeof scenario extends fc.Arbitrary<infer T> ? T : never;

interface Stage {
  readonly scenario: Scenario;
  /** `wasm` of it takes turns. */
  pair: Pair;
  readonly memory: Memory;
  readonly met: Met;
  now: number;
}

/** Rejects with a Disagreement. */
export async function play(scenario: Scenario, met: Met): Promise<void> {
  const { options, epoch } = scenario;
  const dice = createDice(options.seed ?? 0);
  const pair = {
    model: await dice.oneOf(CREATORS)(options),
    wasm: await dice.oneOf(CREATORS)(options),
  };
  const none = { services: [], endpoints: [] };
  const memory = { flows: [], trail: createTrail(TRAIL), late: [], targets: none };
  const stage: Stage = { scenario, pair, memory, met, now: epoch };
  change(stage, 0);
  for (const each of scenario.happenings) {
    await happen(stage, each);
    demandSameMemory(stage.pair);
  }
}

async function happen(stage: Stage, { kind, seed }: Happening): Promise<void> {
  const dice = createDice(seed);
  const { pair, memory } = stage;
  count(stage.met, kind);
  if (kind === "talk") pass(stage, talk(memory, pair.model.maps, dice), false);
  if (kind === "batch") pass(stage, manyTalks(stage, dice), true);
  if (kind === "wait") stage.now += dice.oneOf(WAITS);
  if (kind === "leap") stage.now += dice.oneOf(LEAPS);
  if (kind === "apply") change(stage, dice.below(3), dice.once(4));
  if (kind === "flush") for (const each of [pair.wasm, pair.model]) each.flush();
  if (kind === "relay") await relay(stage, dice);
}

function change({ pair, scenario, memory }: Stage, which: number, keepStaleFlows = false): void {
  apply(pair, scenario.clusters[which]!, { keepStaleFlows });
  memory.targets = lookAround(pair.model.maps);
}

/** Goes on elsewhere: mostly in a new dataplane, now and then in one that has its own past. */
async function relay(stage: Stage, dice: Dice): Promise<void> {
  const { pair, scenario, met } = stage;
  const next = await dice.oneOf(CREATORS)(successorOptions(scenario.options, dice));
  if (dice.once(3)) live(next, stage, dice);
  const bytes = pair.wasm.snapshot();
  next.restore(bytes);
  count(met, `${pair.wasm.engine} to ${next.engine}`);
  const [lengths, rows] = [pair.wasm, next].map(({ maps }) => maps.conntrack.length);
  demandEqual(rows, lengths, "connections");
  stage.pair = { model: pair.model, wasm: next };
}

/** Another seed, whose own it does not use; the same room, as what is full decides too. */
function successorOptions(options: DataplaneOptions, dice: Dice): DataplaneOptions {
  return { ...options, seed: dice.word() };
}

/** What it has gone through before is of no account. */
function live(dataplane: Dataplane, { scenario, memory, now }: Stage, dice: Dice): void {
  const other = { ...memory, flows: [], late: [], trail: createTrail(TRAIL) };
  dataplane.apply(parseObjects([...scenario.clusters[dice.below(3)]!]));
  other.targets = lookAround(dataplane.maps);
  for (let i = 0; i < 5; i++)
    for (const packet of talk(other, dataplane.maps, dice))
      dataplane.process(packet.bytes, { ...packet.options, now: now + i * 1000 });
}

function* manyTalks({ pair, memory }: Stage, dice: Dice): Talk {
  for (let times = 1 + dice.below(12); times > 0; times--)
    yield* talk(memory, pair.model.maps, dice);
}

/** Fragments are left out: a snapshot has none of those that wait. */
function pass(stage: Stage, talk: Talk, batched: boolean): void {
  if (!batched) {
    for (const packet of talk) if (isWhole(packet)) sendAll(stage, [packet], false);
    return;
  }
  const room = stage.pair.model.batch;
  const packets = [...talk].filter((packet) => isWhole(packet));
  const fitting = packets.filter(({ bytes }) => bytes.length <= room.frameCapacity);
  for (let first = 0; first < fitting.length; first += room.capacity)
    sendAll(stage, fitting.slice(first, first + room.capacity), true);
}

function isWhole({ bytes, options }: Packet): boolean {
  return !isFragment(bytes, linkOf(options.linkType ?? "ethernet").type);
}

function sendAll({ pair, memory, met, now }: Stage, packets: readonly Packet[], batched: boolean) {
  const fates = send(pair, packets, now, batched);
  for (const [index, { packet, event }] of fates.entries()) {
    memory.trail.note(packets[index]!, packet);
    count(met, `conntrack ${event.conntrack}`);
    if (event.reason) count(met, `reason ${event.reason}`);
  }
}
