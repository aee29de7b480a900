/** Programs in the way of packets, and maps from all sides: what is timed is what is said to be. */
import { afterEach, describe, expect, it, vi } from "vitest";
import { createPrograms } from "../../bench/engines/programs.ts";
import type { Contestant, Work } from "../../bench/heats/contestant.ts";
import { runHeat } from "../../bench/heats/heat.ts";
import { PROGRAMS } from "../../bench/heats/heats.ts";
import { LOAD_NAMES, NO_PROGRAM } from "../../bench/heats/programs.ts";
import { runKernelMaps } from "../../bench/kernel/maps.ts";
import { measureMaps } from "../../bench/measurements/maps.ts";
import { insideOperators, outsideOperators } from "../../bench/programs/operators.ts";
import { ENTRIES, OPERATIONS } from "../../bench/programs/sources.ts";
import { makeWork } from "../../bench/rows/work.ts";
import { createDataplane, Program, ProgramError } from "../../src/index.ts";
import { PLAIN } from "./row.ts";

const REQUIRED = process.env.WAXDP_REQUIRE_TOOLS === "1";
/** Names of every heat's contestants. */
const ALL = new Set(PROGRAMS.flatMap(({ lanes }) => lanes.map(({ contestant }) => contestant)));

afterEach(() => {
  vi.restoreAllMocks();
});

async function present(wanted: ReadonlySet<string> = ALL): Promise<readonly Contestant[]> {
  const found = await createPrograms(wanted);
  return found.map((each) => {
    if ("reason" in each) throw new Error(each.reason);
    return { ...each, batches: 1 };
  });
}

function withoutCompiler(): void {
  vi.spyOn(Program, "compile").mockRejectedValue(new ProgramError("no-compiler", "none there"));
}

describe("the contestants", () => {
  it("run in every place, and all packets come out translated", async () => {
    const contestants = new Map((await present()).map((each) => [each.name, each]));
    expect(new Set(contestants.keys())).toEqual(ALL);
    // Every place in large calls, and one in small ones.
    for (const heat of PROGRAMS.slice(0, 4)) {
      const row = { ...PLAIN, batch: heat.lanes[0]!.row.batch };
      const lanes = heat.lanes.map((lane) => ({ ...lane, row }));
      const effort = { rounds: 1, repeat: false };
      const result = await runHeat({ ...heat, lanes }, contestants, effort, async () => {});
      expect(result.failures).toEqual([]);
      expect(result.lanes.map(({ lane }) => lane.name)).toEqual([NO_PROGRAM, ...LOAD_NAMES]);
      for (const { timing } of result.lanes) expect(timing.median).toBeGreaterThan(0);
    }
  });

  it("are those that are wanted", async () => {
    expect(await createPrograms(new Set(["wasm"]))).toEqual([]);
    const wanted = new Set([NO_PROGRAM, "one no-op on egress"]);
    expect((await present(wanted)).map(({ name }) => name)).toEqual([...wanted]);
  });

  it("leave nothing attached, so that the next one is measured alone", async () => {
    const create = vi.spyOn(await import("../../src/index.ts"), "createDataplane");
    const [alone, ten] = await present(new Set([NO_PROGRAM, "ten no-ops on egress"]));
    const work: Work = await makeWork(PLAIN);
    create.mockClear();
    const runs = [await alone?.prepare(work), await ten?.prepare(work)];
    const dataplanes = create.mock.results.map(({ value }) => value);
    expect(dataplanes).toHaveLength(1);
    const { hooks, programs } = await dataplanes[0];
    for (const run of runs) {
      await run?.time(1);
      expect(hooks.active).toBe(false);
    }
    expect(programs.list()).toHaveLength(11);
  });

  it("are absent without the compiler, with its reason", async () => {
    withoutCompiler();
    expect(await createPrograms(ALL)).toEqual([{ name: "programs", reason: "none there" }]);
    vi.spyOn(Program, "compile").mockRejectedValue(new ProgramError("compile", "x.ts:1:1"));
    await expect(createPrograms(ALL)).rejects.toThrow("x.ts:1:1");
  });
});

describe("operations on maps", () => {
  it("touch every entry, from outside and in programs", async () => {
    const dataplane = await createDataplane();
    const operators = [...outsideOperators(dataplane)];
    const inside = await insideOperators(dataplane);
    if ("reason" in inside) throw new Error(inside.reason);
    for (const { map, run } of [...operators, ...inside]) {
      const entries = dataplane.maps.get(map);
      for (const operation of map === "array" ? (["lookup", "update"] as const) : OPERATIONS) {
        expect(run(operation)).toBeLessThan(1e6);
        expect(entries?.length).toBe(operation === "delete" ? 0 : ENTRIES);
      }
    }
    expect(dataplane.hooks.active).toBe(false);
  });

  it("fail loudly when an entry is not there", async () => {
    const dataplane = await createDataplane();
    const outside = outsideOperators(dataplane).find(({ map }) => map === "hash");
    const inside = await insideOperators(dataplane);
    if ("reason" in inside) throw new Error(inside.reason);
    outside?.run("delete");
    const wrong = `${ENTRIES} of ${ENTRIES} entries failed`;
    for (const operation of ["lookup", "delete"] as const) {
      expect(() => outside?.run(operation)).toThrow(`${operation} in hash: ${wrong}`);
      expect(() => inside.find(({ map }) => map === "hash")?.run(operation)).toThrow(wrong);
    }
  });

  it("are measured from TypeScript alone without compiler and kernel", async () => {
    withoutCompiler();
    vi.spyOn(process, "platform", "get").mockReturnValue("darwin");
    const { operations, xdp, absent } = await measureMaps(1);
    expect(new Set(operations.map(({ side }) => side))).toEqual(new Set(["TypeScript"]));
    expect(operations.map(({ map, operation }) => `${map} ${operation}`)).toEqual([
      "array lookup",
      "array update",
      ...["hash", "lpm_trie"].flatMap((map) => OPERATIONS.map((each) => `${map} ${each}`)),
    ]);
    expect(xdp).toBeUndefined();
    expect(absent.map(({ reason }) => reason)).toEqual(["none there", "only Linux has BPF"]);
  });

  it("are done by the kernel as well", async ({ skip }) => {
    const figures = await runKernelMaps(1024, 2);
    skip("reason" in figures && !REQUIRED, JSON.stringify(figures));
    if ("reason" in figures) throw new Error(figures.reason);
    expect(figures).toHaveLength(2 * (1 + 3 + 5 + 5));
    for (const { side, nanoseconds } of figures) {
      expect(["bpf(2)", "kernel program"]).toContain(side);
      expect(nanoseconds).toBeGreaterThan(0);
    }
  });
});
