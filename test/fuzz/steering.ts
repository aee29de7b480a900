/**
 * Conversations among everybody who can be at either end of one: clients, pods that serve and pods that do not,
 * the node, by cluster IPs, external IPs, nodePorts and directly, from any port that means something elsewhere.
 */
import type { Tuple } from "../../src/dataplane/entries.ts";
import { packet } from "../../src/packet/build.ts";
import {
  nodeObject,
  type PortSpec,
  proxyObject,
  type ServiceSpec,
  serviceObjects,
} from "../conformance/cluster.ts";
import { build, type Frame } from "../conformance/frame.ts";
import type { Dice } from "./dice.ts";
import { inverse } from "./flows.ts";
import { isIPv4, type Packet, type Target } from "./packets.ts";

export const NODE = "worker-1";
const NODE_IPS = ["192.168.0.2", "192.168.1.2", "2001:db8::2"];
/** Serve something in most clusters. */
const PODS = ["10.244.1.1", "10.244.1.2", "10.244.2.1", "fd00:244:1::1", "fd00:244:1::2"];
const CLIENTS = ["203.0.113.9", "203.0.113.200", "2001:db8:f::9", "10.244.1.77", "fd00:244:1::77"];
const EXTERNAL = ["198.51.100.1", "2001:db8:e::1"];
const VIPS = [
  ["10.96.0.1", "fd00:96::1"],
  ["10.96.0.2", "fd00:96::2"],
] as const;
const PORTS = [53, 443, 8080, 30000, 40001];
const NODE_PORTS = [30000, 30001, 40000];
/** Of clients: what others serve at, the ends of the classes, and what is drawn. */
const SOURCE_PORTS = [...PORTS, ...NODE_PORTS, 0, 1, 511, 512, 600, 1023, 1024, 65535];
const SOURCES = [...CLIENTS, ...PODS, ...NODE_IPS, "127.0.0.1"];
const NOBODY: Target = { address: "192.0.2.99", port: 9, proto: "udp" };
const PROTOCOLS = ["TCP", "UDP", "SCTP"] as const;
const ETHERNET = 14;

export function cluster(dice: Dice): object[] {
  const proxy = proxyObject({
    clusterCIDR: dice.oneOf(["", "10.244.0.0/16,fd00:244::/32"]),
    masqueradeAll: dice.once(2),
    localhostNodePorts: dice.once(2),
    ...(dice.once(3) ? { nodePortAddresses: ["192.168.0.0/24"] } : {}),
  });
  const node = nodeObject({ name: NODE, addresses: NODE_IPS });
  return [node, proxy, ...VIPS.flatMap((_, index) => serviceObjects(service(index, dice)))];
}

function service(index: number, dice: Dice): ServiceSpec {
  const type = dice.oneOf(["ClusterIP", "NodePort", "LoadBalancer"] as const);
  const protocols = dice.shuffled(PROTOCOLS).slice(0, 1 + dice.below(3));
  const policy = () => (dice.once(4) ? ("Local" as const) : ("Cluster" as const));
  // An endpoint in the node's own network, and an external IP that is the node's own address, are not unusual.
  const serving = dice.shuffled([...PODS, ...NODE_IPS]).slice(0, 2 + dice.below(4));
  return {
    name: `svc${index}`,
    clusterIPs: VIPS[index]!,
    type,
    ports: protocols.map((protocol) => portOf(protocol, index, type, dice)),
    endpoints: serving.map((address) => ({ address, node: NODE })),
    externalIPs: dice.shuffled([...EXTERNAL, ...NODE_IPS]).slice(0, dice.below(3)),
    internalPolicy: "Cluster",
    externalPolicy: policy(),
  };
}

function portOf(
  protocol: (typeof PROTOCOLS)[number],
  index: number,
  type: ServiceSpec["type"],
  dice: Dice,
): PortSpec {
  const port = { name: protocol.toLowerCase(), protocol, port: dice.oneOf(PORTS) };
  const numbered = type !== "ClusterIP" && !dice.once(3);
  const nodePort = numbered ? { nodePort: NODE_PORTS[index]! } : {};
  return { ...port, ...nodePort, target: dice.oneOf(PORTS) };
}

/** Who can be dialled, and who answers. */
export interface Targets {
  readonly services: readonly Target[];
  readonly endpoints: readonly Target[];
}

/** Somebody dials somebody, who mostly answers; a source may be one that answers others. */
export function dial({ services, endpoints }: Targets, dice: Dice): Tuple {
  const targets = services.length === 0 || dice.once(4) ? endpoints : services;
  const { address, port, proto } = targets.length === 0 ? NOBODY : dice.oneOf(targets);
  const isAlike = (one: string) => isIPv4(one) === isIPv4(address);
  const servers = [...services, ...endpoints].filter((one) => isAlike(one.address));
  const { address: saddr, port: sport } =
    dice.once(4) && servers.length > 0
      ? dice.oneOf(servers)
      : { address: dice.oneOf(SOURCES.filter(isAlike)), port: sourcePort(dice) };
  return { saddr, sport, daddr: address, dport: port, proto };
}

/** The same source to somewhere else: where both come to one endpoint, one of them needs another port. */
export function redial(asked: Tuple, { services }: Targets, dice: Dice): Tuple {
  const others = services.filter(
    ({ address, proto }) => proto === asked.proto && isIPv4(address) === isIPv4(asked.daddr),
  );
  if (others.length === 0) return asked;
  const { address, port } = dice.oneOf(others);
  return { ...asked, daddr: address, dport: port };
}

function sourcePort(dice: Dice): number {
  return dice.once(2) ? dice.oneOf(SOURCE_PORTS) : dice.below(65536);
}

/** What the node sends comes from the node. */
export function isLocal({ saddr }: Pick<Tuple, "saddr">): boolean {
  return NODE_IPS.includes(saddr) || saddr.startsWith("127.");
}

/** A packet that opens a connection, or a later one of who has opened it. */
export function ask(tuple: Tuple, flags = "S"): Packet {
  return { bytes: build({ ...frameOf(tuple), flags }), options: { local: isLocal(tuple) } };
}

/** What comes back for a packet that left with this tuple. */
export function answer(left: Tuple): Packet {
  const back = inverse(left);
  const bytes = build({ ...frameOf(back), flags: "SA", answers: true });
  return { bytes, options: { local: isLocal(back) } };
}

/** An error of a router to who sent the frame. */
export function complain(frame: Uint8Array, { saddr }: Tuple): Packet {
  const v4 = isIPv4(saddr);
  const from = v4 ? "192.0.2.1" : "2001:db8:a::1";
  const icmp = { type: v4 ? 3 : 1, code: 1 };
  const ends = { saddr: from, daddr: saddr, proto: v4 ? "icmp" : "icmpv6" } as const;
  const bytes = packet({ ...ends, icmp, payload: frame.slice(ETHERNET) });
  return { bytes, options: {} };
}

function frameOf(tuple: Tuple): Frame {
  return { ...tuple, proto: tuple.proto as Frame["proto"] };
}
