/**
 * The kernel's own maps against those of both engines: the same operations, asked by bpf(2), and what they answer
 * compared. Skipped where bpf(2) is not allowed, unless WAXDP_REQUIRE_TOOLS=1 says that it is.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runs, TIMEOUT } from "../fuzz/runs.ts";
import {
  ARRAY,
  creation,
  HASH,
  LPM_TRIE,
  LRU_HASH,
  MAP,
  PERCPU_ARRAY,
  PERCPU_HASH,
  playOf,
} from "../maps/arbitrary.ts";
import { engines } from "../maps/engines.ts";
import { type Operation, play, type Result } from "../maps/operation.ts";
import { records } from "../maps/records.ts";
import { references } from "../maps/references.ts";
import { shapes } from "../maps/shapes.ts";
import { start, type Talker } from "./process.ts";

const SCRIPT = fileURLToPath(new URL("maps.py", import.meta.url));
const absent = spawnSync("python3", [SCRIPT], { input: "" }).status !== 0;
const skipped = absent && process.env.WAXDP_REQUIRE_TOOLS !== "1";

/** ENOTSUPP, which the kernel keeps to itself and lets out here; there is EOPNOTSUPP for it. */
const [ENOTSUPP, EOPNOTSUPP] = [524, 95];
/** An LRU of the kernel may give up entries long before it is full: it has lists of free ones for each CPU. */
const LRU_ENTRIES = 4096;

describe.skipIf(skipped)("the kernel's maps", () => {
  let kernel: Talker;
  let cpus: number;
  /** Programs may run on every CPU there is a value for. */
  let programs: boolean;
  beforeAll(async () => {
    kernel = start("python3", [SCRIPT]);
    const found = JSON.parse(await kernel.readLine());
    [cpus, programs] = [found.cpus, found.usable === found.cpus];
  });
  afterAll(() => kernel.end());

  const ask = async (operations: readonly Operation[]): Promise<Result[]> => {
    kernel.write(`${JSON.stringify(operations)}\n`);
    const results: Result[] = JSON.parse(await kernel.readLine());
    return results.map((result) => (result === -ENOTSUPP ? -EOPNOTSUPP : result));
  };

  /** Both engines answer as the kernel. */
  const judge = async (operations: readonly Operation[]) => {
    const wanted = await ask(operations);
    for (const [name, create] of engines) {
      const engine = await create({ cpus });
      const results = play(engine, operations);
      expect({ name, operations, results }).toEqual({ name, operations, results: wanted });
    }
  };

  const types = {
    hash: HASH,
    array: ARRAY,
    percpu_hash: PERCPU_HASH,
    percpu_array: PERCPU_ARRAY,
    lru_hash: LRU_HASH,
    lpm_trie: LPM_TRIE,
  };
  test.each(Object.entries(types))(
    "%s: any operations",
    async (_name, type) => {
      const entries = type === LRU_HASH ? fc.constant(LRU_ENTRIES) : fc.integer({ min: 1, max: 8 });
      const property = fc.asyncProperty(
        playOf({ type, cpus, entries, programs }),
        ({ shape, operations }) => judge([creation(shape), ...operations]),
      );
      await fc.assert(property, runs(100));
    },
    TIMEOUT,
  );

  test(
    "maps of maps and prog_arrays: any operations",
    () => fc.assert(fc.asyncProperty(references, judge), runs(150)),
    TIMEOUT,
  );

  test(
    "ringbuf: any records, written and read",
    () => fc.assert(fc.asyncProperty(records, judge), runs(60)),
    TIMEOUT,
  );

  test("shapes that are taken, and those that are not", async () => {
    for (const shape of shapes()) await judge([creation(shape)]);
  });

  test("what stands in a map of maps", async () => {
    const answers = await ask([["create", MAP, 3, 4, 4, 1, 0, null]]);
    expect(answers).toEqual([0]);
    for (const type of [12, 13]) {
      for (const inner of [HASH, ARRAY, 3, PERCPU_HASH, PERCPU_ARRAY, LRU_HASH]) {
        await judge([
          ["create", "inner", inner, 4, 4, 1, 0, null],
          ["create", MAP, type, 4, 4, 1, 0, "inner"],
        ]);
      }
    }
  });
});
