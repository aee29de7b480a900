/**
 * Room for maps and programs in a stretch of memory that never grows. First fit; what is given back joins its
 * neighbours, so that an arena from which everything has been released is one hole again.
 */
import type { Arena } from "./runtime.ts";

/** From `base` up to, not with, `end`; ascending, disjoint, never touching. */
interface Hole {
  base: number;
  end: number;
}

const GRAIN = 8;

/** `base` is not 0, which is no address that programs could tell from none. */
export function createArena(memory: WebAssembly.Memory, base: number, capacity: number): Arena {
  const first = roundUp(base, GRAIN);
  const end = Math.floor((base + capacity) / GRAIN) * GRAIN;
  const holes: Hole[] = first < end ? [{ base: first, end }] : [];
  const sizes = new Map<number, number>();
  let used = 0;

  return {
    capacity,
    get used() {
      return used;
    },
    take(size, alignment = GRAIN) {
      if (!Number.isSafeInteger(size) || size < 0) return undefined;
      const room = Math.max(GRAIN, roundUp(size, GRAIN));
      const address = cut(holes, room, alignment);
      if (address === undefined) return undefined;
      sizes.set(address, room);
      used += room;
      new Uint8Array(memory.buffer, address, room).fill(0);
      return address;
    },
    release(address) {
      const size = sizes.get(address);
      if (size === undefined) throw new RangeError(`nothing was taken at ${address}`);
      sizes.delete(address);
      used -= size;
      join(holes, { base: address, end: address + size });
    },
  };
}

/** Not by bits: addresses have 32 of them. */
function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}

/** Takes room out of the first hole that has it; what is in front of an aligned address stays free. */
function cut(holes: Hole[], room: number, alignment: number): number | undefined {
  const fits = (hole: Hole) => roundUp(hole.base, alignment) + room <= hole.end;
  const index = holes.findIndex(fits);
  if (index < 0) return undefined;
  const { base, end } = holes[index] as Hole;
  const address = roundUp(base, alignment);
  const rest = [
    { base, end: address },
    { base: address + room, end },
  ].filter((hole) => hole.base < hole.end);
  holes.splice(index, 1, ...rest);
  return address;
}

function join(holes: Hole[], freed: Hole): void {
  const found = holes.findIndex((hole) => hole.base > freed.base);
  const index = found < 0 ? holes.length : found;
  const before = holes[index - 1];
  const after = holes[index];
  const joined = {
    base: before?.end === freed.base ? before.base : freed.base,
    end: after?.base === freed.end ? after.end : freed.end,
  };
  const from = joined.base < freed.base ? index - 1 : index;
  const to = joined.end > freed.end ? index + 1 : index;
  holes.splice(from, to - from, joined);
}
