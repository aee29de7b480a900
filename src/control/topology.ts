/** Which endpoints a node uses for a service port: kube-proxy's CategorizeEndpoints. */

export type TrafficPolicy = "cluster" | "local";

export interface TopologyEndpoint {
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
  /** It runs on this node. */
  readonly local: boolean;
  /** Zones and nodes it is meant for; empty when it has no hint. */
  readonly zoneHints: readonly string[];
  readonly nodeHints: readonly string[];
}

export interface TopologyService {
  readonly internalPolicy: TrafficPolicy;
  readonly externalPolicy: TrafficPolicy;
  /** It has a nodePort, an external IP or a load balancer's address of the family. */
  readonly externallyAccessible: boolean;
}

export interface TopologyNode {
  readonly name: string;
  /** "" when the node has no zone. */
  readonly zone: string;
}

export interface Topology<E> {
  /** Undefined when the service port never uses the set; empty when it does and has none. */
  readonly cluster: readonly E[] | undefined;
  readonly local: readonly E[] | undefined;
  /** False only when no endpoint anywhere could serve. */
  readonly hasEndpoints: boolean;
}

/**
 * The cluster set is used unless the port has only internal frontends and its internal policy is local; the
 * local set when a policy that counts is local. Both hold ready endpoints (the cluster set those that hints
 * leave), and where there are none, the ones that still serve while they terminate; hints do not count then.
 */
export function selectEndpoints<E extends TopologyEndpoint>(
  endpoints: readonly E[],
  service: TopologyService,
  node: TopologyNode,
): Topology<E> {
  const { internalPolicy, externalPolicy, externallyAccessible } = service;
  const usesCluster = internalPolicy !== "local" || externallyAccessible;
  const usesLocal =
    internalPolicy === "local" || (externalPolicy === "local" && externallyAccessible);
  const cluster = usesCluster
    ? withFallback(filterByHints(endpoints.filter(isReady), node), endpoints)
    : undefined;
  const own = usesLocal ? endpoints.filter(({ local }) => local) : [];
  const local = usesLocal ? withFallback(own.filter(isReady), own) : undefined;
  const isAnyUsable =
    usesLocal && endpoints.some((endpoint) => endpoint.ready || isDraining(endpoint));
  return { cluster, local, hasEndpoints: isAnyUsable || (cluster?.length ?? 0) > 0 };
}

function isReady({ ready }: TopologyEndpoint): boolean {
  return ready;
}

function isDraining({ serving, terminating }: TopologyEndpoint): boolean {
  return serving && terminating;
}

function withFallback<E extends TopologyEndpoint>(
  ready: readonly E[],
  all: readonly E[],
): readonly E[] {
  return ready.length > 0 ? ready : all.filter(isDraining);
}

/**
 * Hints count only when every ready endpoint has one and at least one names this node, else its zone. One
 * endpoint without a hint, or a node without a zone, leaves all endpoints in use.
 */
function filterByHints<E extends TopologyEndpoint>(
  ready: readonly E[],
  node: TopologyNode,
): readonly E[] {
  return (
    hinted(ready, ({ nodeHints }) => nodeHints, node.name) ??
    hinted(ready, ({ zoneHints }) => zoneHints, node.zone) ??
    ready
  );
}

function hinted<E>(
  ready: readonly E[],
  hintsOf: (endpoint: E) => readonly string[],
  name: string,
): E[] | undefined {
  if (name === "" || ready.some((endpoint) => hintsOf(endpoint).length === 0)) return undefined;
  const chosen = ready.filter((endpoint) => hintsOf(endpoint).includes(name));
  return chosen.length > 0 ? chosen : undefined;
}
