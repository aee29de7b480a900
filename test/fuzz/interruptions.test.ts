/**
 * Batches that are filled, taken through and looked at in pieces, while chains change under them: how a frame was
 * described when it was committed, and what became of those before it, must not get lost.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Batch, Dataplane } from "../../src/dataplane/dataplane.ts";
import { cluster } from "./clusters.ts";
import { createDice, type Dice } from "./dice.ts";
import { count, type Met } from "./met.ts";
import { apply, demandEqual, demandSameMemory } from "./pair.ts";
import { createBench } from "./programs/bench.ts";
import { programs } from "./programs/instructions.ts";
import { chain } from "./programs/scenario.ts";
import { runs, TIMEOUT } from "./runs.ts";
import { SEEDS } from "./seeds.ts";
import { options, ROOMY } from "./settings.ts";

const RUNS = 60;
/** More than two times what a program in batch form is given at a time. */
const BATCH = 600;

const step = fc.record({
  kind: fc.oneof(
    { weight: 5, arbitrary: fc.constant("commit" as const) },
    { weight: 4, arbitrary: fc.constant("process" as const) },
    { weight: 1, arbitrary: fc.constant("clear" as const) },
    { weight: 1, arbitrary: fc.constant("single" as const) },
  ),
  chain: fc.option(fc.oneof(chain, fc.constant({ ingress: [-1], egress: [] })), { freq: 2 }),
  length: fc.oneof(fc.nat(8), fc.constantFrom(255, 256, 257, 400)),
  seed: fc.nat(0xffffffff),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

const story = fc.record({
  options: options.map((drawn) => ({
    ...drawn,
    capacity: { ...ROOMY, ...drawn.capacity, arena: 1 << 18, cpus: 1, batch: BATCH },
  })),
  cluster,
  programs,
  steps: fc.array(step, { minLength: 1, maxLength: 16, size: "max" }),
});
type Story = typeof story extends fc.Arbitrary<infer T> ? T : never;

/** Rejects with a Disagreement. */
async function play(one: Story, met: Met): Promise<void> {
  const bench = await createBench(one.options, one.programs);
  const pair = { wasm: bench.wasm.dataplane, model: bench.model.dataplane };
  apply(pair, one.cluster);
  for (const [now, each] of one.steps.entries()) {
    const committed = pair.model.batch.length;
    if (each.chain !== null) {
      for (const side of [bench.wasm, bench.model]) side.install(each.chain);
      if (committed > 0) count(met, `chain changed with ${stateOf(pair.model.batch)}`);
    }
    take(pair, each, now);
    count(met, each.kind);
    compare(pair);
  }
  demandEqual(bench.wasm.memory(), bench.model.memory(), "programs");
  demandSameMemory(pair);
}

type Pair = Readonly<Record<"wasm" | "model", Dataplane>>;

function take({ wasm, model }: Pair, { kind, length, seed }: Step, now: number): void {
  for (const { batch, process } of [wasm, model]) {
    const dice = createDice(seed);
    if (kind === "clear") batch.clear();
    else if (kind === "process") batch.process(now, { events: true });
    else if (kind === "commit") for (let i = 0; i < length; i++) commit(batch, dice);
    else process(dice.oneOf(SEEDS).bytes, { now, mark: dice.word() });
  }
}

function commit(batch: Batch, dice: Dice): void {
  const { bytes, link } = dice.oneOf(SEEDS);
  const mark = dice.once(2) ? dice.word() : 0;
  if (bytes.length > batch.frameCapacity || batch.length === batch.capacity) return;
  batch.push(bytes, { linkType: link, mark, priority: dice.below(3) });
}

function stateOf(batch: Batch): string {
  return fateOf(batch, batch.length - 1).event === undefined ? "frames to come" : "frames done";
}

function compare({ wasm, model }: Pair): void {
  for (let index = 0; index < model.batch.length; index++) {
    demandEqual(fateOf(wasm.batch, index), fateOf(model.batch, index), `frame ${index}`);
  }
  const [found, wanted] = [wasm, model].map(({ batch }) =>
    batch.released().map(({ by, packet }) => ({ by, packet: packet.slice() })),
  );
  demandEqual(found, wanted, "released");
}

/** Frames that are still to come have bytes, but no event. */
function fateOf(batch: Batch, index: number) {
  const packet = batch.packet(index).slice();
  try {
    return { packet, event: batch.event(index), verdict: batch.verdict(index) };
  } catch {
    return { packet, event: undefined, verdict: undefined };
  }
}

describe(`${RUNS} stories of batches`, () => {
  const met: Met = new Map();

  test(
    "Wasm and the model agree on every frame of theirs",
    async () => {
      const searched = fc.asyncProperty(story, (one) => play(one, met));
      await fc.assert(searched, runs<[Story]>(RUNS));
    },
    TIMEOUT,
  );

  test.each([
    "commit",
    "process",
    "clear",
    "single",
    "chain changed with frames to come",
    "chain changed with frames done",
  ])("%s was met", (name) => {
    expect(met.get(name) ?? 0).toBeGreaterThan(RUNS / 10);
  });
});
