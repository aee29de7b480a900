/** Any operations on any map: both engines do what a plain Map, a clock of slots, and a list of prefixes do. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { runs, TIMEOUT } from "../fuzz/runs.ts";
import {
  ARRAY,
  creation,
  HASH,
  LPM_TRIE,
  LRU_HASH,
  PERCPU_ARRAY,
  PERCPU_HASH,
  playOf,
} from "./arbitrary.ts";
import { engines } from "./engines.ts";
import { play } from "./operation.ts";
import { Specification } from "./specification.ts";

const TYPES = {
  hash: HASH,
  array: ARRAY,
  percpu_hash: PERCPU_HASH,
  percpu_array: PERCPU_ARRAY,
  lru_hash: LRU_HASH,
  lpm_trie: LPM_TRIE,
};
const CPUS = 3;

describe.each(Object.entries(TYPES))("%s", (_name, type) => {
  test.each(engines)(
    "does in the %s what its specification does",
    async (_engine, create) => {
      const limits = { type, cpus: CPUS, entries: fc.integer({ min: 1, max: 8 }), programs: true };
      const property = fc.asyncProperty(playOf(limits), async ({ shape, operations }) => {
        const engine = await create({ capacity: 65536, cpus: CPUS });
        const specification = new Specification(shape, CPUS);
        const [created, ...results] = play(engine, [creation(shape), ...operations]);
        expect(created).toBe(0);
        for (const [index, operation] of operations.entries()) {
          expect({ index, operation, result: results[index] }).toEqual({
            index,
            operation,
            result: specification.play(operation),
          });
        }
      });
      await fc.assert(property, runs(200));
    },
    TIMEOUT,
  );
});
