/** The node whose view it is: its name, zone, addresses and interfaces. */
import { FAMILIES, type Family } from "../dataplane/entries.ts";
import {
  type Address,
  type Cidr,
  isLinkLocal,
  isLoopback,
  parseAddress,
  parseCidr,
} from "./address.ts";
import type { Manifest, Node } from "./kubernetes.ts";
import type { Link, NodeNetwork } from "./network.ts";

export type Primary = { readonly [Name in Family]: Address | undefined };

export interface NodeView {
  readonly name: string;
  readonly zone: string;
  /** Type LOCAL, 127.0.0.0/8 left out since it is implied; ::1 is one of them. */
  readonly addresses: readonly Address[];
  /** What the node itself goes by. */
  readonly primary: Primary;
  readonly podCidrs: readonly Cidr[];
  readonly links: readonly NodeLink[];
  /** Source of masqueraded connections to the address; "" when there is none. */
  sourceTowards(destination: Address): string;
  readonly warnings: readonly string[];
}

export interface NodeLink {
  readonly name: string;
  readonly ipv4: string;
  readonly ipv6: string;
}

const ZONE = "topology.kubernetes.io/zone";
const LOOPBACK6: Address = { family: "ipv6", text: "::1" };

/** With a network, that says which addresses are LOCAL; the Node object always says which one is primary. */
export function createNodeView(
  name: string,
  nodes: readonly Manifest<Node>[],
  network: NodeNetwork | undefined,
): NodeView {
  const node = nodes.find((candidate) => candidate.name === name)?.object;
  const announced = announcedAddresses(node);
  const present = network?.links.flatMap(({ addresses }) => addresses);
  const primary = primaryOf(announced, network?.links ?? []);
  return {
    name,
    zone: node?.metadata?.labels?.[ZONE] ?? "",
    addresses: localAddresses(present ?? announced),
    primary,
    podCidrs: podCidrsOf(node),
    links: (network?.links ?? []).map(nodeLinkOf),
    sourceTowards: (destination) =>
      network ? network.sourceTowards(destination) : (primary[destination.family]?.text ?? ""),
    warnings: warningsOf(name, node, primary),
  };
}

/** Internal addresses, then external ones: the first of a family is the primary one. */
function announcedAddresses(node: Node | undefined): Address[] {
  const all = node?.status?.addresses ?? [];
  const ofType = (type: string) =>
    all.filter((address) => address.type === type).map(({ address }) => parseAddress(address));
  return [...ofType("InternalIP"), ...ofType("ExternalIP")].filter(
    (address) => address !== undefined,
  );
}

function primaryOf(announced: readonly Address[], links: readonly Link[]): Primary {
  const usable = links.flatMap(({ addresses }) => addresses).filter((address) => address.usable);
  const first = (family: Family) =>
    [...announced, ...usable].find((address) => address.family === family);
  return { ipv4: first("ipv4"), ipv6: first("ipv6") };
}

function localAddresses(addresses: readonly Address[]): Address[] {
  const byText = new Map(
    [...addresses, LOOPBACK6].map(({ family, text }) => [text, { family, text }]),
  );
  return [...byText.values()].filter(
    (address) => address.family === "ipv6" || !isLoopback(address),
  );
}

function podCidrsOf(node: Node | undefined): Cidr[] {
  const { podCIDR, podCIDRs } = node?.spec ?? {};
  const texts = podCIDRs?.length ? podCIDRs : [podCIDR ?? ""];
  return texts.map(parseCidr).filter((cidr) => cidr !== undefined);
}

function nodeLinkOf({ name, addresses }: Link): NodeLink {
  const first = (family: Family): string => {
    const all = addresses.filter((address) => address.family === family);
    const chosen =
      all.find(({ usable }) => usable) ?? all.find((address) => !isLinkLocal(address)) ?? all[0];
    return chosen?.text ?? "";
  };
  return { name, ipv4: first("ipv4"), ipv6: first("ipv6") };
}

function warningsOf(name: string, node: Node | undefined, primary: Primary): string[] {
  const warnings: string[] = [];
  if (name === "") warnings.push("no node is named: no endpoint is local");
  else if (!node)
    warnings.push(`Node ${name} is not among the objects: its zone and pod CIDRs are unknown`);
  if (FAMILIES.every((family) => !primary[family])) {
    warnings.push(
      "the node has no address: nothing is local to it, and nothing can be masqueraded",
    );
  }
  return warnings;
}
