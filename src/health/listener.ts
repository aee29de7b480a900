/** Where kube-proxy listens for health checks: pkg/proxy/util/nodeport_addresses.go. */
import { type Address, type Cidr, contains, hostCidr, parseCidr } from "../control/address.ts";
import type { NodeView } from "../control/node.ts";
import type { Family } from "../dataplane/entries.ts";

const UNSPECIFIED = { ipv4: "0.0.0.0", ipv6: "::" } as const;

/**
 * The addresses of a family. Without a CIDR of the family, or with one that holds all of it, that is the
 * unspecified address; with others it is each of the node's addresses in them, so possibly none.
 */
export function listenAddresses(
  nodePortAddresses: readonly string[],
  node: NodeView,
  present: readonly Address[],
  family: Family,
): string[] {
  const cidrs = cidrsOf(nodePortAddresses, node).filter((cidr) => cidr.family === family);
  if (cidrs.length === 0 || cidrs.some(({ prefix }) => prefix === 0)) return [UNSPECIFIED[family]];
  const found = present.filter((address) => cidrs.some((cidr) => contains(cidr, address)));
  return [...new Set(found.map(({ text }) => text))];
}

/** "primary" stands for the node's own address of each family, where it has one. */
function cidrsOf(texts: readonly string[], { primary }: NodeView): Cidr[] {
  const cidrs = texts.includes("primary")
    ? [primary.ipv4, primary.ipv6].map((address) => address && hostCidr(address))
    : texts.map(parseCidr);
  return cidrs.filter((cidr) => cidr !== undefined);
}
