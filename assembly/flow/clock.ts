/** The clock: milliseconds, handed in with every batch, never running backwards. */
import { SWEEP_INTERVAL } from "../../abi/limits";

let latest: u32 = 0;
let last: u32 = 0;

export function now(): u32 {
  return latest;
}

/** When the last sweep was. */
export function swept(): u32 {
  return last;
}

/** Goes on from another clock, which may have been ahead of this one. */
export function resume(time: u32, sweptAt: u32): void {
  latest = time;
  last = sweptAt;
}

/** Sets the clock; true when a sweep is due, which then counts as done. */
export function advance(time: u32): bool {
  latest = max<u32>(latest, time);
  if (latest - last < <u32>SWEEP_INTERVAL) return false;
  last = latest;
  return true;
}

/** Moves the origin forward by `delta`; times before the new origin become the origin. */
export function rebase(delta: u32): void {
  latest = earlier(latest, delta);
  last = earlier(last, delta);
}

/** A stored time after a rebase. */
export function earlier(time: u32, delta: u32): u32 {
  return time > delta ? time - delta : 0;
}
