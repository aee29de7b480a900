/**
 * Marsaglia's xorshift32, the one source of chance. "Xorshift RNGs", Journal of Statistical
 * Software 8 (14).
 */
import { fmix32 } from "../murmur3.ts";

/** The number after `state`; never 0 as long as `state` is not. */
export function xorshift32(state: number): number {
  let x = state;
  x ^= x << 13;
  x ^= x >>> 17;
  x ^= x << 5;
  return x >>> 0;
}

/** Where a dataplane's numbers start. Seeds that lie close together do not start close together. */
export function initial(seed: number): number {
  return fmix32(seed ^ 0x9e3779b9) || 0x6d2b79f5;
}

/**
 * Draws one of 0 .. length - 1: the high bits of the product, as xorshift's low bits are its weak
 * ones.
 */
export function draw(source: { random: number }, length: number): number {
  source.random = xorshift32(source.random);
  return Math.floor((source.random * length) / 2 ** 32);
}
