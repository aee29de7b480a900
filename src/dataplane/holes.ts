/** Free rows between rows that are taken: ascending, disjoint, neighbours joined. */
export interface Hole {
  readonly base: number;
  readonly length: number;
}

export interface Holes {
  /** The first row of `length` rows from the first hole that is large enough; undefined when none is. */
  take(length: number): number | undefined;
  /** Rows that have become free. */
  add(hole: Hole): void;
  clear(): void;
}

export function createHoles(): Holes {
  const holes: Hole[] = [];
  return {
    take(length) {
      const index = holes.findIndex((hole) => hole.length >= length);
      return index < 0 ? undefined : cut(holes, index, length);
    },
    add: (hole) => join(holes, hole),
    clear() {
      holes.length = 0;
    },
  };
}

function cut(holes: Hole[], index: number, length: number): number {
  const { base, length: room } = holes[index] as Hole;
  if (room === length) holes.splice(index, 1);
  else holes[index] = { base: base + length, length: room - length };
  return base;
}

function join(holes: Hole[], { base, length }: Hole): void {
  const next = holes.findIndex((hole) => hole.base > base);
  const index = next < 0 ? holes.length : next;
  const [before, after] = [holes[index - 1], holes[index]];
  const joinsBefore = before !== undefined && before.base + before.length === base;
  const joinsAfter = after !== undefined && base + length === after.base;
  const joined = {
    base: joinsBefore ? before.base : base,
    length: (joinsBefore ? before.length : 0) + length + (joinsAfter ? after.length : 0),
  };
  holes.splice(index - Number(joinsBefore), Number(joinsBefore) + Number(joinsAfter), joined);
}
