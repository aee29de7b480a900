/**
 * The packet path in C (bench/native/), compiled on the spot: one packet after another, in groups that touch
 * what they will need as the Wasm does, and in groups with the prefetch instruction that Wasm lacks.
 */
import type { Absent, Contestant, Run, Work } from "../heats/contestant.ts";
import { compile, type Program } from "../native/compile.ts";
import { encodeRow } from "../native/row.ts";
import { createSession, type Session } from "../native/session.ts";

/** Names of the columns, and what the program calls them. */
const MODES = { c: "scalar", "c staged": "staged", "c prefetch": "prefetch" } as const;
export type NativeName = keyof typeof MODES;
export const NATIVE_NAMES = Object.keys(MODES) as readonly NativeName[];

/** Batches in a round: as many packets as the Wasm takes. */
const BATCHES = 32;

/** One contestant for each name; they share a program, which goes when the last of them is closed. */
export function createNative(
  names: readonly NativeName[] = NATIVE_NAMES,
): readonly (Contestant | Absent)[] {
  if (names.length === 0) return [];
  const program = compile();
  if ("reason" in program) return names.map((name) => ({ name, reason: program.reason }));
  const open = new Set(names);
  return names.map((name) => ({
    name,
    batches: BATCHES,
    prepare: (work) => prepare(program, name, work),
    async close() {
      open.delete(name);
      if (open.size === 0) program.remove();
    },
  }));
}

async function prepare({ path }: Program, name: NativeName, work: Work): Promise<Run> {
  const session = await createSession(path, [MODES[name]], await encodeRow(work));
  return {
    async time(batches) {
      const [, ...times] = (await session.ask(`time ${batches}`)).split(" ");
      return times.map(Number);
    },
    check: () => check(session),
    close: () => session.close(),
  };
}

async function check(session: Session): Promise<readonly Uint8Array[]> {
  const [, count = 0, size = 0] = (await session.ask("check")).split(" ").map(Number);
  const bytes = await session.bytes(count * size);
  return Array.from({ length: count }, (_, index) =>
    bytes.subarray(index * size, (index + 1) * size),
  );
}
