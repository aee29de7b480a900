/**
 * Which flows change between two states of one node: every frontend of either, dialled by everybody whom it
 * may matter to. Chance has no part in it: two sides differ where what may become of a flow differs.
 */
import type { Dataplane } from "../dataplane/dataplane.ts";
import type { FlowSpec } from "../explain.ts";
import { type Change, changesOf } from "./change.ts";
import { createComparison, sameNode } from "./comparison.ts";
import type { Detection } from "./detection.ts";
import { type Dial, dialsOf, LOCALHOST } from "./dials.ts";
import { judge, type Outcome, routeOf } from "./outcome.ts";
import { createSources, type Source, type Sources } from "./sources.ts";
import { createView, type Member, type View } from "./view.ts";

/** A flow that goes another way. */
export interface Difference {
  readonly source: Source;
  readonly flow: FlowSpec;
  readonly changes: readonly Change[];
  readonly old: Outcome;
  readonly new: Outcome;
}

/** A frontend, and what became of the flows to it. */
export interface Compared {
  readonly dial: Dial;
  /** Flows compared. */
  readonly flows: number;
  /** Everybody who dials it, in the order of their differences. */
  readonly sources: readonly Source[];
  readonly differences: readonly Difference[];
}

/** All frontends of two sides. */
export interface Diff {
  /** Frontends there are to compare. */
  readonly length: number;
  /** Compares them, one by one, in no order that means anything. */
  compare(): Generator<Compared>;
}

/** Finds the frontends; nothing is compared until it is asked for. */
export function createDiff(sides: Sides): Diff {
  const sources = createSources(sides.old, sides.next, sides.podInterfaces);
  const dials = [...dialsOf(sides.old, sides.next)];
  return {
    length: dials.length,
    *compare() {
      for (const dial of dials) yield compareDial(sides, dial, sources);
    },
  };
}

/** Both states, and what is known of them before any flow is judged. */
export interface Sides {
  readonly old: View;
  readonly next: View;
  /** Devices behind which one side or the other takes everybody for a pod. */
  readonly podInterfaces: readonly string[];
  /** The entries are the same, so that every flow to it goes the same way. */
  isSame(dial: Pick<Dial, "old" | "next">): boolean;
}

/** Pods are told by their addresses alone. */
const NO_DETECTION: Detection = { podInterfaces: [], isSame: true };

/**
 * Two dataplanes that speak for one node. To compare them forgets every connection and every remembered
 * client of both: use dataplanes that carry no traffic.
 */
export function createSides(
  old: Dataplane,
  next: Dataplane,
  { podInterfaces, isSame }: Detection = NO_DETECTION,
): Sides {
  const views = { old: createView(old), next: createView(next) };
  const isSameNode = isSame && sameNode(views.old, views.next);
  const isSameFrontend = createComparison(views.old, views.next);
  return {
    ...views,
    podInterfaces,
    isSame: ({ old: before, next: after }) =>
      isSameNode && before !== undefined && after !== undefined && isSameFrontend(before, after),
  };
}

function compareDial(sides: Sides, dial: Dial, sourcesOf: Sources): Compared {
  const common = sourcesFor(dial, sourcesOf);
  const flows = common.length * dial.addresses.length;
  if (sides.isSame(dial)) return { dial, flows, sources: common, differences: [] };
  const hairpins = hairpinsOf(sides, dial);
  const differences = [...common, ...hairpins].flatMap((source) => {
    const difference = compareFlow(sides, flowOf(source, dial));
    return difference ? [{ source, ...difference }] : [];
  });
  return { dial, flows: flows + hairpins.length, sources: [...common, ...hairpins], differences };
}

/** Who is not the node cannot send to its loopback addresses. */
function sourcesFor({ family, daddr, old, next }: Dial, sourcesOf: Sources): readonly Source[] {
  if (daddr === LOCALHOST)
    return [{ kind: "node", label: "the node", saddr: LOCALHOST, local: true }];
  return sourcesOf({
    family,
    old: old?.service.sourceRanges ?? null,
    next: next?.service.sourceRanges ?? null,
  });
}

function flowOf({ saddr, interface: device, local }: Source, dial: Dial): FlowSpec {
  const { daddr, dport, proto } = dial;
  return { saddr, daddr, dport, proto, interface: device, local };
}

/** Undefined when it goes the same way. */
export function compareFlow(
  { old, next }: Sides,
  flow: FlowSpec,
): Omit<Difference, "source"> | undefined {
  const [before, after] = [judge(old, flow), judge(next, flow)];
  const changes = changesOf(before, after);
  return changes.length === 0 ? undefined : { flow, changes, old: before, new: after };
}

/**
 * Endpoints that dial themselves, of which the rest of the sources tell nothing: both sides masquerade them
 * alone, each with another address. One stands for all that change from one address to one other.
 */
function hairpinsOf({ old, next }: Sides, { old: before, next: after, ...dial }: Dial): Source[] {
  if (!before || !after) return [];
  const fresh = new Map(
    members(next, after.service.service).map((member) => [member.name, member]),
  );
  const chosen = new Map<string, Source>();
  for (const member of members(old, before.service.service)) {
    const masquerade = fresh.get(member.name)?.masquerade ?? member.masquerade;
    const key = `${member.masquerade} ${masquerade}`;
    if (masquerade === member.masquerade || chosen.has(key)) continue;
    const source: Source = {
      kind: "endpoint",
      label: "its endpoints themselves",
      saddr: member.address,
    };
    const flow = { ...dial, ...source };
    const routes = [routeOf(old, before.service, flow), routeOf(next, after.service, flow)];
    if (routes.some((route) => route.action === "dnat" && !route.masquerade))
      chosen.set(key, source);
  }
  return [...chosen.values()];
}

function members(view: View, service: number): Member[] {
  return [...view.members(service, "cluster"), ...view.members(service, "local")];
}
