/**
 * What the maps should hold, by name: numbers are given out by the reconciler. Pure functions from a Service, its
 * slices and what is around them.
 */
import type {
  AddressRange,
  Backend,
  Config,
  Family,
  Frontend,
  Proto,
  RingName,
  Scheduler,
  Vip,
} from "../dataplane/entries.ts";
import type { PodInterfaces } from "../dataplane/snapshot/control.ts";
import type { Context } from "./context.ts";
import { type Endpoint, endpointsOf } from "./endpoints.ts";
import type { EndpointSlice, Manifest, Service } from "./kubernetes.ts";
import type { NodeLink, NodeView } from "./node.ts";
import { externalRoutes, internalRoutes, type Routes, sourceRangesOf } from "./routes.ts";
import { type ServicePort, servicePortsOf } from "./services.ts";
import { selectEndpoints, type Topology } from "./topology.ts";

/** What the maps should hold. */
export interface Desired extends DesiredNode {
  /** In the order of their names; every vip belongs to one of them only. */
  readonly servicePorts: readonly DesiredServicePort[];
}

/** What they should hold whatever Services there are. */
export interface DesiredNode {
  readonly addresses: readonly DesiredAddress[];
  /** What row 0 of `interfaces` answers rejects with. */
  readonly primary: { readonly ipv4: string; readonly ipv6: string };
  readonly links: readonly NodeLink[];
  readonly config: Config;
  readonly podInterfaces: PodInterfaces;
  readonly warnings: readonly string[];
}

/** One port of a Service in one family. */
export interface DesiredServicePort {
  /** Name, protocol and family: what makes two applies speak of the same service port. */
  readonly key: string;
  /** "ns/name:port", or "ns/name" when the port has no name. */
  readonly name: string;
  readonly family: Family;
  readonly proto: Proto;
  /** Milliseconds a client stays with its endpoint after its last new connection; 0 without session affinity. */
  readonly affinity: number;
  readonly scheduler: Scheduler;
  readonly frontends: readonly DesiredFrontend[];
  /** Sorted by name. */
  readonly endpoints: readonly DesiredEndpoint[];
  /** Addresses of the endpoints that serve, wherever they are and whether they are ready or not. */
  readonly serving: readonly string[];
}

/** A vip of a service port, and where it leads. */
export interface DesiredFrontend {
  /** The vip in words. */
  readonly key: string;
  readonly vip: Vip;
  readonly frontend: Frontend;
  /** Null lets in everybody. */
  readonly sourceRanges: readonly AddressRange[] | null;
  readonly routes: Routes;
}

/** An endpoint that some traffic may use. */
export interface DesiredEndpoint extends Pick<Backend, "address" | "port" | "masquerade"> {
  /** "ip:port". */
  readonly name: string;
  readonly rings: readonly RingName[];
}

/** An address of the node. */
export interface DesiredAddress {
  readonly family: Family;
  readonly address: string;
  /** It serves nodePorts. */
  readonly nodePorts: boolean;
}

/** Index = 1 for a member of the cluster set, and 2 for one of the local set; one list for all who are the same. */
const MEMBERSHIPS: readonly (readonly RingName[] | undefined)[] = [
  undefined,
  ["cluster"],
  ["local"],
  ["cluster", "local"],
];

/** The service ports of one Service, each with every vip that it claims. */
export function desiredServicePorts(
  service: Manifest<Service>,
  slices: readonly Manifest<EndpointSlice>[],
  context: Context,
): DesiredServicePort[] {
  return servicePortsOf(service).map((port) => servicePortOf(port, slices, context));
}

function servicePortOf(
  port: ServicePort,
  slices: readonly Manifest<EndpointSlice>[],
  context: Context,
): DesiredServicePort {
  const { name, family, proto, affinity } = port;
  const { node, settings } = context;
  const endpoints = endpointsOf(slices, { name: port.portName, proto, family }, node.name);
  const topology = selectEndpoints(endpoints, port, node);
  return {
    key: `${name} ${proto} ${family}`,
    name,
    family,
    proto,
    affinity,
    scheduler: settings.scheduler,
    frontends: frontendsOf(port, topology, context),
    endpoints: membersOf(endpoints, topology, family, node),
    serving: endpoints.filter(({ serving }) => serving).map(({ address }) => address),
  };
}

function frontendsOf(
  port: ServicePort,
  topology: Topology<unknown>,
  { node, settings }: Context,
): DesiredFrontend[] {
  const { family, proto } = port;
  const rules = {
    masqueradeAll: settings.masqueradeAll,
    detectsPods: settings.detectsPods[family],
  };
  const internal = internalRoutes(port.internalPolicy, topology, rules);
  const external = externalRoutes(port.externalPolicy, topology, rules);
  const ranges = sourceRangesOf(port, topology, node.primary[family]);
  return port.frontends.map(({ frontend, address, port: number }) => ({
    key: `${family} ${proto} ${address} ${number}`,
    vip: { family, address, port: number, proto },
    frontend,
    sourceRanges: frontend === "load-balancer" ? ranges : null,
    routes: frontend === "cluster-ip" ? internal : external,
  }));
}

/** The endpoints that are in a set, with the rings that stand for the sets; both sets keep the order of all. */
function membersOf(
  endpoints: readonly Endpoint[],
  { cluster = [], local = [] }: Topology<Endpoint>,
  family: Family,
  node: NodeView,
): DesiredEndpoint[] {
  const members: DesiredEndpoint[] = [];
  let [inCluster, inLocal] = [0, 0];
  for (const endpoint of endpoints) {
    const membership =
      Number(cluster[inCluster] === endpoint) + 2 * Number(local[inLocal] === endpoint);
    inCluster += membership & 1;
    inLocal += membership >> 1;
    const rings = MEMBERSHIPS[membership];
    if (rings) members.push(memberOf(endpoint, rings, family, node));
  }
  return members;
}

function memberOf(
  { name, address, port }: Endpoint,
  rings: readonly RingName[],
  family: Family,
  node: NodeView,
): DesiredEndpoint {
  return { name, address, port, rings, masquerade: node.sourceTowards({ family, text: address }) };
}
