/** A change of a chain, as the kernel is asked for it and as `dataplane.hooks` is. */
import fc from "fast-check";
import {
  BPF_F_AFTER,
  BPF_F_BEFORE,
  BPF_F_REPLACE,
  type Chains,
  HOOKS,
  type HookName,
  type Relative,
  type Tcx,
} from "./tcx.ts";

/** With no relative, before is first and after is last, as in the kernel. */
export type Side = "before" | "after";

export interface Attachment {
  readonly do: "attach";
  readonly hook: HookName;
  readonly program: string;
  /** By BPF_LINK_CREATE; else by BPF_PROG_ATTACH. */
  readonly linked: boolean;
  readonly sides: readonly Side[];
  readonly relative: Relative | null;
  readonly replace: string | null;
  /** What is added to the revision that is expected; null expects none. */
  readonly revision: number | null;
}

export type Change =
  | Attachment
  | { readonly do: "detach"; readonly hook: HookName; readonly program: string }
  | { readonly do: "detach"; readonly hook: HookName; readonly end: Side }
  | { readonly do: "update"; readonly link: number; readonly program: string }
  | { readonly do: "release"; readonly link: number };

export const SERVICE_NAT = "service-nat";
/** Nothing at all, and what is no program for a hook. */
export const NO_PROGRAMS = ["closed", "other"] as const;

/** Refused by the kernel: its error number. Else undefined. */
export async function askKernel(tcx: Tcx, chains: Chains, change: Change) {
  const { result, chains: changed } = await tcx.ask(...requestOf(chains, change));
  return { errno: result < 0 ? -result : undefined, chains: changed };
}

function requestOf(chains: Chains, change: Change): readonly unknown[] {
  switch (change.do) {
    case "attach": {
      const { hook, program, linked, relative, replace } = change;
      const flags = flagsOf(change);
      const { revision: present } = chains[hook];
      const revision = change.revision === null ? 0 : present + change.revision;
      return linked
        ? ["create", hook, program, flags, relative, revision]
        : ["attach", hook, program, flags, relative, replace, revision];
    }
    case "detach":
      return "end" in change
        ? ["detach", change.hook, null, FLAGS[change.end], null, 0]
        : ["detach", change.hook, change.program, 0, null, 0];
    case "update":
      return ["update", change.link, change.program];
    case "release":
      return ["release", change.link];
  }
}

const FLAGS = { before: BPF_F_BEFORE, after: BPF_F_AFTER } as const;

function flagsOf({ sides, replace }: Attachment): number {
  return sides.reduce((sum, side) => sum | FLAGS[side], replace === null ? 0 : BPF_F_REPLACE);
}

/** In egress, at its end. */
export const attach = (program: string, fields: Partial<Attachment> = {}): Attachment => ({
  do: "attach",
  hook: "egress",
  program,
  linked: false,
  sides: [],
  relative: null,
  replace: null,
  revision: null,
  ...fields,
});

/** Programs that the changes below speak of. */
const PLAIN = [0, 1, 2, 3, 4, 5, 6].map((i) => `NEXT${i}`);

const program = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom(...PLAIN) },
  { weight: 1, arbitrary: fc.constantFrom(SERVICE_NAT, ...NO_PROGRAMS) },
);
const standing = fc.constantFrom(...PLAIN, SERVICE_NAT);
const hook = fc.constantFrom(...HOOKS);
/** Modulo as many as there are. */
const link = fc.nat(99);
const relative = fc.oneof(
  fc.tuple(fc.constantFrom("program" as const, "program id" as const), standing),
  fc.tuple(fc.constantFrom("link" as const, "link id" as const), link),
);
const side = fc.constantFrom("before" as const, "after" as const);
const place = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ sides: fc.tuple(side), relative: fc.option(relative, { freq: 2 }) }),
  },
  { weight: 2, arbitrary: fc.constant({ sides: [], relative: null }) },
  {
    weight: 1,
    arbitrary: fc.record({
      sides: fc.constant(["before", "after"] as const),
      relative: fc.option(relative),
    }),
  },
);
/** Most often none, or the one there is. */
const revision = fc.constantFrom(null, null, null, null, null, 0, 0, 0, 1, -1);
const attachment = fc.oneof(
  { weight: 4, arbitrary: fc.record({ hook, program, linked: fc.boolean(), place, revision }) },
  { weight: 1, arbitrary: fc.record({ hook, program, replace: standing, revision }) },
);
export const change: fc.Arbitrary<Change> = fc.oneof(
  {
    weight: 8,
    arbitrary: attachment.map((given) => {
      const { place: where, ...rest } = { place: {}, ...given };
      return attach(rest.program, { ...where, ...rest });
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("detach" as const), hook, program: standing }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("detach" as const), hook, end: side }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("update" as const), link, program }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("release" as const), link }) },
);

/** Its links are some that there are, or were. */
export function withLink(given: Change, links: number): Change {
  if (given.do === "update" || given.do === "release")
    return { ...given, link: given.link % links };
  if (given.do !== "attach" || given.relative === null) return given;
  const [by, which] = given.relative;
  if (typeof which === "string") return given;
  return { ...given, relative: [by as "link", which % links] };
}
