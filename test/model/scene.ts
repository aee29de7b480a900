/** Service port 1 (IPv6: 2) with one endpoint, and what goes to it and comes back. */
import type { Connection, Proto, Tuple } from "../../src/dataplane/entries.ts";
import type { ChunkSpec, PacketSpec } from "../../src/packet/build.ts";
import { backend, type Content, INTERFACE, service, type World } from "./world.ts";

export const POD = "10.244.1.5";
export const CLIENT = "203.0.113.9";
export const NODE = "192.168.0.2";
export const VIP = "10.96.0.10";
export const ENDPOINT = "10.244.1.10";
export const VIP6 = "fd00:96::10";
export const ENDPOINT6 = "fd00:10:244::10";
export const CLIENT6 = "2001:db8:f::9";
export const NODE6 = "2001:db8::2";
export const PROTOS = ["tcp", "udp", "sctp"] as const;

/** Service port 1 with one endpoint, on a cluster IP and a nodePort of each family and protocol. */
export function web(proto: Proto = "tcp", change: Parameters<typeof service>[0] = {}): Content {
  const vip = { family: "ipv4", address: VIP, port: 80, proto } as const;
  const vip6 = { ...vip, family: "ipv6", address: VIP6 } as const;
  return {
    services: [
      [vip, service(change)],
      [vip6, service({ service: 2, ...change })],
      [{ ...vip, address: "", port: 30080 }, service({ frontend: "node-port", ...change })],
    ],
    backends: [
      [1, backend(ENDPOINT, proto)],
      [2, backend(ENDPOINT6, proto, { service: 2 })],
    ],
    rings: [
      [
        { service: 1, ring: "cluster" },
        { scheduler: "random", slots: [1] },
      ],
      [
        { service: 2, ring: "cluster" },
        { scheduler: "random", slots: [2] },
      ],
    ],
    addresses: [[{ family: "ipv4", address: NODE }, { nodePorts: true }]],
    interfaces: [[0, INTERFACE]],
  };
}

export const SYN: PacketSpec = { saddr: POD, sport: 40000, daddr: VIP, dport: 80, flags: "S" };
export const SYN6: PacketSpec = { ...SYN, saddr: CLIENT6, daddr: VIP6 };

/** An INIT or INIT ACK whose sender wants answers to carry `tag`: RFC 9260 section 3.3.2. */
export function initiation(type: "INIT" | "INIT ACK", tag: number): ChunkSpec {
  const value = new Uint8Array(16);
  new DataView(value.buffer).setUint32(0, tag);
  return { type, value };
}

/** What the first packet, its answer and the next one are of each protocol. */
export const TURNS: Record<Proto, readonly [ask: Turn, reply: Turn, next: Turn]> = {
  tcp: [{ flags: "S", payload: "question" }, { flags: "SA" }, { flags: "A" }],
  udp: [{ payload: "question" }, { payload: "answer" }, {}],
  sctp: [
    { chunks: [initiation("INIT", 11)] },
    { chunks: [initiation("INIT ACK", 22)], verificationTag: 11 },
    { chunks: [{ type: "COOKIE ECHO" }], verificationTag: 22 },
  ],
};
type Turn = Partial<PacketSpec>;

/** The packet the other way round. */
export function answer(spec: PacketSpec, change: Partial<PacketSpec> = {}): PacketSpec {
  const { saddr, sport, daddr, dport } = spec;
  return { ...spec, saddr: daddr, sport: dport, daddr: saddr, dport: sport, ...change };
}

export const NEW = { verdict: "PASS", action: "dnat", reason: null, conntrack: "new", service: 0 };
export const LATER = { ...NEW, conntrack: "established" };
export const REPLY = { ...NEW, action: "reply", conntrack: "reply" };
export const INVALID = { verdict: "DROP", action: "drop", reason: "invalid", conntrack: "invalid" };
export const LEFT_ALONE = {
  verdict: "PASS",
  action: "pass",
  reason: null,
  conntrack: "none",
  service: 0,
};

export function connections(world: World): [Tuple, Connection][] {
  return [...world.engine.maps.conntrack.entries()];
}
