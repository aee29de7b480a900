/**
 * The lab as a drawing: one node with three links, and who lives behind them.
 *
 *     clients 203.0.113.x --- gateway --- ext0 [ node ] pod0 --- pods 10.244.1.x of this node
 *                                              [      ] net1 --- the other node --- pods 10.244.2.x
 */
import type { Family } from "../../src/index.ts";

export const LINKS = ["ext0", "pod0", "net1"] as const;
export type Link = (typeof LINKS)[number];

export const NODE = "node-a";
export const OTHER_NODE = "node-b";

interface End {
  /** The node's own. */
  readonly mac: string;
  readonly addresses: readonly string[];
  /** Who stands at the other end, by MAC: sends every frame of the link. */
  readonly peer: string;
  readonly neighbours: readonly string[];
}

/** Pods of this node have addresses ending in these. */
export const POD_HOSTS = [10, 11, 12, 13, 14, 15];

export const ENDS: Readonly<Record<Link, End>> = {
  ext0: {
    mac: "02:00:00:00:0e:02",
    addresses: ["192.168.0.2/24", "2001:db8::2/64"],
    peer: "02:00:00:00:0e:01",
    neighbours: ["192.168.0.254", "2001:db8::fe"],
  },
  pod0: {
    mac: "02:00:00:00:01:01",
    addresses: ["10.244.1.1/24", "fd00:10:1::1/64"],
    peer: "02:00:00:00:01:10",
    neighbours: POD_HOSTS.flatMap((host) => [`10.244.1.${host}`, `fd00:10:1::${host}`]),
  },
  net1: {
    mac: "02:00:00:00:02:02",
    addresses: ["192.168.1.2/24", "2001:db8:1::2/64"],
    peer: "02:00:00:00:02:03",
    neighbours: ["192.168.1.3", "2001:db8:1::3"],
  },
};

export const ROUTES = [
  "default via 192.168.0.254 dev ext0",
  "default via 2001:db8::fe dev ext0",
  "10.244.2.0/24 via 192.168.1.3 dev net1",
  "fd00:10:2::/64 via 2001:db8:1::3 dev net1",
];

export const NODE_ADDRESSES = LINKS.flatMap((link) => ENDS[link].addresses).map(
  (text) => text.split("/")[0] as string,
);
/** The first of a family is the node's primary one. */
export const INTERNAL_IPS = ["192.168.0.2", "2001:db8::2"];
export const CLUSTER_CIDRS: Readonly<Record<Family, string>> = {
  ipv4: "10.244.0.0/16",
  ipv6: "fd00:10::/32",
};

/** The link that whoever has the address is behind. */
export function linkOf(address: string): Link {
  if (/^(10\.244\.1\.|fd00:10:1::)/.test(address)) return "pod0";
  return /^(10\.244\.2\.|fd00:10:2::|192\.168\.1\.|2001:db8:1::)/.test(address) ? "net1" : "ext0";
}

export function familyOf(address: string): Family {
  return address.includes(":") ? "ipv6" : "ipv4";
}

/** Of the node itself, as the kernel's address type LOCAL says it. */
export function isLocal(address: string): boolean {
  return NODE_ADDRESSES.includes(address) || address.startsWith("127.") || address === "::1";
}
