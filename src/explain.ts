/**
 * What would happen to a packet, and why: a packet is built, run through the packet path, and the maps that
 * decided its way are read back and told as sentences.
 */
import { LINK_ETHERNET } from "../abi/limits.ts";
import type { Dataplane } from "./dataplane/dataplane.ts";
import type {
  AddressRange,
  Frontend,
  Proto,
  RingName,
  Route,
  Service,
  Vip,
} from "./dataplane/entries.ts";
import type { PacketEvent, Reason } from "./dataplane/event.ts";
import * as address from "./packet/address.ts";
import { packet } from "./packet/build.ts";
import { dialledVip } from "./vip.ts";

/** The first packet of a flow. */
export interface FlowSpec {
  readonly saddr: string;
  /** Default 40000. */
  readonly sport?: number;
  readonly daddr: string;
  readonly dport: number;
  readonly proto: Proto;
  /** Name of the device it comes in on. */
  readonly interface?: string;
  /** The node itself sends it. */
  readonly local?: boolean;
}

/** What became of the first packet of a flow, and why. */
export interface Explanation extends PacketEvent {
  /** Every endpoint the flow may go to, "ip:port", sorted. */
  readonly candidates: readonly string[];
  /** The way of the packet, a sentence per step. */
  readonly steps: readonly string[];
}

const DEFAULT_SPORT = 40000;

/**
 * Explains one flow. Forgets every connection and every remembered client before, so that the flow is judged
 * by itself, and after: use a dataplane that carries no traffic.
 */
export function explain(dataplane: Dataplane, flow: FlowSpec): Explanation {
  dataplane.flush();
  const options = { now: 0, linkType: LINK_ETHERNET, interface: flow.interface, local: flow.local };
  const { event } = dataplane.process(firstPacket(flow), options);
  const walk = createWalk(dataplane, flow, event);
  dataplane.flush();
  return { ...event, ...walk };
}

/** A TCP SYN, an SCTP INIT (RFC 9260 section 3.3.2), or a UDP datagram. */
export function firstPacket({
  saddr,
  sport = DEFAULT_SPORT,
  daddr,
  dport,
  proto,
}: FlowSpec): Uint8Array {
  const tuple = { saddr, sport, daddr, dport, proto };
  if (proto === "tcp") return packet({ ...tuple, flags: "S", tcpOptions: { mss: 1460 } });
  if (proto === "udp") return packet(tuple);
  // Initiate tag 1, window 65536, one stream each way, initial TSN 1.
  const init = Uint8Array.from([0, 0, 0, 1, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1]);
  return packet({ ...tuple, chunks: [{ type: "INIT", value: init }] });
}

/** What the steps are told from. */
interface Context {
  readonly dataplane: Dataplane;
  readonly flow: FlowSpec;
  readonly event: PacketEvent;
  readonly vip: Vip;
  readonly service: Service;
}

interface Walk {
  readonly candidates: readonly string[];
  readonly steps: readonly string[];
}

const NAMES = { tcp: "TCP SYN", udp: "UDP packet", sctp: "SCTP INIT" } as const;

function createWalk(dataplane: Dataplane, flow: FlowSpec, event: PacketEvent): Walk {
  const { saddr, sport = DEFAULT_SPORT, daddr, dport, proto } = flow;
  const from = address.formatEndpoint(saddr, sport);
  const opening = `A ${NAMES[proto]} from ${from} to ${address.formatEndpoint(daddr, dport)}.`;
  const vip = dialledVip(dataplane.maps, flow);
  const service = vip && dataplane.maps.services.lookup(vip);
  if (!vip || !service)
    return { candidates: [], steps: [opening, ...passSteps(dataplane, flow, event)] };
  const context = { dataplane, flow, event, vip, service };
  const { candidates, steps } = serviceWalk(context);
  return { candidates, steps: [opening, frontendStep(context), ...steps] };
}

function isLocal(maps: Dataplane["maps"], text: string): boolean {
  const key = { family: address.family(text), address: text };
  return text.startsWith("127.") || maps.addresses.lookup(key) !== undefined;
}

/** Nobody's packet: left alone. Where it nearly was a Service's, that is said. */
function passSteps({ maps }: Dataplane, flow: FlowSpec, event: PacketEvent): string[] {
  const dialled = `${address.formatEndpoint(flow.daddr, flow.dport)}/${flow.proto}`;
  const steps = [`No Service is dialled at ${dialled}.`, ...nearMisses(maps, flow)];
  if (event.action === "pass")
    return [...steps, "The packet passes untouched, and nothing is remembered of it."];
  return [...steps, `The packet is dropped: ${because(event.reason)}.`];
}

