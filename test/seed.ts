/**
 * One commit gives one result: every random test begins at the same seed. WAXDP_FUZZ_SEED=<number> begins at another,
 * as the one that a failure has told; WAXDP_FUZZ_SEED=random searches where nobody has been.
 */
import fc from "fast-check";
import { afterEach } from "vitest";

const FIXED = 1;

export const SEED = seedOf(process.env.WAXDP_FUZZ_SEED);

function seedOf(wanted: string | undefined): number {
  if (wanted === undefined || wanted === "") return FIXED;
  if (wanted === "random") return Math.floor(Math.random() * 2 ** 31);
  const seed = Number(wanted);
  if (Number.isInteger(seed)) return seed;
  throw new RangeError(`WAXDP_FUZZ_SEED=${wanted}: it must be a whole number, or "random"`);
}

fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: SEED });

// fast-check tells the seed of what it has found, nobody that of a search that has met too little.
afterEach(({ task }) => {
  if (task.result?.state === "fail" && SEED !== FIXED) {
    console.error(`${task.name}: WAXDP_FUZZ_SEED=${SEED} repeats it`);
  }
});
