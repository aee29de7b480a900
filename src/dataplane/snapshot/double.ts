/** Rows that are there twice. */

/** Rows of `width` words each. */
export interface Rows {
  readonly words: Uint32Array;
  readonly width: number;
}

/** Odd; those of xxHash32. */
const MULTIPLIER0 = 0x9e3779b1;
const MULTIPLIER1 = 0x85ebca77;

/**
 * The number of a row that equals one before it, undefined when all differ: by a table of twice as many places, found
 * with a hash whose key nobody knows, so that no rows can be made that share a place.
 */
export function findDouble({ words, width }: Rows): number | undefined {
  const length = words.length / width;
  const places = new Uint32Array(2 ** Math.ceil(Math.log2(2 * length + 1)));
  const mask = places.length - 1;
  const key = Uint32Array.from({ length: width + 1 }, () => Math.random() * 2 ** 32);
  for (let row = 0; row < length; row++) {
    let place = hashOf(words, row * width, key) & mask;
    for (; places[place] !== 0; place = (place + 1) & mask)
      if (isSame(words, row * width, ((places[place] as number) - 1) * width, width)) return row;
    places[place] = row + 1;
  }
  return undefined;
}

function hashOf(words: Uint32Array, at: number, key: Uint32Array): number {
  let hash = key[key.length - 1] as number;
  for (let i = 0; i < key.length - 1; i++) {
    hash = Math.imul(hash ^ (words[at + i] as number) ^ (key[i] as number), MULTIPLIER0);
    hash = Math.imul(hash ^ (hash >>> 15), MULTIPLIER1);
    hash ^= hash >>> 13;
  }
  return hash >>> 0;
}

function isSame(words: Uint32Array, a: number, b: number, width: number): boolean {
  for (let i = 0; i < width; i++) if (words[a + i] !== words[b + i]) return false;
  return true;
}
