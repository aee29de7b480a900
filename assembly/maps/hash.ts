/**
 * The hashes: a keyed multiply-xorshift over the keys of the tables, and MurmurHash3 for choices
 * that have to come out the same in every engine.
 */

/** Odd constants with well spread bits (golden ratio and relatives, from the xxHash family). */
const MULTIPLIER0: u64 = 0x9e3779b97f4a7c15;
const MULTIPLIER1: u64 = 0xc2b2ae3d27d4eb4f;

let key0: u64 = 0;
let key1: u64 = 0;

/** Keys the hash of the tables, so that nobody who does not know the seed can aim at one group. */
export function init(seed: u32): void {
  key0 = splitmix((<u64>seed + 1) * MULTIPLIER0);
  key1 = splitmix(key0 + MULTIPLIER0);
}

/** The finaliser of SplitMix64. */
function splitmix(state: u64): u64 {
  state = (state ^ (state >>> 30)) * 0xbf58476d1ce4e5b9;
  state = (state ^ (state >>> 27)) * 0x94d049bb133111eb;
  return state ^ (state >>> 31);
}

/** Where the last word of a key begins. */
// @ts-ignore: decorator
@inline
export function tailOf<K>(): usize {
  return (offsetof<K>() - 1) & ~7;
}

/**
 * The last word of a key, as far as it is the key's. Half a word is read as such: a load that is
 * wider than the store before it waits until that has left the processor.
 */
// @ts-ignore: decorator
@inline
export function lastWord<K>(key: usize): u64 {
  const size = offsetof<K>() - tailOf<K>();
  if (size == 4) return load<u32>(key, tailOf<K>());
  return load<u64>(key, tailOf<K>()) & (~(<u64>0) >>> (<u64>(8 - size) << 3));
}

/** The hash of a key of class K, word by word. */
// @ts-ignore: decorator
@inline
export function hash<K>(key: usize): u32 {
  let state = word(key0, load<u64>(key));
  if (tailOf<K>() > 8) state = word(state, load<u64>(key, 8));
  if (tailOf<K>() > 16) state = word(state, load<u64>(key, 16));
  if (tailOf<K>() > 24) state = word(state, load<u64>(key, 24));
  return last(state, lastWord<K>(key));
}

/** The hash of a key of two words, both in registers. */
// @ts-ignore: decorator
@inline
export function hashPair(first: u64, tail: u64): u32 {
  return last(word(key0, first), tail);
}

/** The same of three words. */
// @ts-ignore: decorator
@inline
export function hashThree(first: u64, second: u64, tail: u64): u32 {
  return last(word(word(key0, first), second), tail);
}

// @ts-ignore: decorator
@inline
function word(state: u64, value: u64): u64 {
  state = (state ^ value) * MULTIPLIER0;
  return state ^ (state >>> 32);
}

// @ts-ignore: decorator
@inline
function last(state: u64, tail: u64): u32 {
  return <u32>(((state ^ tail ^ key1) * MULTIPLIER1) >>> 32);
}

/** The 32-bit finaliser of MurmurHash3. */
export function finalise(state: u32): u32 {
  state = (state ^ (state >>> 16)) * 0x85ebca6b;
  state = (state ^ (state >>> 13)) * 0xc2b2ae35;
  return state ^ (state >>> 16);
}

/** MurmurHash3_x86_32, block by block from the seed on. */
export function mix(state: u32, block: u32): u32 {
  return rotl<u32>(state ^ scramble(block), 13) * 5 + 0xe6546b64;
}

/** The end of it: what is left, less than a block, and the length in bytes of all. */
export function finish(state: u32, rest: u32, length: u32): u32 {
  return finalise(state ^ scramble(rest) ^ length);
}

// @ts-ignore: decorator
@inline
function scramble(block: u32): u32 {
  return rotl<u32>(block * 0xcc9e2d51, 15) * 0x1b873593;
}
