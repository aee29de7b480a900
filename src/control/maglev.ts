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
const ENCODER = new TextEncoder();

/**
 * What stands for each name, by slot; without `owners`, its index. The same set of names gives the same table,
 * whatever their order.
 */
export function buildTable(
  names: readonly string[],
  owners: readonly number[] = [...names.keys()],
): number[] {
  if (names.length === 0) return [];
  const size = tableSize(names.length);
  return fillTable(walksOf(names, owners, size), size);
}

export function tableSize(backends: number): number {
  return SIZES.find((size) => size >= backends * SLOTS_PER_BACKEND) ?? (SIZES.at(-1) as number);
}

/** Backends on their way through the slots, in the order of their turns. */
interface Walks {
  readonly owners: readonly number[];
  readonly next: Int32Array;
  readonly skips: Int32Array;
}

function walksOf(names: readonly string[], owners: readonly number[], size: number): Walks {
  const order = [...names.keys()].sort((a, b) => ((names[a] ?? "") < (names[b] ?? "") ? -1 : 1));
  const next = new Int32Array(names.length);
  const skips = new Int32Array(names.length);
  order.forEach((index, turn) => {
    const bytes = ENCODER.encode(names[index]);
    next[turn] = murmur3(bytes, OFFSET_SEED) % size;
    skips[turn] = (murmur3(bytes, SKIP_SEED) % (size - 1)) + 1;
  });
  return { owners: order.map((index) => owners[index] as number), next, skips };
}

/**
 * They take turns until every slot is taken. Marks of their own in bytes, and no division at the end of the table:
 * four times as fast as asking the table itself. A table that differs by one backend is no starting point: every
 * turn depends on those before it.
 */
function fillTable({ owners, next, skips }: Walks, size: number): number[] {
  const table = new Array<number>(size);
  const taken = new Uint8Array(size);
  for (let left = size, turn = 0; left > 0; left--) {
    const skip = skips[turn] as number;
    let slot = next[turn] as number;
    while (taken[slot] === 1) {
      slot += skip;
      if (slot >= size) slot -= size;
    }
    taken[slot] = 1;
    table[slot] = owners[turn] as number;
    next[turn] = slot;
    turn = turn + 1 === owners.length ? 0 : turn + 1;
  }
  return table;
}
