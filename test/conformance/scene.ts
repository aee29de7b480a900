/**
 * The cluster that packet tables play in, seen from node worker-1.
 *
 *   pod 10.244.1.5 ---- worker-1 (192.168.0.2) ---- client 203.0.113.9
 *                          |
 *          web      one endpoint, local: whatever is dialled, it is known who answers
 *          pool     five endpoints          sticky   eight, ClientIP affinity of 10 s
 *          vacant   none                    gate     LoadBalancer for 203.0.113.0/24 only
 *          far      externalTrafficPolicy Local, its endpoint on worker-2
 */
import {
  type EndpointSpec,
  nodeObject,
  proxyObject,
  type ServiceSpec,
  serviceObjects,
} from "./cluster.ts";
import type { Frame } from "./frame.ts";
import type { Step } from "./walk.ts";

export const NODE = "worker-1";
export const NODE_IPV4 = "192.168.0.2";
export const NODE_IPV6 = "2001:db8::2";
export const POD = "10.244.1.5";
export const POD_IPV6 = "fd00:10:244:1::5";
export const CLIENT = "203.0.113.9";
export const CLIENT_IPV6 = "2001:db8:f::9";
export const STRANGER = "192.0.2.77";
export const AFFINITY = 10_000;

const ENDPOINT = "10.244.1.10";
const ENDPOINT_IPV6 = "fd00:10:244:1::10";
const PROTOCOLS = ["TCP", "UDP", "SCTP"] as const;

/** One port each for TCP, UDP and SCTP, all 80 -> 8080, as NodePort 30080 where wanted. */
function ports(nodePort?: number): ServiceSpec["ports"] {
  return PROTOCOLS.map((protocol) => ({
    name: protocol.toLowerCase(),
    protocol,
    port: 80,
    target: 8080,
    nodePort,
  }));
}

function locals(count: number, prefix: string): EndpointSpec[] {
  return Array.from({ length: count }, (_, i) => ({ address: `${prefix}${i + 1}`, node: NODE }));
}

export const SERVICES = {
  web: {
    name: "web",
    type: "NodePort",
    clusterIPs: ["10.96.0.10", "fd00:96::10"],
    externalIPs: ["198.51.100.10"],
    ports: ports(30080),
    endpoints: [
      { address: ENDPOINT, node: NODE },
      { address: ENDPOINT_IPV6, node: NODE },
    ],
  },
  pool: {
    name: "pool",
    clusterIPs: ["10.96.0.20"],
    ports: ports(),
    endpoints: locals(5, "10.244.2."),
  },
  sticky: {
    name: "sticky",
    clusterIPs: ["10.96.0.30"],
    ports: ports(),
    endpoints: locals(8, "10.244.3."),
    affinity: AFFINITY / 1000,
  },
  vacant: {
    name: "vacant",
    type: "NodePort",
    clusterIPs: ["10.96.0.40", "fd00:96::40"],
    ports: ports(30040),
  },
  gate: {
    name: "gate",
    type: "LoadBalancer",
    clusterIPs: ["10.96.0.50"],
    ingress: ["198.51.100.50"],
    sourceRanges: ["203.0.113.0/24"],
    ports: ports(30050),
    endpoints: [{ address: "10.244.5.1", node: NODE }],
  },
  far: {
    name: "far",
    type: "LoadBalancer",
    clusterIPs: ["10.96.0.60"],
    ingress: ["198.51.100.60"],
    externalPolicy: "Local",
    ports: ports(30060),
    endpoints: [{ address: "10.244.6.1", node: "worker-2" }],
  },
} as const satisfies Record<string, ServiceSpec>;

const BASE = [
  nodeObject({ name: NODE, addresses: [NODE_IPV4, NODE_IPV6] }),
  proxyObject({ clusterCIDR: "10.244.0.0/16,fd00:10:244::/48" }),
];

/** The objects of a cluster that holds these services. */
export function scene(...services: readonly ServiceSpec[]): object[] {
  return [...BASE, ...services.flatMap(serviceObjects)];
}