function nearMisses(maps: Dataplane["maps"], { daddr, dport, proto }: FlowSpec): string[] {
  const ports = [...maps.services.entries()]
    .filter(([vip]) => vip.address === daddr)
    .map(([vip]) => `${vip.port}/${vip.proto}`);
  if (ports.length > 0)
    return [`Services have that address, with other ports: ${list(ports.sort())}.`];
  const nodePort: Vip = { family: address.family(daddr), address: "", port: dport, proto };
  if (!maps.services.lookup(nodePort)) return [];
  const why = isLocal(maps, daddr)
    ? "the node serves no nodePorts at this address of it"
    : `${daddr} is no address of this node`;
  return [`${dport}/${proto} is a nodePort, but ${why}.`];
}

const FRONTENDS: Readonly<Record<Frontend, string>> = {
  "cluster-ip": "a cluster IP",
  "external-ip": "an external IP",
  "load-balancer": "a load balancer's address",
  "node-port": "a nodePort",
};

function frontendStep({ vip, service, flow, event }: Context): string {
  const what = FRONTENDS[service.frontend];
  const owner = event.service ?? `service port ${service.service}`;
  if (vip.address === "") {
    return `${flow.daddr} is an address of this node, and ${vip.port}/${vip.proto} is ${what} of ${owner}.`;
  }
  return `${address.formatEndpoint(vip.address, vip.port)}/${vip.proto} is ${what} of ${owner}.`;
}

function serviceWalk(context: Context): Walk {
  const { service, flow } = context;
  const { steps: rangeSteps, letIn } = rangeWalk(service, flow);
  if (!letIn) return { candidates: [], steps: [...rangeSteps, "The packet is dropped."] };
  const source = sourceOf(context);
  const route = service.routes[source.class];
  const { candidates, steps } = routeWalk(context, source, route);
  return { candidates, steps: [...rangeSteps, source.step, ...steps] };
}

function rangeWalk(
  { sourceRanges }: Service,
  { saddr }: FlowSpec,
): { steps: string[]; letIn: boolean } {
  if (sourceRanges === null) return { steps: [], letIn: true };
  const ranges = list(sourceRanges.map(printRange));
  if (inRanges(saddr, sourceRanges)) {
    return { steps: [`loadBalancerSourceRanges let ${saddr} in: ${ranges}.`], letIn: true };
  }
  return {
    steps: [`loadBalancerSourceRanges let in ${ranges || "nobody"}; ${saddr} is none of them.`],
    letIn: false,
  };
}

function printRange({ first, last }: AddressRange): string {
  return address.formatRange(first, last);
}

function inRanges(text: string, ranges: readonly AddressRange[]): boolean {
  return ranges.some(({ first, last }) => {
    if (address.family(first) !== address.family(text)) return false;
    return address.compare(first, text) <= 0 && address.compare(text, last) <= 0;
  });
}

interface Source {
  readonly class: "pod" | "local" | "other";
  readonly step: string;
}

/** The classes in the order the packet path tries them. */
function sourceOf({ dataplane: { maps }, flow }: Context): Source {
  const { saddr } = flow;
  const device = [...maps.interfaces.entries()].find(([, row]) => row.name === flow.interface);
  if (flow.interface !== undefined && device?.[1].pod) {
    return {
      class: "pod",
      step: `It comes in on ${flow.interface}, behind which are pods: local traffic.`,
    };
  }
  const ranges = maps.config.lookup("config")?.podRanges[address.family(saddr)] ?? [];
  if (inRanges(saddr, ranges)) {
    return {
      class: "pod",
      step: `${saddr} is in the pods' range (${list(ranges.map(printRange))}).`,
    };
  }
  if (flow.local) return { class: "local", step: "The node itself sends it." };
  if (isLocal(maps, saddr)) return { class: "local", step: `${saddr} is an address of this node.` };
  const known =
    ranges.length > 0
      ? "neither in the pods' range nor an address of this node"
      : "no address of this node";
  return { class: "other", step: `${saddr} is ${known}: it comes from elsewhere.` };
}

function routeWalk(context: Context, source: Source, route: Route): Walk {
  if (route.action !== "dnat") return { candidates: [], steps: [refusalStep(context, route)] };
  const candidates = candidatesOf(context, route.ring);
  const steps = [
    candidateStep(context, route.ring, candidates),
    ...choiceSteps(context, route.ring, candidates),
  ];
  return { candidates, steps: [...steps, ...outcomeSteps(context, source, route)] };
}

const REASONS: Readonly<Record<Reason, string>> = {
  truncated: "it ends before its headers do",
  malformed: "its headers contradict themselves",
  fragment: "it waits for the fragment with the ports",
  invalid: "it belongs to no connection and cannot open one",
  "no-endpoints": "the service port has no endpoint that is ready, nor one that still serves",
  "no-local-endpoints": "its traffic policy is Local, and none of its endpoints is on this node",
  "source-range": "its source is outside loadBalancerSourceRanges",
  "conntrack-full": "the conntrack table is full",
  "port-exhausted": "no source port is free for the reply",
  "no-masquerade-address": "it must be masqueraded, and the node has no address of the family",
  checksum: "a checksum is wrong",
  martian: "no packet from a wire may have its source address",
  "fragment-overlap": "it overlaps another fragment",
  "fragment-duplicate": "the fragment was here before",
  "fragment-full": "there is no room to follow another fragment",
  program: "a program said so",
  trap: "a program has trapped",
};

