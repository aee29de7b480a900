/** Marks backends for the Wasm packet path, which then takes from them what the marks say. */
import * as layout from "../../abi/layout.ts";
import type { Retirement } from "./engine.ts";
import { type Access, rowAt } from "./maps/access.ts";

/** Returns how many connections have ended. */
export function retire(access: Access, retirement: Retirement): number {
  const marked = mark(access, retirement);
  if (marked.length === 0) return 0;
  const ended = access.exports.retire() >>> 0;
  unmark(access, marked);
  return ended;
}

/** Returns the numbers of the backends marked. */
export function mark(access: Access, { udp, clients }: Retirement): number[] {
  const marks = new Map<number, number>();
  gather(marks, udp, layout.RETIRED_UDP);
  gather(marks, clients, layout.RETIRED_CLIENTS);
  for (const [number, bits] of marks) write(access, number, bits);
  return [...marks.keys()];
}

export function unmark(access: Access, numbers: readonly number[]): void {
  for (const number of numbers) write(access, number, 0);
}

function gather(marks: Map<number, number>, backends: readonly number[], bit: number): void {
  for (const number of backends) marks.set(number, (marks.get(number) ?? 0) | bit);
}

function write(access: Access, number: number, bits: number): void {
  const at = rowAt(access, layout.MAP_BACKENDS, number);
  if (at !== 0) access.memory.bytes[at + layout.BACKEND_RETIRED] = bits;
}
