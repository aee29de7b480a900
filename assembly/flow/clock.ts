/** The clock: milliseconds, handed in with every batch, never running backwards. */
import { SWEEP_INTERVAL } from "../../abi/limits";

let latest: u32 = 0;
let swept: u32 = 0;

export function now(): u32 {
  return latest;
}

/** Sets the clock; true when a sweep is due, which then counts as done. */
export function advance(time: u32): bool {
  latest = max<u32>(latest, time);
  if (latest - swept < <u32>SWEEP_INTERVAL) return false;
  swept = latest;
  return true;
}

/** Moves the origin forward by `delta`; times before the new origin become the origin. */
export function rebase(delta: u32): void {
  latest = earlier(latest, delta);
  swept = earlier(swept, delta);
}

/** A stored time after a rebase. */
export function earlier(time: u32, delta: u32): u32 {
  return time > delta ? time - delta : 0;
}
