/**
 * Objects into the desired content of the maps, by name: numbers are given out by the reconciler. A pure
 * function of the objects and the options; a compiler only remembers the work of objects it has seen.
 */
import type { Network } from "../dataplane/dataplane.ts";
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
import { parseAddress } from "./address.ts";
import { type Requests, type Settings, settingsOf } from "./configuration.ts";
import { type Endpoint, endpointsOf, indexSlices } from "./endpoints.ts";
import type {
  EndpointSlice,
  KubeProxyConfiguration,
  Manifest,
  Node,
  ObjectSet,
  Service,
} from "./kubernetes.ts";
import { type NodeNetwork, parseNetwork } from "./network.ts";
import { createNodeView, type NodeLink, type NodeView } from "./node.ts";
import { externalRoutes, internalRoutes, type Routes, sourceRangesOf } from "./routes.ts";
import { lacksClusterIP, type ServicePort, servicePortsOf } from "./services.ts";
import { sysctlsOf } from "./sysctls.ts";
import { selectEndpoints, type Topology } from "./topology.ts";

/** Of DataplaneOptions those that the control plane reads. */
export interface CompileOptions {
  /** Whose view it is; without it, the configuration's hostnameOverride. */
  readonly node?: string;
  readonly network?: Network;
  /** Without it, what the configuration's IPVS scheduler asks for. */
  readonly scheduler?: Scheduler;
  /** Source ports are drawn for every masqueraded connection, not only when theirs is taken. */
  readonly randomFully?: boolean;
  /** The kernel's settings, by the names `sysctl -a` prints. */
  readonly sysctls?: Readonly<Record<string, number | string>>;
}

/** What the maps should hold. */
export interface Desired {
  /** In the order of their names; every vip belongs to one of them only. */
  readonly servicePorts: readonly DesiredServicePort[];
  readonly addresses: readonly DesiredAddress[];
  /** What row 0 of `interfaces` answers rejects with. */
  readonly primary: { readonly ipv4: string; readonly ipv6: string };
  readonly links: readonly NodeLink[];
  readonly config: Config;
  /** Sources behind the interface are pods. */
  isPodInterface(name: string): boolean;
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

/** Remembers the work of Services it has seen. */
export type Compiler = (objects: ObjectSet) => Desired;

/** Once, with nothing to remember. Throws as `createCompiler`. */
export function compile(objects: ObjectSet, options: CompileOptions): Desired {
  return createCompiler(options)(objects);
}

/**
 * The work of a Service is kept until it, its slices, the configuration or a Node is another object. Throws
 * DataplaneError "bad-option" for a network that `ip -j` would not print, and for sysctls there are none of.
 */
export function createCompiler(options: CompileOptions): Compiler {
  const environment: Environment = {
    node: options.node,
    network: options.network && parseNetwork(options.network),
    requests: {
      sysctls: sysctlsOf(options.sysctls),
      scheduler: options.scheduler,
      randomFully: options.randomFully ?? false,
    },
  };
  const known = new WeakMap<Manifest<Service>, Compiled>();
  let context: Context | undefined;
  return (objects) => {
    context = contextOf(objects, environment, context);
    return desiredOf(objects, context, known);
  };
}

/** What holds as long as the compiler does. */
interface Environment {
  readonly node: string | undefined;
  readonly network: NodeNetwork | undefined;
  readonly requests: Requests;
}

/** Everything but the Service and its slices that a service port depends on. */
interface Context {
  readonly configuration: Manifest<KubeProxyConfiguration> | undefined;
  readonly nodes: readonly Manifest<Node>[];
  readonly node: NodeView;
  readonly settings: Settings;
}

interface Compiled {
  readonly context: Context;
  readonly slices: readonly Manifest<EndpointSlice>[];
  readonly servicePorts: readonly DesiredServicePort[];
}

const NO_SLICES: readonly Manifest<EndpointSlice>[] = [];

function contextOf(
  { config: configuration, nodes }: ObjectSet,
  { node: name, network, requests }: Environment,
  before: Context | undefined,
): Context {
  if (before && before.configuration === configuration && sameItems(before.nodes, nodes))
    return before;
  const config = configuration?.object ?? {};
  const node = createNodeView(name ?? config.hostnameOverride ?? "", nodes, network);
  return { configuration, nodes, node, settings: settingsOf(config, node, requests) };
}

function sameItems<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index]);
}