export const OBJECTS = scene(...Object.values(SERVICES));

/** A pod dials `web`: the plainest flow, no masquerade. */
export const REQUEST: Frame = {
  saddr: POD,
  sport: 40000,
  daddr: "10.96.0.10",
  dport: 80,
  proto: "tcp",
};
export const DELIVERED: Frame = { ...REQUEST, daddr: ENDPOINT, dport: 8080 };
export const REQUEST_IPV6: Frame = {
  ...REQUEST,
  saddr: POD_IPV6,
  daddr: "fd00:96::10",
};
export const DELIVERED_IPV6: Frame = { ...REQUEST_IPV6, daddr: ENDPOINT_IPV6, dport: 8080 };
export const WEB_BACKEND = `${ENDPOINT}:8080`;
export const WEB_BACKEND_IPV6 = `[${ENDPOINT_IPV6}]:8080`;

export type Change = Partial<Frame>;

/** Both directions of a connection, from its first packet before the dataplane and after. */
export interface Conversation {
  /** The packet that opens it. */
  open(change?: Change): Step;
  /** A later packet of the client. */
  request(change?: Change): Step;
  response(change?: Change): Step;
}

/** `masquerade` must be said only of the node's own flows, whose source stays what it was. */
export function conversation(
  original: Frame,
  delivered: Frame,
  masquerade = original.saddr !== delivered.saddr,
): Conversation {
  const dnat = { verdict: "PASS", action: "dnat", reason: null, masquerade } as const;
  const toBackend = (change: Change): Pick<Step, "send" | "out"> => ({
    send: { ...original, ...change },
    out: { ...delivered, ...change },
  });
  return {
    open: (change = {}) => ({ ...toBackend(change), event: { ...dnat, conntrack: "new" } }),
    request: (change = {}) => ({
      ...toBackend({ flags: "A", ...change }),
      event: { ...dnat, conntrack: "established" },
    }),
    response: (change = {}) => ({
      send: { ...answer(delivered), flags: "A", ...change },
      out: { ...answer(original), flags: "A", ...change },
      event: { verdict: "PASS", action: "reply", reason: null, conntrack: "reply", masquerade },
    }),
  };
}

/** A packet there and one back. */
export function roundTrip(original: Frame, delivered: Frame, event: Step["event"] = {}): Step[] {
  const { open, request, response } = conversation(original, delivered, event.masquerade);
  const steps = [open(), response({ flags: "SA" }), request()];
  return steps.map((step) => ({ ...step, event: { ...step.event, ...event } }));
}

/** The same frame the other way round. */
export function answer(frame: Frame): Frame {
  const { saddr, sport, daddr, dport, answers = false } = frame;
  return { ...frame, saddr: daddr, sport: dport, daddr: saddr, dport: sport, answers: !answers };
}

export const WEB = conversation(REQUEST, DELIVERED);
export const WEB_IPV6 = conversation(REQUEST_IPV6, DELIVERED_IPV6);

/** A packet that leaves as it came. */
export function passes(send: Step["send"], event: Step["event"] = {}): Step {
  const untouched = {
    verdict: "PASS",
    action: "pass",
    reason: null,
    conntrack: "none",
    backend: null,
  } as const;
  return { send, out: send, event: { ...untouched, masquerade: false, ...event } };
}

export function drops(
  send: Step["send"],
  reason: NonNullable<Step["event"]["reason"]>,
  event: Step["event"] = {},
): Step {
  return { send, event: { verdict: "DROP", action: "drop", reason, after: null, ...event } };
}

/** A cluster whose Service is dialled at its endpoint's own port. */
export function selfServed(externalIPs: readonly string[]): object[] {
  return scene({
    name: "self",
    clusterIPs: ["10.96.0.70"],
    externalIPs,
    externalPolicy: "Local",
    ports: [
      { name: "tcp", port: 8080 },
      { name: "udp", port: 8080, protocol: "UDP" },
    ],
    endpoints: [{ address: ENDPOINT, node: NODE }],
  });
}
