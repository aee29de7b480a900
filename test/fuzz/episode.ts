/** Episodes: one dataplane from its creation on, and some thousand packets. A number says all of it again. */
import fc from "fast-check";
import type { Dataplane, DataplaneOptions } from "../../src/dataplane/dataplane.ts";
import type { Verdict } from "../../src/dataplane/event.ts";
import { linkOf } from "../../src/dataplane/link.ts";
import { createDataplane, createModel, parseObjects } from "../../src/index.ts";
import { createChecked } from "../conformance/dataplanes.ts";
import { OBJECTS } from "../conformance/scene.ts";
import { cluster, NODE } from "./clusters.ts";
import type { Case, Group, Setup } from "./corpus.ts";
import { createDice, type Dice } from "./dice.ts";
import { examine, examineReleased, isFragment } from "./examination.ts";
import { mutate } from "./mutation.ts";
import type { Packet } from "./packets.ts";
import { apply, demandEqual, demandSameMemory, send } from "./pair.ts";
import { SEEDS } from "./seeds.ts";
import { BATCH_CAPACITY, FLOODED, options, ROOMY } from "./settings.ts";
import { lookAround, type Memory, talk } from "./talks.ts";
import { createTrail } from "./trail.ts";

/** Batches of an episode. */
export const BATCHES = 32;
const WAITS = [0, 0, 0, 1, 500, 1001, 2001, 10_001, 30_001, 120_001];
const TRAIL = 256;
/** One packet of so many is remembered, to be mutated further. */
const REMEMBERED = 16;
/** One of so many slots is given to a conversation instead of a mutation. */
const TALKS = 24;

export interface Kind {
  /** The debug build, whose assertions trap. */
  readonly checked: boolean;
  /** The model takes the same packets, and has to come to the same. */
  readonly lockstep: boolean;
}

/** What an episode runs on. */
export interface Engines {
  readonly wasm: Dataplane;
  readonly model: Dataplane | undefined;
  /** Fragments that did not leave: they may leave later. */
  readonly fragments: { readonly bytes: Uint8Array; readonly link: number }[];
}

/** Half of the episodes play in a cluster where everything works, the others anywhere. */
export function setupOf(number: number): Setup {
  const [drawn, objects] = fc.sample(fc.tuple(options, cluster), { seed: number, numRuns: 1 })[0]!;
  const { seed = 0 } = drawn;
  const plain: DataplaneOptions = { node: NODE, seed, capacity: ROOMY };
  const small = drawn.capacity?.connections === FLOODED ? plain : drawn;
  return number % 2 === 0
    ? { name: `episode ${number}`, options: plain, objects: OBJECTS }
    : { name: `episode ${number}`, options: small, objects };
}

export async function createEngines(setup: Setup, { checked, lockstep }: Kind): Promise<Engines> {
  const wasm = await (checked ? createChecked : createDataplane)(setup.options);
  const model = lockstep ? await createModel(setup.options) : undefined;
  if (model) apply({ wasm, model }, setup.objects);
  else wasm.apply(parseObjects([...setup.objects]));
  return { wasm, model, fragments: [] };
}

/** What the packets of an episode come from. */
export interface Source {
  next(): Group;
  /** What became of the last group, which decides about the next ones. */
  heed(packets: readonly Packet[], left: readonly Uint8Array[]): void;
}

export function createSource(number: number, { wasm }: Engines): Source {
  const dice = createDice(number);
  const targets = lookAround(wasm.maps);
  const memory: Memory = { flows: [], trail: createTrail(TRAIL), late: [], targets };
  return {
    next: () => ({ waited: dice.oneOf(WAITS), packets: fill(memory, wasm, dice) }),
    heed(packets, left) {
      let index = dice.below(REMEMBERED);
      for (; index < left.length; index += 1 + dice.below(REMEMBERED)) {
        memory.trail.note(packets[index]!, left[index]!.slice());
      }
    },
  };
}

function fill(memory: Memory, { maps, batch }: Dataplane, dice: Dice): Packet[] {
  const packets: Packet[] = [];
  const put = (packet: Packet) => {
    if (packets.length < BATCH_CAPACITY && packet.bytes.length <= batch.frameCapacity) {
      packets.push(packet);
    }
  };
  while (packets.length < BATCH_CAPACITY) {
    if (dice.once(TALKS)) for (const packet of talk(memory, maps, dice)) put(packet);
    else put(mutate(pick(memory, dice), pick(memory, dice), dice));
  }
  return packets;
}

function pick({ trail }: Memory, dice: Dice) {
  return (dice.once(4) ? undefined : trail.pick(dice)) ?? dice.oneOf(SEEDS);
}

/**
 * Takes one group through the engines, and returns what became of its packets, right until the next one. Throws
 * Defect, Disagreement, or what the module throws.
 */
export function pass(engines: Engines, { packets }: Group, now: number): Uint8Array[] {
  const { wasm, model } = engines;
  const fates = model ? send({ wasm, model }, packets, now, true) : run(wasm, packets, now);
  if (model) demandEqual(wasm.counters(), model.counters(), "counters");
  for (const [index, { verdict, packet }] of fates.entries()) {
    const came = packets[index]!;
    examine(came.bytes, packet, verdict, linkTypeOf(came));
    if (verdict === "DROP" && isFragment(came.bytes, linkTypeOf(came))) {
      engines.fragments.push({ bytes: came.bytes, link: linkTypeOf(came) });
    }
  }
  for (const { released } of fates) {
    for (const { packet } of released) examineReleased(engines.fragments, packet);
  }
  return fates.map(({ packet }) => packet);
}

/** What became of a packet, without its event, which takes longer than all the rest. */
interface Fate {
  readonly verdict: Verdict;
  readonly packet: Uint8Array;
  released: readonly { readonly packet: Uint8Array }[];
}

const NONE: Fate["released"] = [];

function run({ batch }: Dataplane, packets: readonly Packet[], now: number): Fate[] {
  batch.clear();
  for (const { bytes, options } of packets) batch.push(bytes, options);
  batch.process(now);
  const fates = packets.map((_, index): Fate => {
    return { verdict: batch.verdict(index), packet: batch.packet(index), released: NONE };
  });
  for (const { by, packet } of batch.released()) {
    const fate = fates[by]!;
    fate.released = [...fate.released, { packet }];
  }
  return fates;
}

function linkTypeOf({ options }: Packet): number {
  return linkOf(options.linkType ?? "ethernet").type;
}

/** Throws as `pass` does when a case fails. */
export async function check(given: Case, kind: Kind): Promise<void> {
  const engines = await createEngines(given, kind);
  let now = 0;
  for (const group of given.groups) {
    now += group.waited;
    pass(engines, group, now);
  }
  finish(engines);
}

/** What is remembered in the end. */
export function finish({ wasm, model }: Engines): void {
  if (model) demandSameMemory({ wasm, model });
}