function desiredOf(
  objects: ObjectSet,
  context: Context,
  known: WeakMap<Manifest<Service>, Compiled>,
): Desired {
  const { node, settings } = context;
  const claims = shareOut(allServicePorts(objects, context, known));
  return {
    servicePorts: claims.servicePorts,
    addresses: addressesOf(context),
    primary: { ipv4: node.primary.ipv4?.text ?? "", ipv6: node.primary.ipv6?.text ?? "" },
    links: node.links,
    config: settings.config,
    isPodInterface: settings.isPodInterface,
    warnings: [
      ...node.warnings,
      ...settings.warnings,
      ...claims.warnings,
      ...objectWarnings(objects),
    ],
  };
}

/** In the order of their keys. */
function allServicePorts(
  { services, endpointSlices }: ObjectSet,
  context: Context,
  known: WeakMap<Manifest<Service>, Compiled>,
): DesiredServicePort[] {
  const slices = indexSlices(endpointSlices);
  const all = services.flatMap((service) => {
    const own = slices.get(`${service.namespace}/${service.name}`) ?? NO_SLICES;
    return servicePortsIn(service, own, context, known);
  });
  return all.sort((a, b) => (a.key < b.key ? -1 : 1));
}

function addressesOf({ node, settings }: Context): DesiredAddress[] {
  return node.addresses.map((address) => ({
    family: address.family,
    address: address.text,
    nodePorts: settings.servesNodePorts(address),
  }));
}

function servicePortsIn(
  service: Manifest<Service>,
  slices: readonly Manifest<EndpointSlice>[],
  context: Context,
  known: WeakMap<Manifest<Service>, Compiled>,
): readonly DesiredServicePort[] {
  const before = known.get(service);
  if (before && before.context === context && sameItems(before.slices, slices))
    return before.servicePorts;
  const servicePorts = servicePortsOf(service).map((port) => servicePortOf(port, slices, context));
  known.set(service, { context, slices, servicePorts });
  return servicePorts;
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
    endpoints: membersOf(endpoints, topology, node),
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

/** The endpoints that are in a set, with the rings that stand for the sets. */
function membersOf(
  endpoints: readonly Endpoint[],
  { cluster, local }: Topology<Endpoint>,
  node: NodeView,
): DesiredEndpoint[] {
  const inCluster = new Set(cluster);
  const inLocal = new Set(local);
  return endpoints.flatMap((endpoint) => {
    const rings: RingName[] = [];
    if (inCluster.has(endpoint)) rings.push("cluster");
    if (inLocal.has(endpoint)) rings.push("local");
    return rings.length === 0 ? [] : [memberOf(endpoint, rings, node)];
  });
}

function memberOf(
  { name, address, port }: Endpoint,
  rings: readonly RingName[],
  node: NodeView,
): DesiredEndpoint {
  const parsed = parseAddress(address);
  return { name, address, port, rings, masquerade: parsed ? node.sourceTowards(parsed) : "" };
}

/** Of service ports that claim one vip the first by name has it; the others go without, and that is told. */
function shareOut(sorted: readonly DesiredServicePort[]): {
  servicePorts: DesiredServicePort[];
  warnings: string[];
} {
  const owners = new Map<string, DesiredServicePort>();
  const warnings: string[] = [];
  const servicePorts = sorted.map((port) => {
    const frontends = port.frontends.filter((frontend) => claim(owners, port, frontend, warnings));
    return frontends.length === port.frontends.length ? port : { ...port, frontends };
  });
  return { servicePorts, warnings };
}

function claim(
  owners: Map<string, DesiredServicePort>,
  port: DesiredServicePort,
  { key, vip, frontend }: DesiredFrontend,
  warnings: string[],
): boolean {
  const owner = owners.get(key);
  if (!owner) owners.set(key, port);
  else if (owner !== port) {
    const address = vip.address === "" ? "nodePort " : `${vip.address} port `;
    warnings.push(
      `${port.name}: ${address}${vip.port}/${vip.proto} (${frontend}) belongs to ${owner.name} already`,
    );
  }
  return !owner;
}

function objectWarnings({ services, skipped }: ObjectSet): string[] {
  const pending = services
    .filter(lacksClusterIP)
    .map(({ namespace, name }) => `${namespace}/${name}: has no clusterIP and is not served`);
  const others = [...skipped].map(([kind, count]) => `${kind}: ${count} skipped`);
  return [...pending, ...others];
}