function because(reason: Reason | null): string {
  return reason === null ? "nothing more is known" : REASONS[reason];
}

function refusalStep(
  { flow, event }: Context,
  { action, reason }: Extract<Route, { reason: Reason }>,
): string {
  if (event.action === "pass") {
    const refusal = `It is not let in (${because(reason)})`;
    return `${refusal}, but packets of the node itself to elsewhere are not refused: it passes untouched.`;
  }
  if (action === "drop") return `The packet is dropped: ${because(reason)}.`;
  const icmp = address.family(flow.daddr) === "ipv4" ? "ICMP" : "ICMPv6";
  return `The packet is rejected with ${icmp} "port unreachable": ${because(reason)}.`;
}

/** Every backend of the ring, once. */
function candidatesOf({ dataplane: { maps }, service }: Context, ring: RingName): string[] {
  const slots = maps.rings.lookup({ service: service.service, ring })?.slots ?? [];
  return [...new Set(slots)]
    .map((number) => maps.backends.lookup(number))
    .filter((backend) => backend !== undefined)
    .map((backend) => address.formatEndpoint(backend.address, backend.port))
    .sort();
}

function candidateStep(
  { service }: Context,
  ring: RingName,
  candidates: readonly string[],
): string {
  const policy =
    service.frontend === "cluster-ip" ? "internalTrafficPolicy" : "externalTrafficPolicy";
  const which = ring === "local" ? `on this node (${policy} Local)` : "in reach";
  const noun = candidates.length === 1 ? "endpoint" : "endpoints";
  return `${candidates.length} ${noun} ${which}: ${list(candidates)}.`;
}

/** How the choice is made. It was made by the packet path; here it is only told. */
function choiceSteps(context: Context, ring: RingName, candidates: readonly string[]): string[] {
  const {
    dataplane: { maps },
    service,
    event,
  } = context;
  if (event.backend === null) return [];
  const scheduler = maps.rings.lookup({ service: service.service, ring })?.scheduler;
  const by = scheduler === "maglev" ? "Maglev's hash of the flow" : "Chance, by the seed,";
  const chosen = candidates.length > 1 ? [`${by} takes ${event.backend}.`] : [];
  if (service.affinity === 0) return chosen;
  const seconds = service.affinity / 1000;
  return [
    ...chosen,
    `Session affinity keeps the client with it until ${seconds} s after its last new connection.`,
  ];
}

function outcomeSteps(
  context: Context,
  source: Source,
  route: Extract<Route, { action: "dnat" }>,
): string[] {
  const { event } = context;
  if (event.action !== "dnat" || event.after === null) {
    return [
      `The packet is ${event.action === "reject" ? "rejected" : "dropped"}: ${because(event.reason)}.`,
    ];
  }
  const { saddr, sport, daddr, dport } = event.after;
  const from = address.formatEndpoint(saddr, sport);
  return [
    masqueradeStep(context, source, route.masquerade),
    ...portSteps(context, sport),
    `It leaves as ${from} to ${address.formatEndpoint(daddr, dport)}; answers are translated back.`,
  ];
}

function masqueradeStep(
  { event, flow, service }: Context,
  source: Source,
  always: boolean,
): string {
  if (!event.masquerade) return `The endpoint sees ${flow.saddr} as the source.`;
  const why = always
    ? masqueradeCause(service, source)
    : "the endpoint dials itself through its Service";
  return `Masqueraded: the source becomes ${event.after?.saddr}, for ${why}.`;
}

function masqueradeCause({ frontend }: Service, source: Source): string {
  if (frontend !== "cluster-ip")
    return "the endpoint may be on another node, and its answer must come back here";
  return source.class === "other"
    ? "the source is outside the pods' range, and the answer must come back here"
    : "everything is masqueraded here (masqueradeAll)";
}

function portSteps(
  { dataplane: { maps }, event, flow: { sport = DEFAULT_SPORT } }: Context,
  port: number,
): string[] {
  if (port === sport) return [];
  const drawn = event.masquerade && maps.config.lookup("config")?.randomFully;
  const why = drawn
    ? "masquerading draws one every time (random-fully)"
    : `${sport} is not free towards this endpoint`;
  return [`The source port becomes ${port}: ${why}.`];
}

/** A few of many, so that a sentence stays one. */
const LISTED_MAX = 12;

function list(items: readonly string[]): string {
  const shown = items.slice(0, LISTED_MAX).join(", ");
  return items.length > LISTED_MAX ? `${shown} and ${items.length - LISTED_MAX} more` : shown;
}
