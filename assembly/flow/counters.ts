/**
 * Counters: one row each of verdicts, actions, reasons and conntrack states, and of what
 * connections did.
 */
import {
  COUNTER_ACTIONS,
  COUNTER_CONNTRACK,
  COUNTER_REASONS,
  COUNTER_VERDICTS,
  COUNTERS_SIZE,
} from "../../abi/layout";

export const COUNTERS = memory.data(COUNTERS_SIZE, 64);

/** Adds to the counter at a COUNTER_ offset. */
// @ts-ignore: decorator
@inline
export function add(counter: u32, amount: u64): void {
  store<u64>(COUNTERS + counter, load<u64>(COUNTERS + counter) + amount);
}

/** Counts `packets` of one outcome. */
export function count(outcome: u32, packets: u64): void {
  add(COUNTER_VERDICTS + ((outcome & 0xff) << 3), packets);
  add(COUNTER_ACTIONS + (((outcome >>> 8) & 0xff) << 3), packets);
  add(COUNTER_REASONS + (((outcome >>> 16) & 0xff) << 3), packets);
  add(COUNTER_CONNTRACK + ((outcome >>> 24) << 3), packets);
}
