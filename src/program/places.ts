/**
 * Places in a dataplane's function table, given out and taken back: first fit. Place 0 is nobody's, so that no
 * function of a program is a null pointer.
 */
export interface Places {
  /** Places given out now. */
  readonly used: number;
  /** The first of `count` places in a row, or undefined when the table cannot have as many. */
  take(count: number): number | undefined;
  /** What `take` has returned, with its count; nothing stands there any more. */
  release(first: number, count: number): void;
}

interface Range {
  readonly first: number;
  readonly end: number;
}

/** The whole table is the programs'; it grows when it has to. */
export function createPlaces(table: WebAssembly.Table): Places {
  /** What is given out, ascending. */
  const ranges: Range[] = [];
  return {
    get used() {
      return ranges.reduce((sum, { first, end }) => sum + end - first, 0);
    },
    take(count) {
      const { index, first } = gapOf(ranges, count);
      const end = first + count;
      if (!grow(table, end)) return undefined;
      ranges.splice(index, 0, { first, end });
      return first;
    },
    release(first, count) {
      const index = ranges.findIndex((range) => range.first === first);
      if (index < 0 || ranges[index]?.end !== first + count) {
        throw new RangeError(`places ${first} to ${first + count} were not given out`);
      }
      ranges.splice(index, 1);
      for (let place = first; place < first + count; place++) table.set(place, null);
    },
  };
}

/** Index in `ranges` and first place of a gap that is large enough; the last gap is all that a table may grow to. */
function gapOf(ranges: readonly Range[], count: number): { index: number; first: number } {
  let first = 1;
  const index = ranges.findIndex((range) => {
    if (range.first - first >= count) return true;
    first = range.end;
    return false;
  });
  return { index: index < 0 ? ranges.length : index, first };
}

function grow(table: WebAssembly.Table, length: number): boolean {
  try {
    if (table.length < length) table.grow(length - table.length);
    return true;
  } catch {
    return false;
  }
}
