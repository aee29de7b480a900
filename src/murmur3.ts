/** MurmurHash3 for 32 bits (MurmurHash3_x86_32): public domain, by Austin Appleby. */

/** Mixes a word so that each input bit reaches each output bit: the hash's finaliser. */
export function fmix32(word: number): number {
  let h = word;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/**
 * Words of four bytes in little-endian order, then a tail of up to three bytes, then the finaliser.
 */
export function murmur3(bytes: Uint8Array, seed: number): number {
  const words = bytes.length & ~3;
  let h = seed;
  for (let at = 0; at < words; at += 4) {
    h = Math.imul(rotateLeft(h ^ scramble(littleEndian(bytes, at, 4)), 13), 5);
    h = (h + 0xe6546b64) | 0;
  }
  return fmix32(h ^ scramble(littleEndian(bytes, words, bytes.length - words)) ^ bytes.length);
}

function scramble(word: number): number {
  return Math.imul(rotateLeft(Math.imul(word, 0xcc9e2d51), 15), 0x1b873593);
}

function rotateLeft(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}

function littleEndian(bytes: Uint8Array, at: number, length: number): number {
  let word = 0;
  for (let index = at + length - 1; index >= at; index--)
    word = (word << 8) | (bytes[index] as number);
  return word;
}
