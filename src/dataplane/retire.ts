/** Marks backends for the Wasm packet path, which then takes from them what the marks say. */
import * as layout from "../../abi/layout.ts";
import type { Retirement } from "./engine.ts";
import { type Access, rowAt } from "./maps/access.ts";

/** Returns how many connections have ended. */
export function retire(access: Access, { udp, clients }: Retirement): number {
  if (udp.length + clients.length === 0) return 0;
  const marks = new Map<number, number>();
  mark(marks, udp, layout.RETIRED_UDP);
  mark(marks, clients, layout.RETIRED_CLIENTS);
  for (const [number, bits] of marks) write(access, number, bits);
  const ended = access.exports.retire() >>> 0;
  for (const number of marks.keys()) write(access, number, 0);
  return ended;
}

function mark(marks: Map<number, number>, backends: readonly number[], bit: number): void {
  for (const number of backends) marks.set(number, (marks.get(number) ?? 0) | bit);
}

function write(access: Access, number: number, bits: number): void {
  const at = rowAt(access, layout.MAP_BACKENDS, number);
  if (at !== 0) access.memory.bytes[at + layout.BACKEND_RETIRED] = bits;
}
