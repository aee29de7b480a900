/**
 * Maglev's lookup table (Eisenbud et al., NSDI 2016, section 3.4). Every backend walks the slots in its own
 * order and they take turns in claiming the next free one: shares are almost equal, and when a backend goes,
 * few slots of the others change.
 */

/** Primes, so that every skip visits every slot; about doubling. */
const SIZES = [251, 509, 1021, 2039, 4093, 8191, 16381, 32749, 65521, 131071];
/** Slots per backend from which shares differ by about a percent (section 5.3). */
const SLOTS_PER_BACKEND = 100;
/** Two independent hashes of a name come from two seeds. They are fixed: every node builds the same table. */
const OFFSET_SEED = 0;
const SKIP_SEED = 0x9747b28c;

/** Indexes into `names` by slot. The same set of names gives the same table, whatever their order. */
export function buildTable(names: readonly string[]): number[] {
  if (names.length === 0) return [];
  const size = tableSize(names.length);
  const order = names
    .map((_, index) => index)
    .sort((a, b) => ((names[a] ?? "") < (names[b] ?? "") ? -1 : 1));
  return fillTable(
    size,
    order.map((index) => walkOf(names[index] ?? "", index, size)),
  );
}

export function tableSize(backends: number): number {
  return SIZES.find((size) => size >= backends * SLOTS_PER_BACKEND) ?? (SIZES.at(-1) as number);
}

/** A backend on its way through the slots. */
interface Walk {
  readonly index: number;
  readonly skip: number;
  next: number;
}

function walkOf(name: string, index: number, size: number): Walk {
  const bytes = new TextEncoder().encode(name);
  return {
    index,
    next: murmur3(bytes, OFFSET_SEED) % size,
    skip: (murmur3(bytes, SKIP_SEED) % (size - 1)) + 1,
  };
}

function fillTable(size: number, walks: readonly Walk[]): number[] {
  const table = new Array<number>(size).fill(-1);
  for (let filled = 0; ; ) {
    for (const walk of walks) {
      claim(table, walk);
      filled += 1;
      if (filled === size) return table;
    }
  }
}

function claim(table: number[], walk: Walk): void {
  while (table[walk.next] !== -1) walk.next = (walk.next + walk.skip) % table.length;
  table[walk.next] = walk.index;
}

/** MurmurHash3_x86_32 by Austin Appleby, public domain. */
export function murmur3(bytes: Uint8Array, seed: number): number {
  const body = bytes.length & ~3;
  let hash = seed;
  for (let at = 0; at < body; at += 4) {
    hash = rotate(hash ^ scramble(wordAt(bytes, at, 4)), 13);
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0;
  }
  hash ^= scramble(wordAt(bytes, body, bytes.length - body)) ^ bytes.length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function scramble(word: number): number {
  return Math.imul(rotate(Math.imul(word, 0xcc9e2d51), 15), 0x1b873593);
}

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}

/** Little-endian; fewer than four bytes leave the upper ones zero. */
function wordAt(bytes: Uint8Array, at: number, length: number): number {
  let word = 0;
  for (let index = 0; index < length; index += 1) word |= (bytes[at + index] ?? 0) << (8 * index);
  return word;
}
