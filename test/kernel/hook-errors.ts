/** What hooks say where the kernel says a number, and a change that is refused for each reason. */
import { constants } from "node:os";
import type { HookErrorCode } from "../../src/index.ts";
import { attach, type Change } from "./changes.ts";
import type { Mirror } from "./mirror.ts";

const { EBADF, EEXIST, EINVAL, ENOENT, ENOLINK, ERANGE, ESTALE } = constants.errno;

const CODES: ReadonlyMap<number, HookErrorCode> = new Map([
  [EBADF, "unloaded"],
  [EINVAL, "unloaded"],
  [EEXIST, "name-taken"],
  [ESTALE, "stale-revision"],
  [ERANGE, "too-many-links"],
  [ENOENT, "unknown-link"],
  [ENOLINK, "unknown-link"],
]);

/** `change` is what was refused; `mirror` is still as it was then. A number that nothing stands for stays one. */
export function codeOf(errno: number, change: Change, mirror: Mirror): HookErrorCode | number {
  const isTwoPlaces = change.do === "attach" && change.sides.length > 1;
  if (isTwoPlaces && (errno === ENOENT || errno === ERANGE)) return "bad-place";
  if (errno === ENOENT && change.do === "attach" && mirror.isElsewhere(change)) return "wrong-hook";
  return CODES.get(errno) ?? errno;
}

/** Egress: NEXT0, and NEXT1 as link 1. Ingress: service NAT as link 0, and NEXT2 as link 2. */
export const STANDING: readonly Change[] = [
  attach("NEXT0"),
  attach("NEXT1", { linked: true }),
  attach("NEXT2", { hook: "ingress", linked: true }),
];

interface Refusal {
  readonly what: string;
  readonly before?: readonly Change[];
  readonly change: Change;
  readonly errno: keyof typeof constants.errno;
}

const ABSENT = ["program", "NEXT9"] as const;

export const REFUSALS: readonly Refusal[] = [
  { what: "nothing is attached", change: attach("closed"), errno: "EBADF" },
  { what: "what is no program for it", change: attach("other"), errno: "EINVAL" },
  { what: "nothing, as a link", change: attach("closed", { linked: true }), errno: "EBADF" },
  {
    what: "nothing takes a link's place",
    change: { do: "update", link: 1, program: "closed" },
    errno: "EBADF",
  },
  { what: "a program that stands there", change: attach("NEXT1"), errno: "EEXIST" },
  {
    what: "service NAT a second time",
    change: attach("service-nat", { hook: "ingress" }),
    errno: "EEXIST",
  },
  { what: "a revision that is gone", change: attach("NEXT5", { revision: -1 }), errno: "ESTALE" },
  { what: "one that is to come", change: attach("NEXT5", { revision: 1 }), errno: "ESTALE" },
  {
    what: "before a program that is not there",
    change: attach("NEXT5", { sides: ["before"], relative: ABSENT }),
    errno: "ENOENT",
  },
  {
    what: "after one, by its number",
    change: attach("NEXT5", { sides: ["after"], relative: ["program id", "NEXT9"] }),
    errno: "ENOENT",
  },
  {
    what: "in place of a program that is not there",
    change: attach("NEXT5", { replace: "NEXT9" }),
    errno: "ENOENT",
  },
  {
    what: "after a link that is detached",
    before: [{ do: "release", link: 1 }],
    change: attach("NEXT5", { sides: ["after"], relative: ["link", 1] }),
    errno: "ENOENT",
  },
  {
    what: "before a link of the other hook",
    change: attach("NEXT5", { sides: ["before"], relative: ["link", 2] }),
    errno: "ENOENT",
  },
  {
    what: "another program for a link that is detached",
    before: [{ do: "release", link: 1 }],
    change: { do: "update", link: 1, program: "NEXT5" },
    errno: "ENOLINK",
  },
  {
    what: "first and last",
    change: attach("NEXT5", { sides: ["before", "after"] }),
    errno: "ERANGE",
  },
  {
    what: "before and after",
    change: attach("NEXT5", { sides: ["before", "after"], relative: ["link", 1] }),
    errno: "ERANGE",
  },
  {
    what: "the program is looked at before the revision",
    change: attach("closed", { revision: 1 }),
    errno: "EBADF",
  },
  {
    what: "the revision is looked at before the program that stands there",
    change: attach("NEXT0", { revision: 1 }),
    errno: "ESTALE",
  },
  {
    what: "a program that stands there, before one that does not: that it stands there comes first",
    change: attach("NEXT0", { sides: ["before"], relative: ABSENT }),
    errno: "EEXIST",
  },
  {
    what: "a program that stands there, in place of one that does not",
    change: attach("NEXT0", { replace: "NEXT9" }),
    errno: "EEXIST",
  },
  {
    what: "a program that stands there, first and last",
    change: attach("NEXT0", { sides: ["before", "after"] }),
    errno: "EEXIST",
  },
];
