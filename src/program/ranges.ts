/** What a program is given of a dataplane: a stretch of memory, and places in a row in the function table. */
import type { Arena } from "../dataplane/runtime.ts";
import type { Places } from "./places.ts";
import { type Program, ProgramError } from "./program.ts";

export interface Ranges {
  /** Address of its static data; its stack is behind that. 0 for a program that needs no memory. */
  readonly memory: number;
  readonly size: number;
  /** Its places in the table; the last one is its entry's. */
  readonly first: number;
  readonly count: number;
}

/** What values are aligned to, and the least an arena gives. */
const ALIGNMENT_MIN = 8;

/** Throws ProgramError "no-memory". */
export function takeRanges(arena: Arena, places: Places, program: Program): Ranges {
  const { size, alignment } = program.memory;
  const memory = size === 0 ? 0 : arena.take(size, Math.max(alignment, ALIGNMENT_MIN));
  if (memory === undefined) throw noMemory(program, arena);
  const count = program.functions + 1;
  const first = places.take(count);
  if (first !== undefined) return { memory, size, first, count };
  if (size > 0) arena.release(memory);
  throw new ProgramError(
    "no-memory",
    `${program.name} needs ${count} places in the function table, which cannot grow by as many`,
  );
}

export function releaseRanges(arena: Arena, places: Places, ranges: Ranges): void {
  places.release(ranges.first, ranges.count);
  if (ranges.size > 0) arena.release(ranges.memory);
}

function noMemory({ name, memory }: Program, { capacity, used }: Arena): ProgramError {
  return new ProgramError(
    "no-memory",
    `${name} needs ${memory.size} bytes in one piece, the arena has ${capacity - used} of ${capacity} left: ` +
      "create the dataplane with a larger capacity.arena, or close maps and unload programs",
  );
}
