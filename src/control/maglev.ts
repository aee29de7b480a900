/**
 * Maglev's lookup table (Eisenbud et al., NSDI 2016, section 3.4). Every backend walks the slots in its own
 * order and they take turns in claiming the next free one: shares are almost equal, and when a backend goes,
 * few slots of the others change.
 */
import { murmur3 } from "../murmur3.ts";

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
