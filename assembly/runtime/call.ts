/** A call of the host, from its beginning. */
import * as program from "./program";
import * as walk from "./walk";

/**
 * Begins with `count` packets from `slot` on, of whom the host has written into their contexts how they have come, mark
 * and priority. Their frames, of up to `most` bytes, begin `apart` bytes one from the other.
 */
export function open(slot: u32, count: u32, data: usize, apart: u32, most: u32, now: u32): void {
  program.begin();
  walk.open(slot, count, data, apart, most, now);
}
