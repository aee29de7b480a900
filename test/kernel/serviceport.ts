/**
 * What kube-proxy makes of Services and EndpointSlices before it writes rules: one service port per port and
 * family, with the endpoints that each traffic policy may use. Read from the objects, by kube-proxy's own rules
 * (pkg/proxy: servicechangetracker.go, endpointslicecache.go, topology.go), for rules.ts alone.
 */
import { isIP } from "node:net";
import type { ServicePort as ApiPort, Service } from "kubernetes-types/core/v1.js";
import type { Endpoint as ApiEndpoint, EndpointSlice } from "kubernetes-types/discovery/v1.js";
import type { Family } from "../../src/index.ts";
import { familyOf, NODE } from "./topology.ts";

export interface ServicePort {
  /** "namespace/name:port"; without the last part for a port that has no name. */
  readonly name: string;
  readonly family: Family;
  /** Lower case. */
  readonly proto: string;
  readonly port: number;
  readonly clusterIP: string;
  readonly nodePort: number | undefined;
  readonly externalIPs: readonly string[];
  readonly vips: readonly string[];
  readonly sourceRanges: readonly string[];
  /** Seconds of session affinity. */
  readonly affinity: number | undefined;
  readonly healthCheckNodePort: number | undefined;
  readonly internalLocal: boolean;
  readonly externalLocal: boolean;
  /** There is an endpoint somewhere that is not out of use. */
  readonly hasEndpoints: boolean;
  /** For policy Cluster and for policy Local; empty when no policy uses them. */
  readonly cluster: readonly Endpoint[];
  readonly local: readonly Endpoint[];
}

export interface Endpoint {
  readonly address: string;
  readonly port: number;
  /** "ip:port" or "[ip]:port". */
  readonly text: string;
}

interface Candidate extends Endpoint {
  readonly local: boolean;
  readonly ready: boolean;
  readonly draining: boolean;
}

export function servicePortsOf(objects: readonly object[], family: Family): ServicePort[] {
  const services = objects.filter((one): one is Service => kindOf(one) === "Service");
  const slices = objects.filter((one): one is EndpointSlice => kindOf(one) === "EndpointSlice");
  return services.flatMap((service) =>
    (service.spec?.ports ?? []).flatMap((port) => servicePort(service, port, slices, family) ?? []),
  );
}

function kindOf(object: object): unknown {
  return (object as { kind?: unknown }).kind;
}

function servicePort(
  service: Service,
  port: ApiPort,
  slices: readonly EndpointSlice[],
  family: Family,
): ServicePort | undefined {
  const { metadata, spec = {} } = service;
  const clusterIP = spec.clusterIPs?.find((address) => familyOf(address) === family);
  if (clusterIP === undefined) return undefined;
  const frontends = frontendsOf(service, port, family);
  const policies = policiesOf(service);
  const endpoints = endpointsOf(service, port, slices, family);
  return {
    name: `${metadata?.namespace}/${metadata?.name}${port.name ? `:${port.name}` : ""}`,
    family,
    proto: (port.protocol ?? "TCP").toLowerCase(),
    port: port.port,
    clusterIP,
    ...frontends,
    ...policies,
    affinity: affinityOf(service),
    healthCheckNodePort: policies.externalLocal ? spec.healthCheckNodePort : undefined,
    hasEndpoints: endpoints.some(({ ready, draining }) => ready || draining),
    ...setsOf(endpoints, policies, reachedFromOutside(frontends)),
  };
}

type Frontends = Pick<ServicePort, "nodePort" | "externalIPs" | "vips" | "sourceRanges">;
type Policies = Pick<ServicePort, "internalLocal" | "externalLocal">;

function frontendsOf({ spec = {}, status }: Service, port: ApiPort, family: Family): Frontends {
  const ofFamily = (list: readonly string[] = []) => list.filter((one) => familyOf(one) === family);
  return {
    nodePort: spec.type === "ClusterIP" ? undefined : port.nodePort,
    externalIPs: ofFamily(spec.externalIPs),
    vips: ofFamily((status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => ip ?? [])),
    sourceRanges: ofFamily(spec.loadBalancerSourceRanges),
  };
}

function reachedFromOutside({ nodePort, externalIPs, vips }: Frontends): boolean {
  return nodePort !== undefined || externalIPs.length > 0 || vips.length > 0;
}

/** The external one counts for Services that can have external traffic at all. */
function policiesOf({ spec = {} }: Service): Policies {
  const external = spec.type !== "ClusterIP" || (spec.externalIPs?.length ?? 0) > 0;
  return {
    internalLocal: spec.internalTrafficPolicy === "Local",
    externalLocal: external && spec.externalTrafficPolicy === "Local",
  };
}

function setsOf(
  endpoints: readonly Candidate[],
  { internalLocal, externalLocal }: Policies,
  reached: boolean,
): Pick<ServicePort, "cluster" | "local"> {
  const local = internalLocal || (externalLocal && reached);
  return {
    cluster: internalLocal && !reached ? [] : usable(endpoints),
    local: local ? usable(endpoints.filter((one) => one.local)) : [],
  };
}

function affinityOf({ spec }: Service): number | undefined {
  if (spec?.sessionAffinity !== "ClientIP") return undefined;
  return spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? 10800;
}

/** Ready endpoints; if there are none, those that still serve while they terminate. */
function usable(endpoints: readonly Candidate[]): Endpoint[] {
  const ready = endpoints.filter((one) => one.ready);
  return ready.length > 0 ? ready : endpoints.filter(({ draining }) => draining);
}

/** By "ip:port", in the order these sort as text; of two the same a local one is kept. */
function endpointsOf(
  { metadata }: Service,
  port: ApiPort,
  slices: readonly EndpointSlice[],
  family: Family,
): Candidate[] {
  const found = new Map<string, Candidate>();
  for (const slice of slices) {
    const labels = slice.metadata?.labels ?? {};
    if (labels["kubernetes.io/service-name"] !== metadata?.name) continue;
    if (slice.addressType !== (family === "ipv6" ? "IPv6" : "IPv4")) continue;
    for (const number of numbersOf(slice, port)) {
      for (const endpoint of slice.endpoints) {
        const candidate = candidateOf(endpoint, number);
        if (candidate.local || !found.has(candidate.text)) found.set(candidate.text, candidate);
      }
    }
  }
  return [...found.values()].sort((a, b) => (a.text < b.text ? -1 : 1));
}

/** A port of a Service meets those of the slice by name and protocol. */
function numbersOf({ ports }: EndpointSlice, { name, protocol }: ApiPort): number[] {
  const same = (ports ?? []).filter(
    (one) => (one.name ?? "") === (name ?? "") && (one.protocol ?? "TCP") === (protocol ?? "TCP"),
  );
  return same.flatMap(({ port }) => port || []);
}

function candidateOf(
  { addresses, conditions = {}, nodeName }: ApiEndpoint,
  port: number,
): Candidate {
  const address = addresses[0] as string;
  const { ready = true, serving = true, terminating = false } = conditions;
  return {
    address,
    port,
    text: isIP(address) === 6 ? `[${address}]:${port}` : `${address}:${port}`,
    local: nodeName === NODE,
    ready,
    draining: serving && terminating,
  };
}
