/** What becomes of a flow, whatever chance decides. */
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
