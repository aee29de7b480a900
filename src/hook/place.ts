/** Where in a chain a link goes: the flags BPF_F_BEFORE, BPF_F_AFTER and BPF_F_REPLACE of kernel/bpf/mprog.c. */
import { show } from "../dataplane/field.ts";
import { HookError } from "./error.ts";
import type { Link, Place } from "./hook.ts";

/** `length` links from `index` on make way for the new one: none, or the one it replaces. */
export interface Spot {
  readonly index: number;
  readonly length: 0 | 1;
}

const ENDS = ["first", "last"] as const;
const RELATIONS = ["before", "after", "replace"] as const;

/**
 * `indexOf` finds another link in the chain, or throws. Throws HookError "bad-place" for more than one place, or for
 * what is none.
 */
export function spotOf(
  place: Place,
  length: number,
  indexOf: (link: Link | string) => number,
): Spot {
  const asked = [
    ...ENDS.filter((end) => isAsked(place, end)),
    ...RELATIONS.filter((relation) => place[relation] !== undefined),
  ];
  if (asked.length > 1) throw bad(`${asked.join(" and ")} are two places: say one of them`);
  switch (asked[0]) {
    case "first":
      return { index: 0, length: 0 };
    case "before":
      return { index: indexOf(place.before as Link | string), length: 0 };
    case "after":
      return { index: indexOf(place.after as Link | string) + 1, length: 0 };
    case "replace":
      return { index: indexOf(place.replace as Link | string), length: 1 };
    default:
      return { index: length, length: 0 };
  }
}

function isAsked(place: Place, end: (typeof ENDS)[number]): boolean {
  const value = place[end];
  if (value === undefined || typeof value === "boolean") return value === true;
  throw bad(`${end} is ${show(value)}: it must be true or false`);
}

function bad(message: string): HookError {
  return new HookError("bad-place", message);
}
