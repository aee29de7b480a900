/** How long to search: WAXDP_FUZZ_RUNS multiplies the default. Where a search begins is test/seed.ts's. */
import type { Parameters } from "fast-check";

const FACTOR = Number(process.env.WAXDP_FUZZ_RUNS ?? 1);
const BASE_TIMEOUT = 300_000;

export function runs<T>(numRuns: number): Parameters<T> {
  return {
    numRuns: Math.ceil(numRuns * FACTOR),
    // A failure that takes long to shrink is told as far as it was shrunk.
    interruptAfterTimeLimit: TIMEOUT * 0.8,
    markInterruptAsFailure: true,
  };
}

/** Milliseconds a test of such a length may take. */
export const TIMEOUT = BASE_TIMEOUT * Math.max(1, FACTOR);
