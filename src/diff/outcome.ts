/** What becomes of a flow, whatever chance decides, and how two outcomes differ. */
import { LINK_ETHERNET } from "../../abi/limits.ts";
import type {
  AddressRange,
  Frontend as FrontendKind,
  Route,
  Service,
} from "../dataplane/entries.ts";
import type { Action, PacketEvent, Reason, Verdict } from "../dataplane/event.ts";
import { type FlowSpec, firstPacket } from "../explain.ts";
import * as address from "../packet/address.ts";
import { dialled, type Frontend, isLocal, type Member, type View } from "./view.ts";

/** An endpoint that a flow may go to. */
export interface Target {
  /** "ip:port". */
  readonly endpoint: string;
  /** The source it sees when that is not the client; "" when there would have to be one, and is none. */
  readonly masquerade: string | null;
}

/** Everything that may become of the first packet of a flow. */
export interface Outcome {
  readonly verdict: Verdict;
  readonly action: Action;
  readonly reason: Reason | null;
  /** Whose frontend is dialled; null when it is nobody's. */
  readonly service: string | null;
  readonly frontend: FrontendKind | null;
  /** In the order of their names; empty unless a flow gets that far. */
  readonly targets: readonly Target[];
  /** Seconds a client stays with its endpoint; 0 without session affinity. */
  readonly affinity: number;
}

/**
 * Judges a flow by its first packet against fresh state, then takes chance out: whichever endpoint the
 * packet has got, the outcome is told for all that it might have got.
 */
export function judge(view: View, flow: FlowSpec): Outcome {
  const { dataplane } = view;
  dataplane.flush();
  const { event } = dataplane.process(firstPacket(flow), {
    now: 0,
    linkType: LINK_ETHERNET,
    interface: flow.interface,
    local: flow.local,
  });
  dataplane.flush();
  return outcomeOf(view, flow, event, dialled(view, flow));
}

function outcomeOf(
  view: View,
  flow: FlowSpec,
  { verdict, action, reason, service }: PacketEvent,
  frontend: Frontend | undefined,
): Outcome {
  const targets =
    frontend && reaches(action, reason) ? targetsOf(view, frontend.service, flow) : [];
  const judged = targets.length === 0 ? { verdict, action, reason } : translated(targets);
  return {
    ...judged,
    service: frontend ? service : null,
    frontend: frontend?.service.frontend ?? null,
    targets,
    affinity: targets.length === 0 ? 0 : (frontend?.service.affinity ?? 0) / 1000,
  };
}

/** An endpoint was chosen; whether it could be masqueraded to hangs on which. */
function reaches(action: Action, reason: Reason | null): boolean {
  return action === "dnat" || reason === "no-masquerade-address";
}

function translated(targets: readonly Target[]): Pick<Outcome, "verdict" | "action" | "reason"> {
  return targets.some(({ masquerade }) => masquerade !== "")
    ? { verdict: "PASS", action: "dnat", reason: null }
    : { verdict: "DROP", action: "drop", reason: "no-masquerade-address" };
}

function targetsOf(view: View, service: Service, flow: FlowSpec): Target[] {
  const route = routeOf(view, service, flow);
  if (route.action !== "dnat") return [];
  return view
    .members(service.service, route.ring)
    .map((member) => targetOf(member, route.masquerade, flow.saddr));
}

/** An endpoint that dials itself through its Service is always masqueraded. */
function targetOf(
  { name, address: text, masquerade }: Member,
  always: boolean,
  saddr: string,
): Target {
  return { endpoint: name, masquerade: always || text === saddr ? masquerade : null };
}

/** The way that connections of a source take: its class is found as the packet path finds it. */
export function routeOf(view: View, { routes }: Service, flow: FlowSpec): Route {
  const { saddr, interface: device, local } = flow;
  if (isPodInterface(view, device) || inRanges(saddr, view.podRanges[address.family(saddr)]))
    return routes.pod;
  return local === true || isLocal(view, saddr) ? routes.local : routes.other;
}

/** Rows appear when a packet of such an interface has come in. */
function isPodInterface({ dataplane: { maps } }: View, name: string | undefined): boolean {
  if (name === undefined) return false;
  return [...maps.interfaces.entries()].some(([, row]) => row.name === name && row.pod);
}

function inRanges(text: string, ranges: readonly AddressRange[]): boolean {
  return ranges.some(
    ({ first, last }) => address.compare(first, text) <= 0 && address.compare(text, last) <= 0,
  );
}

/** In what two outcomes differ; "added" and "removed" stand beside it where one side has no frontend. */
export const CHANGES = [
  "added",
  "removed",
  "verdict",
  "source-range",
  "endpoints",
  "masquerade",
  "affinity",
] as const;
export type Change = (typeof CHANGES)[number];

/** Empty when the flow goes the same way. A Service's name alone is no difference. */
export function changesOf(old: Outcome, next: Outcome): Change[] {
  const changes = sameVerdict(old, next) ? targetChanges(old, next) : [verdictChange(old, next)];
  if (changes.length === 0) return [];
  if (old.service === null) return ["added", ...changes];
  return next.service === null ? ["removed", ...changes] : changes;
}

function sameVerdict(old: Outcome, next: Outcome): boolean {
  return old.verdict === next.verdict && old.action === next.action && old.reason === next.reason;
}

function verdictChange(old: Outcome, next: Outcome): Change {
  return [old.reason, next.reason].includes("source-range") ? "source-range" : "verdict";
}

function targetChanges(old: Outcome, next: Outcome): Change[] {
  const changes: Change[] = [];
  const { gained, lost } = endpointChanges(old, next);
  if (gained.length + lost.length > 0) changes.push("endpoints");
  if (masqueradeChanges(old, next).length > 0) changes.push("masquerade");
  if (old.affinity !== next.affinity) changes.push("affinity");
  return changes;
}

export function endpointChanges(
  old: Outcome,
  next: Outcome,
): { readonly gained: readonly string[]; readonly lost: readonly string[] } {
  const before = new Set(old.targets.map(({ endpoint }) => endpoint));
  const after = new Set(next.targets.map(({ endpoint }) => endpoint));
  return {
    gained: [...after].filter((endpoint) => !before.has(endpoint)),
    lost: [...before].filter((endpoint) => !after.has(endpoint)),
  };
}

export interface MasqueradeChange {
  readonly old: string | null;
  readonly new: string | null;
}

/** Of the endpoints that both sides have. */
export function masqueradeChanges(old: Outcome, next: Outcome): MasqueradeChange[] {
  const before = new Map(old.targets.map(({ endpoint, masquerade }) => [endpoint, masquerade]));
  return next.targets
    .filter(
      ({ endpoint, masquerade }) => before.has(endpoint) && before.get(endpoint) !== masquerade,
    )
    .map(({ endpoint, masquerade }) => ({ old: before.get(endpoint) ?? null, new: masquerade }));
}
