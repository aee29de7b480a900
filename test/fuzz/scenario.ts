/** Scenarios: clusters, and what happens on a node of theirs. Each happening is told by one number. */
import fc from "fast-check";
import { createDataplane, createModel } from "../../src/index.ts";
import { createChecked } from "../conformance/dataplanes.ts";
import { cluster } from "./clusters.ts";
import { createDice, type Dice } from "./dice.ts";
import type { Packet } from "./packets.ts";
import { apply, demandEqual, demandSameMemory, type Pair, send } from "./pair.ts";
import { BATCH_CAPACITY, FLOODED, options } from "./settings.ts";
import { flood, lookAround, type Memory, type Talk, talk } from "./talks.ts";
import { noteCounters, noteStates, type Tally } from "./tally.ts";
import { createTrail } from "./trail.ts";

/** Around every limit that time has here, and far beyond. */
const WAITS = [
  0,
  1,
  500,
  999,
  1000,
  1001,
  2000,
  2001,
  2002,
  3000,
  3001,
  9999,
  10_000,
  10_001,
  30_000,
  30_001,
  60_000,
  60_001,
  120_000,
  120_001,
  180_001,
  210_000,
  210_001,
  300_000,
  300_001,
  400_001,
  3_600_001,
  86_400_001,
  432_000_001,
  2 ** 31,
  2 ** 32 + 5,
];
const SHORT_WAITS = 14;
const HAPPENINGS = { minLength: 1, maxLength: 60, size: "max" } as const;
/** Behind a flood there is much to compare. */
const FLOODED_HAPPENINGS = 5;
const TRAIL = 64;
/** All that is remembered is compared after so many happenings; what is counted, after each. */
const LOOK_EVERY = 3;

const happening = fc.record({
  kind: fc.oneof(
    { weight: 40, arbitrary: fc.constant("talk" as const) },
    { weight: 6, arbitrary: fc.constant("batch" as const) },
    { weight: 8, arbitrary: fc.constant("wait" as const) },
    { weight: 3, arbitrary: fc.constant("apply" as const) },
    { weight: 1, arbitrary: fc.constant("flush" as const) },
  ),
  seed: fc.nat(0xffffffff),
});
type Happening = typeof happening extends fc.Arbitrary<infer T> ? T : never;

export const scenario = fc.record({
  options,
  clusters: fc.array(cluster, { minLength: 2, maxLength: 2 }),
  epoch: fc.constantFrom(0, 1_700_000_000_000.75),
  happenings: fc.array(happening, HAPPENINGS),
});
export type Scenario = typeof scenario extends fc.Arbitrary<infer T> ? T : never;

interface Stage {
  readonly pair: Pair;
  readonly clusters: readonly object[][];
  readonly memory: Memory;
  readonly tally: Tally;
  now: number;
}

/** Rejects with a Disagreement. */
export async function play(scenario: Scenario, tally: Tally): Promise<void> {
  const stage = await build(scenario, tally);
  const { pair } = stage;
  const isFlooded = scenario.options.capacity?.connections === FLOODED;
  if (isFlooded) perform(stage, flood(stage.memory, createDice(scenario.options.seed!)), true);
  const happenings = scenario.happenings.slice(0, isFlooded ? FLOODED_HAPPENINGS : undefined);
  for (const [index, happening] of happenings.entries()) {
    happen(stage, happening);
    noteStates(tally, pair.model);
    demandEqual(pair.wasm.counters(), pair.model.counters(), "counters");
    if (index % LOOK_EVERY === 0) demandSameMemory(pair);
  }
  demandSameMemory(pair);
  noteCounters(tally, pair.model);
}

async function build({ options, clusters, epoch }: Scenario, tally: Tally): Promise<Stage> {
  // Half of the scenarios run with the assertions of the debug build.
  const create = (options.seed ?? 0) % 2 === 0 ? createDataplane : createChecked;
  const pair = { wasm: await create(options), model: await createModel(options) };
  const none = { services: [], endpoints: [] };
  const memory = { flows: [], trail: createTrail(TRAIL), late: [], targets: none };
  const stage = { pair, clusters, memory, tally, now: epoch };
  change(stage, 0);
  return stage;
}

function happen(stage: Stage, { kind, seed }: Happening): void {
  const dice = createDice(seed);
  const { pair, memory } = stage;
  if (kind === "talk") perform(stage, talk(memory, pair.model.maps, dice), false);
  if (kind === "batch") perform(stage, manyTalks(stage, dice), true);
  if (kind === "wait") stage.now += dice.oneOf(dice.once(3) ? WAITS : WAITS.slice(0, SHORT_WAITS));
  if (kind === "apply") change(stage, dice.below(2), dice.once(4));
  if (kind === "flush") for (const dataplane of [pair.wasm, pair.model]) dataplane.flush();
}

function change(stage: Stage, which: number, keepStaleFlows = false): void {
  const { pair, clusters, memory, tally } = stage;
  apply(pair, clusters[which]!, { keepStaleFlows });
  memory.targets = lookAround(pair.model.maps);
  tally.clusters++;
}

function* manyTalks({ pair, memory }: Stage, dice: Dice): Talk {
  for (let count = 1 + dice.below(12); count > 0; count--) {
    yield* talk(memory, pair.model.maps, dice);
  }
}

/** One packet after another, each knowing what came of the former; or all at once. */
function perform(stage: Stage, talk: Talk, batched: boolean): void {
  if (!batched) for (const packet of talk) pass(stage, [packet], false);
  else {
    const packets = [...talk];
    for (let first = 0; first < packets.length; first += BATCH_CAPACITY) {
      pass(stage, packets.slice(first, first + BATCH_CAPACITY), true);
    }
  }
}

function pass({ pair, memory, now }: Stage, packets: readonly Packet[], batched: boolean): void {
  const room = pair.model.batch.frameCapacity;
  const fitting = batched ? packets.filter(({ bytes }) => bytes.length <= room) : packets;
  const fates = send(pair, fitting, now, batched);
  for (const [index, { packet, released }] of fates.entries()) {
    memory.trail.note(fitting[index]!, packet);
    for (const one of released) memory.trail.note(fitting[index]!, one.packet);
  }
}
