/** Draws that one number repeats: what a search has found can be found again. */
export interface Dice {
  /** 0 .. 2^32-1. */
  word(): number;
  /** 0 .. length-1. */
  below(length: number): number;
  /** True once in `times`. */
  once(times: number): boolean;
  oneOf<T>(list: readonly T[]): T;
  bytes(length: number): Uint8Array;
  /** The same in another order. */
  shuffled<T>(list: readonly T[]): T[];
}

/** Of the seeds next to each other the first draws shall differ too: MurmurHash3's finaliser. */
function scattered(seed: number): number {
  let word = seed | 0;
  word = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  word = Math.imul(word ^ (word >>> 13), 0xc2b2ae35);
  return (word ^ (word >>> 16)) >>> 0;
}

/** xorshift32 (Marsaglia, "Xorshift RNGs", 2003), whose state is never 0. */
export function createDice(seed: number): Dice {
  let state = scattered(seed + 1) || 1;
  function word(): number {
    state ^= state << 13;
    state ^= state >>> 17;
    state = (state ^ (state << 5)) >>> 0;
    return state;
  }
  const below = (length: number) => Math.floor((word() / 2 ** 32) * length);
  function shuffled<T>(list: readonly T[]): T[] {
    const result = [...list];
    for (let last = result.length - 1; last > 0; last--) {
      const other = below(last + 1);
      [result[last], result[other]] = [result[other] as T, result[last] as T];
    }
    return result;
  }
  return {
    word,
    below,
    once: (times) => below(times) === 0,
    oneOf: (list) => list[below(list.length)]!,
    bytes: (length) => Uint8Array.from({ length }, () => word() >>> 24),
    shuffled,
  };
}
