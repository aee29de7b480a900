/**
 * What kube-proxy answers on the healthCheckNodePort of Services, from which load balancers learn which
 * nodes have endpoints: pkg/proxy/healthcheck/service_health.go.
 */
import type { Address } from "../control/address.ts";
import { indexSlices } from "../control/endpoints.ts";
import type { EndpointSlice, Manifest, ObjectSet, Service } from "../control/kubernetes.ts";
import { type NodeNetwork, parseNetwork } from "../control/network.ts";
import { createNodeView } from "../control/node.ts";
import { servicePortsOf } from "../control/services.ts";
import type { Network } from "../dataplane/dataplane.ts";
import { FAMILIES, type Family } from "../dataplane/entries.ts";
import { badOption } from "../dataplane/error.ts";
import { show } from "../dataplane/field.ts";
import { type Answer, JSON_HEADERS, statusOf } from "./answer.ts";
import { listenAddresses } from "./listener.ts";
import { countLocalEndpoints } from "./local-endpoints.ts";

/** What the objects do not say. */
export interface ServiceHealthOptions {
  /** What `proxyHealth` says of the proxy itself; default true. */
  readonly proxyHealthy?: boolean;
  /** The node's interfaces; without them the Node object and loopback say which addresses there are. */
  readonly network?: Network;
}

/** The listener of one Service and family, and what it answers to any method and path. */
export interface ServiceHealth extends Answer {
  /** "ns/name". */
  readonly service: string;
  readonly namespace: string;
  readonly name: string;
  readonly family: Family;
  /** spec.healthCheckNodePort. */
  readonly port: number;
  /**
   * Where it listens: "0.0.0.0" or "::" for every address of the family, else addresses of the node within
   * nodePortAddresses. Empty when none is: then kube-proxy opens no listener.
   */
  readonly addresses: readonly string[];
  /** Distinct addresses of ready endpoints on the node. */
  readonly localEndpoints: number;
}

/**
 * The health answers of a node, one per family of every Service of type LoadBalancer with
 * externalTrafficPolicy Local and a healthCheckNodePort, in the order of the objects.
 *
 * The families of a Service answer apart, each for its own endpoints, as its two proxiers do since
 * Kubernetes 1.36; before that both tried the same socket and whichever came first answered for all.
 * `node` defaults to the configuration's hostnameOverride. Throws DataplaneError "bad-option".
 */
export function serviceHealth(
  objects: ObjectSet,
  node?: string,
  options: ServiceHealthOptions = {},
): ServiceHealth[] {
  checkArguments(objects, node, options);
  const view = viewOf(objects, node, options);
  const slices = indexSlices(objects.endpointSlices);
  return objects.services.flatMap((service) => {
    const port = healthCheckPort(service.object);
    if (port === 0) return [];
    const own = slices.get(`${service.namespace}/${service.name}`) ?? [];
    return familiesOf(service).map((family) => healthOf(service, port, family, own, view));
  });
}

interface View {
  readonly node: string;
  readonly proxyHealthy: boolean;
  readonly addresses: { readonly [Name in Family]: readonly string[] };
}

function viewOf(
  { config, nodes }: ObjectSet,
  name: string | undefined,
  { proxyHealthy = true, network }: ServiceHealthOptions,
): View {
  const parsed = network && parseNetwork(network);
  const node = createNodeView(name ?? config?.object.hostnameOverride ?? "", nodes, parsed);
  const present = presentAddresses(node.addresses, parsed);
  const addresses = (family: Family) =>
    listenAddresses(config?.object.nodePortAddresses ?? [], node, present, family);
  return {
    node: node.name,
    proxyHealthy,
    addresses: { ipv4: addresses("ipv4"), ipv6: addresses("ipv6") },
  };
}

/** Unlike the LOCAL addresses of the packet path these are what interfaces carry, so 127.0.0.1 is one. */
function presentAddresses(
  announced: readonly Address[],
  network: NodeNetwork | undefined,
): readonly Address[] {
  if (network) return network.links.flatMap(({ addresses }) => addresses);
  return [{ family: "ipv4", text: "127.0.0.1" }, ...announced];
}

/** 0 for none. Of other Services the field is not looked at: NeedsHealthCheck in pkg/api/v1/service. */
function healthCheckPort({ spec }: Service): number {
  if (spec?.type !== "LoadBalancer" || spec.externalTrafficPolicy !== "Local") return 0;
  return spec.healthCheckNodePort ?? 0;
}

function familiesOf(service: Manifest<Service>): Family[] {
  const served = new Set(servicePortsOf(service).map(({ family }) => family));
  return FAMILIES.filter((family) => served.has(family));
}

function healthOf(
  { namespace, name }: Manifest<Service>,
  port: number,
  family: Family,
  slices: readonly Manifest<EndpointSlice>[],
  { node, proxyHealthy, addresses }: View,
): ServiceHealth {
  const localEndpoints = countLocalEndpoints(slices, family, node);
  return {
    service: `${namespace}/${name}`,
    namespace,
    name,
    family,
    port,
    addresses: addresses[family],
    localEndpoints,
    status: statusOf(localEndpoints > 0 && proxyHealthy),
    headers: { ...JSON_HEADERS, "X-Load-Balancing-Endpoint-Weight": `${localEndpoints}` },
    body: bodyOf(namespace, name, localEndpoints, proxyHealthy),
  };
}

function bodyOf(namespace: string, name: string, endpoints: number, healthy: boolean): string {
  const object = {
    service: { namespace, name },
    localEndpoints: endpoints,
    serviceProxyHealthy: healthy,
  };
  return JSON.stringify(object, null, "\t");
}

function checkArguments(
  objects: ObjectSet,
  node: string | undefined,
  options: ServiceHealthOptions,
): void {
  if (!Array.isArray((objects as Partial<ObjectSet> | null)?.services))
    throw badOption(
      `serviceHealth takes what parseManifests or parseObjects returns, not ${show(objects)}`,
    );
  if (node !== undefined && typeof node !== "string")
    throw badOption(`node is ${show(node)}: it must be the name of a Node`);
  if (typeof options !== "object" || options === null)
    throw badOption("the options must be an object");
  const { proxyHealthy = true } = options;
  if (typeof proxyHealthy !== "boolean")
    throw badOption(`proxyHealthy is ${show(proxyHealthy)}: it must be true or false`);
}
