/** What programs do to packets, and what they ask besides. */
import { Context } from "./context";
import * as helpers from "./helpers";
import { lengthOf, place } from "./names";

/** Nanoseconds since the dataplane's first packet; the same for all packets of a batch. */
export function time(): i64 {
  return helpers.time();
}

export function random(): u32 {
  return helpers.random();
}

/** The CPU whose values per-CPU maps show. */
export function cpu(): u32 {
  return helpers.cpu();
}

/** The number of a reason for `ctx.drop`. Only while the program is loaded: at top level. */
export function reason(name: string): u32 {
  return helpers.reason(place(0, name), lengthOf(name));
}

/** Moves the front of the frame: bytes are won below 0, zeros at first, and lost above. False when there is no room. */
export function adjustHead(ctx: Context, delta: i32): bool {
  return helpers.adjustHead(changetype<usize>(ctx), delta) == 0;
}

/** Moves its end: bytes are won above 0. */
export function adjustTail(ctx: Context, delta: i32): bool {
  return helpers.adjustTail(changetype<usize>(ctx), delta) == 0;
}

/** `return redirect(ctx, row)`: it leaves by that interface; ABORTED when there is none of that number. */
export function redirect(ctx: Context, row: u32): i32 {
  return helpers.redirect(changetype<usize>(ctx), row);
}
