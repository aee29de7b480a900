/** A link as its hook keeps it, and what it says of itself. */
import { VERDICTS } from "../dataplane/event.ts";
import type { LinkTally, Step } from "../dataplane/runtime.ts";
import type { Resident } from "../program/resident.ts";
import type { HookName, Link, LinkInfo } from "./hook.ts";

export interface Standing {
  readonly id: number;
  readonly hook: HookName;
  readonly name: string;
  readonly maxTraps: number;
  readonly attachedAt: number;
  /** What people have of it. */
  readonly link: Link;
  resident: Resident;
  traps: number;
  /** Traps of the program that stands here now: a new one starts afresh. */
  trapsOfProgram: number;
  lastTrap: string | null;
  /** What it did in its time, once that is over. */
  past: LinkTally | undefined;
}

export const NO_TALLY: LinkTally = {
  runs: 0,
  runTime: 0,
  verdicts: { ABORTED: 0, DROP: 0, PASS: 0, TX: 0, REDIRECT: 0, NEXT: 0 },
};

export function stepOf({ id: link, resident }: Pick<Standing, "id" | "resident">): Step {
  const { builtin, form, entry } = resident;
  return builtin ? { kind: "service-nat", link } : { kind: "program", link, form, entry };
}

export function infoOf(standing: Standing, tally: LinkTally): LinkInfo {
  const { id, hook, name, resident, attachedAt, traps, lastTrap } = standing;
  return {
    id,
    hook,
    name,
    program: { id: resident.id, name: resident.name, tag: resident.tag },
    builtin: resident.builtin,
    attached: standing.past === undefined,
    attachedAt,
    runCount: tally.runs,
    runTime: tally.runTime,
    verdicts: verdictsOf(tally),
    traps,
    lastTrap,
  };
}

/** In the order of their numbers, NEXT last. */
function verdictsOf({ verdicts }: LinkTally): LinkInfo["verdicts"] {
  const names = [...VERDICTS, "NEXT"] as const;
  return Object.fromEntries(names.map((name) => [name, verdicts[name]])) as LinkInfo["verdicts"];
}

const MESSAGE_MAX = 1000;

/** A trap's message; whatever a program or an engine has thrown, reading it must not throw. */
export function messageOf(error: unknown): string {
  try {
    const text = error instanceof Error ? error.message : String(error);
    return text.slice(0, MESSAGE_MAX);
  } catch {
    return "something that has no text";
  }
}
