/** Where hooks and tcx differ on purpose, each with the reason. */
import type { constants } from "node:os";
import type { HookErrorCode } from "../../src/index.ts";
import { attach, type Change, SERVICE_NAT } from "./changes.ts";
import type { Mirror } from "./mirror.ts";
import { BPF_F_BEFORE, BPF_F_REPLACE, type Chains } from "./tcx.ts";

interface Difference {
  readonly what: string;
  readonly reason: string;
  readonly before: readonly Change[];
  /** What the kernel is asked, and its error number when it refuses. */
  readonly request: readonly unknown[];
  readonly errno?: keyof typeof constants.errno;
  /** The same of ours. */
  ours(mirror: Mirror): unknown;
  readonly code?: HookErrorCode;
  /** Such changes are left out of those that must come out alike. */
  isSuch?(change: Change, chains: Chains): boolean;
}

const egress = ({ dataplane }: Mirror) => dataplane.hooks.egress;

export const DIFFERENCES: readonly Difference[] = [
  {
    what: "a program may stand in a chain twice",
    reason:
      "links have names here, and it is the names that differ; the kernel knows a place by its program",
    before: [attach("NEXT0")],
    request: ["create", "egress", "NEXT0", 0, null, 0],
    errno: "EEXIST",
    ours: (mirror) => egress(mirror).attach(mirror.program("NEXT0"), { name: "again" }),
  },
  {
    what: "an update may bring a program that stands in the chain already",
    reason: "the same",
    before: [attach("NEXT0"), attach("NEXT1", { linked: true })],
    request: ["update", 1, "NEXT0"],
    errno: "EEXIST",
    ours: (mirror) => mirror.link(1).update(mirror.program("NEXT0")),
    isSuch: (change, chains) =>
      change.do === "update" &&
      Object.values(chains).some(
        ({ links }) =>
          links.some(([, link]) => link === change.link) &&
          links.some(([program, link]) => program === change.program && link !== change.link),
      ),
  },
  {
    what: "a program may replace itself",
    reason: "that is a link of its own, whose counters begin anew",
    before: [attach("NEXT0")],
    request: ["attach", "egress", "NEXT0", BPF_F_REPLACE, null, "NEXT0", 0],
    errno: "EEXIST",
    ours: (mirror) => egress(mirror).attach(mirror.program("NEXT0"), { replace: "NEXT0" }),
    isSuch: (change) => change.do === "attach" && change.replace === change.program,
  },
  {
    what: "a link may be replaced",
    reason: "all that is attached is a link here; the kernel replaces only what has none",
    before: [attach("NEXT0", { linked: true })],
    request: ["attach", "egress", "NEXT1", BPF_F_REPLACE, null, "NEXT0", 0],
    errno: "EBUSY",
    ours: (mirror) => egress(mirror).attach(mirror.program("NEXT1"), { replace: "NEXT0" }),
    isSuch: (change, chains) =>
      change.do === "attach" &&
      chains[change.hook].links.some(([name, link]) => name === change.replace && link !== null),
  },
  {
    what: "a link may replace",
    reason: "the same",
    before: [attach("NEXT0")],
    request: ["create", "egress", "NEXT1", BPF_F_REPLACE, null, 0],
    errno: "ENOENT",
    ours: (mirror) => egress(mirror).attach(mirror.program("NEXT1"), { replace: "NEXT0" }),
  },
  {
    what: "whoever looks at a chain may detach its links",
    reason: "the same: BPF_PROG_DETACH leaves links alone, which close with their descriptor",
    before: [attach("NEXT0", { linked: true })],
    request: ["detach", "egress", "NEXT0", 0, null, 0],
    errno: "EBUSY",
    ours: (mirror) => egress(mirror).links()[0]!.detach(),
    isSuch: (change, chains) =>
      change.do === "detach" &&
      chains[change.hook].links.some(([program, link], at, { length }) => {
        const end = "end" in change && at === (change.end === "before" ? 0 : length - 1);
        return link !== null && (end || ("program" in change && program === change.program));
      }),
  },
  {
    what: "a detached link may be detached",
    reason: "as BPF_LINK_DETACH; what stands without a link is not there a second time",
    before: [attach("NEXT0"), { do: "detach", hook: "egress", program: "NEXT0" }],
    request: ["detach", "egress", "NEXT0", 0, null, 0],
    errno: "ENOENT",
    ours: (mirror) => {
      const link = egress(mirror).attach(mirror.program("NEXT0"));
      link.detach();
      link.detach();
    },
    isSuch: (change, chains) =>
      change.do === "detach" && "end" in change && chains[change.hook].links.length === 0,
  },
  {
    what: "a program that was unloaded is told before a link that is detached",
    reason:
      "a number that is no program comes first in the kernel too, but it looks at a program's type only as it attaches",
    before: [attach("NEXT0", { linked: true }), { do: "release", link: 1 }],
    request: ["update", 1, "other"],
    errno: "ENOLINK",
    ours: (mirror) => mirror.link(1).update(mirror.program("other")),
    code: "unloaded",
    isSuch: (change, chains) =>
      change.do === "update" &&
      change.program === "other" &&
      !Object.values(chains).some(({ links }) => links.some(([, link]) => link === change.link)),
  },
  {
    what: "two places are refused even when they agree",
    reason: "one place says it; two are a mistake more often than not",
    before: [attach("NEXT0"), attach("NEXT1")],
    request: [
      "attach",
      "egress",
      "NEXT2",
      BPF_F_REPLACE | BPF_F_BEFORE,
      ["program", "NEXT1"],
      "NEXT0",
      0,
    ],
    ours: (mirror) =>
      egress(mirror).attach(mirror.program("NEXT2"), { replace: "NEXT0", before: "NEXT1" }),
    code: "bad-place",
  },
  {
    what: "a revision of 0 is none",
    reason: "who expects no revision says nothing; to bpf(2) that is 0",
    before: [],
    request: ["attach", "egress", "NEXT0", 0, null, null, 0],
    ours: (mirror) => egress(mirror).attach(mirror.program("NEXT0"), { revision: 0 }),
    code: "bad-option",
    isSuch: (change, chains) =>
      change.do === "attach" && chains[change.hook].revision + (change.revision ?? 0) < 1,
  },
  {
    what: "service NAT stands in ingress alone",
    reason: "it translates what comes in, once; to the kernel it is a program like any other",
    before: [],
    request: ["attach", "egress", SERVICE_NAT, 0, null, null, 0],
    ours: (mirror) => egress(mirror).attach(mirror.program(SERVICE_NAT)),
    code: "wrong-hook",
    isSuch: (change, chains) =>
      (change.do === "attach" && change.hook === "egress" && change.program === SERVICE_NAT) ||
      (change.do === "update" &&
        change.program === SERVICE_NAT &&
        !chains.ingress.links.some(([, link]) => link === change.link)),
  },
];

export function isApart(change: Change, chains: Chains): boolean {
  return DIFFERENCES.some(({ isSuch }) => isSuch?.(change, chains));
}
