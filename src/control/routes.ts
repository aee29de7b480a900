/** What happens to new connections of each source class: kube-proxy's verdicts and its masquerade rules. */
import type { AddressRange, Route, Service } from "../dataplane/entries.ts";
import { type Address, contains, hostCidr, mergeIntervals, parseAddress } from "./address.ts";
import type { ServicePort } from "./services.ts";
import type { Topology, TrafficPolicy } from "./topology.ts";

export type Routes = Service["routes"];

export interface RouteRules {
  readonly masqueradeAll: boolean;
  /** There is a way to tell pods of the family from other sources. */
  readonly detectsPods: boolean;
}

const REJECT: Route = { action: "reject", reason: "no-endpoints" };
const DROP: Route = { action: "drop", reason: "no-local-endpoints" };

/** Routes of the cluster IP. Without a detector nobody but a hairpin is masqueraded, unless everybody is. */
export function internalRoutes(
  policy: TrafficPolicy,
  topology: Topology<unknown>,
  rules: RouteRules,
): Routes {
  if (!topology.hasEndpoints) return forAll(REJECT);
  if (policy === "local" && !topology.local?.length) return forAll(DROP);
  const { masqueradeAll, detectsPods } = rules;
  const other = dnat(policy, masqueradeAll || detectsPods);
  return { pod: dnat(policy, masqueradeAll), local: other, other };
}

/**
 * Routes of external IPs, load balancers' addresses and nodePorts. Under a local policy pods and the node
 * itself reach the whole cluster all the same; only strangers are held to endpoints of this node.
 */
export function externalRoutes(
  policy: TrafficPolicy,
  topology: Topology<unknown>,
  rules: RouteRules,
): Routes {
  if (!topology.hasEndpoints) return forAll(REJECT);
  if (policy === "cluster") return forAll(dnat("cluster", true));
  const other = topology.local?.length ? dnat("local", false) : DROP;
  return {
    pod: rules.detectsPods ? dnat("cluster", false) : other,
    local: dnat("cluster", true),
    other,
  };
}

/**
 * Sources that a load balancer's address lets in, null for all. When the ranges hold the node's primary
 * address, the Service's own addresses are let in too: a node picks them as source once they are bound locally.
 */
export function sourceRangesOf(
  { sourceRanges, frontends }: ServicePort,
  topology: Topology<unknown>,
  primary: Address | undefined,
): readonly AddressRange[] | null {
  if (!topology.hasEndpoints || sourceRanges.length === 0) return null;
  const holdsNode = primary !== undefined && sourceRanges.some((range) => contains(range, primary));
  const vips = frontends.filter(({ frontend }) => holdsNode && frontend === "load-balancer");
  const own = vips
    .map(({ address }) => parseAddress(address))
    .filter((address) => address !== undefined);
  return mergeIntervals([...sourceRanges, ...own.map(hostCidr)]);
}

function dnat(ring: TrafficPolicy, masquerade: boolean): Route {
  return { action: "dnat", ring, masquerade };
}

function forAll(route: Route): Routes {
  return { pod: route, local: route, other: route };
}
