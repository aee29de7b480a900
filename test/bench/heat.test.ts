/** Heats: who competes is held to the same bytes, measured by turns, and given up when it fails. */
import { describe, expect, it } from "vitest";
import { model, typescript, wasm } from "../../bench/engines/engines.ts";
import { committed, noted, pushed, read } from "../../bench/engines/take.ts";
import type { Contestant, Row, Run } from "../../bench/heats/contestant.ts";
import { type Heat, runHeat } from "../../bench/heats/heat.ts";
import { PLAIN } from "./row.ts";

const EFFORT = { rounds: 2, repeat: false };
const pause = async () => {};

function heatOf(row: Row, contestants: readonly Contestant[]): Heat {
  return {
    topic: "test",
    name: row.name,
    lanes: contestants.map(({ name }) => ({ name, contestant: name, row })),
  };
}

function run(row: Row, contestants: readonly Contestant[]) {
  const all = new Map(contestants.map((each) => [each.name, each]));
  return runHeat(heatOf(row, contestants), all, EFFORT, pause);
}

/** One whose rounds take what it is told. */
function fake(name: string, changes: Partial<Run> = {}): Contestant {
  return {
    name,
    batches: 1,
    prepare: async () => ({
      time: async () => [10],
      check: async () => null,
      close: async () => {},
      ...changes,
    }),
    close: async () => {},
  };
}

const ROWS: readonly Row[] = [
  PLAIN,
  { ...PLAIN, name: "IPv6", family: "ipv6", proto: "mixed" },
  { ...PLAIN, name: "forward", kind: "forward" },
  { ...PLAIN, name: "reply", kind: "reply", proto: "mixed" },
  { ...PLAIN, name: "new", kind: "new", flows: 4096 },
  { ...PLAIN, name: "mixed", kind: "mixed" },
  { ...PLAIN, name: "masquerade", masquerade: true },
  { ...PLAIN, name: "small batches", batch: 32 },
];

describe("the engines of this process", () => {
  const engines = [wasm(), typescript()].map((each) => ({ ...each, batches: 1 }));

  it.each(ROWS)("make the same bytes of $name", async (row) => {
    const { lanes, failures } = await run(row, engines);
    expect(failures).toEqual([]);
    expect(lanes.map(({ lane }) => lane.name)).toEqual(["wasm", "typescript"]);
    // Of small batches a time is the difference of two, which a busy machine may turn around.
    const least = row.batch === PLAIN.batch ? 0 : Number.NEGATIVE_INFINITY;
    for (const { timing } of lanes) expect(timing.median).toBeGreaterThan(least);
  });

  it("make the same bytes, the model too", async () => {
    const { lanes, failures } = await run({ ...PLAIN, batch: 256 }, [
      { ...wasm(), batches: 1 },
      model(),
    ]);
    expect([lanes.length, failures]).toEqual([2, []]);
  });

  it("make the same bytes whatever is timed", async () => {
    const ways = { committed, noted, pushed, read };
    const contestants = Object.entries(ways).map(([name, take]) => wasm(name, take));
    const small = contestants.map((each) => ({ ...each, batches: 1 / 16 }));
    const { lanes, failures } = await run(PLAIN, [{ ...wasm(), batches: 1 }, ...small]);
    expect([lanes.length, failures]).toEqual([5, []]);
  });

  it("do a mixed row all over again when its packets are used up", async () => {
    const row: Row = { ...PLAIN, kind: "mixed" };
    const { lanes } = await run(row, [{ ...wasm(), batches: 40 }]);
    expect(lanes[0]?.timing.median).toBeGreaterThan(0);
  });
});

describe("a heat", () => {
  it("compares round by round", async () => {
    const times = [10, 10, 10, 20];
    const steady = fake("base", { time: async () => [times.shift() ?? 20] });
    const doubled = fake("double", { time: async () => [30] });
    const { lanes } = await run(PLAIN, [steady, doubled]);
    expect(lanes[0]?.ratio.median).toBe(1);
    expect(lanes[1]?.ratio.p10).toBeLessThanOrEqual(3);
    expect(lanes[1]?.timing.median).toBe(30);
  });

  it("says which lane differed from round to round", async () => {
    let calls = 0;
    const restless = fake("restless", { time: async () => [calls++ % 2 ? 10 : 90] });
    const { lanes } = await run(PLAIN, [fake("calm"), restless]);
    expect(lanes.map(({ noisy }) => noisy)).toEqual([false, true]);
  });

  it("gives up who makes other bytes, and says so", async () => {
    const right = fake("right", { check: async () => [Uint8Array.of(1), Uint8Array.of(2)] });
    const wrong = fake("wrong", { check: async () => [Uint8Array.of(1), Uint8Array.of(3)] });
    const { lanes, failures } = await run(PLAIN, [right, wrong]);
    expect(lanes.map(({ lane }) => lane.name)).toEqual(["right"]);
    expect(failures).toMatchObject([
      { lane: { name: "wrong" }, message: "packet 2 came out with other bytes than right's" },
    ]);
  });

  it("gives up who cannot begin, and closes who could", async () => {
    let open = 0;
    const fine = fake("fine", {
      close: async () => {
        open--;
      },
    });
    const prepare = async (work: Parameters<Contestant["prepare"]>[0]) => {
      open++;
      return fine.prepare(work);
    };
    const broken: Contestant = {
      ...fake("broken"),
      prepare: () => Promise.reject(new Error("no memory\nat all")),
    };
    const { failures } = await run(PLAIN, [{ ...fine, prepare }, broken]);
    expect([open, failures]).toMatchObject([0, [{ message: "no memory" }]]);
  });

  it("leaves out who is absent or does not run such rows", async () => {
    const idle: Contestant = { ...fake("idle"), prepare: async () => undefined };
    const { lanes, failures } = await run(PLAIN, [fake("here"), idle]);
    expect([lanes.length, failures]).toEqual([1, []]);
  });
});
