/** ICMP errors about packets of a connection, as both of its sides see them. */
import { expect } from "vitest";
import type { Config } from "../../../src/dataplane/entries.ts";
import { type PacketSpec, packet } from "../../../src/packet/build.ts";
import {
  CLIENT,
  CLIENT6,
  ENDPOINT,
  ENDPOINT6,
  INVALID,
  NODE,
  POD,
  VIP,
  VIP6,
  web,
} from "../scene.ts";
import { CONFIG, type Content, createWorld, type World } from "../world.ts";

export const ROUTER = "192.168.1.3";
export const ROUTER6 = "2001:db8:1::3";
export const OTHER = "198.51.100.77";

export const RELATED = {
  verdict: "PASS",
  action: "related",
  reason: null,
  conntrack: "related",
  service: 0,
  backend: 1,
  masquerade: false,
};
export const DAMAGED = { ...INVALID, reason: "checksum" };

/** A packet of the client's connection, as the client sends it, and as the endpoint sees it. */
export interface Sight {
  readonly sent: PacketSpec;
  readonly seen: PacketSpec;
}

export const DIRECT: Sight = {
  sent: { saddr: POD, sport: 40000, daddr: VIP, dport: 80, payload: "request", ttl: 60, id: 7 },
  seen: {
    saddr: POD,
    sport: 40000,
    daddr: ENDPOINT,
    dport: 8080,
    payload: "request",
    ttl: 60,
    id: 7,
  },
};
export const DIRECT6: Sight = {
  sent: { saddr: CLIENT6, sport: 40000, daddr: VIP6, dport: 80, payload: "request" },
  seen: { saddr: CLIENT6, sport: 40000, daddr: ENDPOINT6, dport: 8080, payload: "request" },
};
/** Of a client outside, by a route that masquerades. */
export const MASQUERADED: Sight = {
  sent: { ...DIRECT.sent, saddr: CLIENT },
  seen: { ...DIRECT.seen, saddr: NODE },
};

/** The IPv6 client is a pod, so that nothing hides it. */
const POD_RANGES = { ...CONFIG.podRanges, ipv6: [{ first: CLIENT6, last: CLIENT6 }] };

export function withConfig(change: Partial<Config>): Content {
  return {
    config: [["config", { ...CONFIG, podRanges: POD_RANGES, checksum: true, ...change }]],
  };
}

export function worldOf(
  proto: "tcp" | "udp" | "sctp" = "tcp",
  change: Partial<Config> = {},
): World {
  return createWorld({ ...web(proto), ...withConfig(change) });
}

/** A world in which `sight` is a connection. */
export function opened(sight: Sight, change: Partial<Config> = {}): World {
  const { proto = "tcp" } = sight.sent;
  const world = worldOf(proto as "tcp", change);
  const init = { chunks: [{ type: "INIT", value: new Uint8Array(16).fill(1) }] } as const;
  const opener = proto === "sctp" ? { ...init, payload: "" } : { flags: "S" };
  expect(world.send(packet({ ...sight.sent, ...opener }))).toMatchObject({ conntrack: "new" });
  return world;
}

/** An ICMP error from `saddr` to the sender of `quoted`; unreachable, unless it is said. */
export function error(
  saddr: string,
  quoted: PacketSpec,
  change: Partial<PacketSpec> = {},
): PacketSpec {
  const v6 = saddr.includes(":");
  return {
    saddr,
    daddr: quoted.saddr,
    proto: v6 ? "icmpv6" : "icmp",
    icmp: { type: v6 ? 1 : 3, code: 1 },
    payload: packet({ ...quoted, link: "raw" }),
    ttl: 33,
    tos: 0x30,
    ...change,
  };
}
