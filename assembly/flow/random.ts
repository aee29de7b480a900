/** The one source of random choices: xorshift32 (Marsaglia 2003), started by the seed. */
import { finalise } from "../maps/hash";

/** Keeps the generator's start apart from other uses of the seed. */
const SALT: u32 = 0x9e3779b9;
/** xorshift never leaves 0. */
const START: u32 = 0x6d2b79f5;

let state: u32 = 0;

export function init(seed: u32): void {
  const mixed = finalise(seed ^ SALT);
  state = mixed == 0 ? START : mixed;
}

export function randomState(): u32 {
  return state;
}

export function setRandomState(value: u32): void {
  state = value == 0 ? START : value;
}

/** A number below `bound`. */
export function below(bound: u32): u32 {
  state = after(state);
  return scaled(state, bound);
}

/** The state that follows one. */
// @ts-ignore: decorator
@inline
export function after(state: u32): u32 {
  state ^= state << 13;
  state ^= state >>> 17;
  return state ^ (state << 5);
}

/** The number below `bound` that a state stands for. */
// @ts-ignore: decorator
@inline
export function scaled(state: u32, bound: u32): u32 {
  return <u32>((<u64>state * <u64>bound) >>> 32);
}
