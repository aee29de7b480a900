/** Object sets laid over each other, and how large a dataplane must be to hold one. */
import { sameData } from "../control/draft.ts";
import type { EndpointSlice, Manifest, ObjectSet, Service } from "../control/kubernetes.ts";
import type { Capacity, Network } from "../dataplane/dataplane.ts";
import { FAMILIES, RINGS } from "../dataplane/entries.ts";

/** `base` with what `top` holds in place of objects of the same kind, namespace and name. */
export function overlay(base: ObjectSet, top: ObjectSet): ObjectSet {
  const skipped = new Map(base.skipped);
  for (const [kind, count] of top.skipped) skipped.set(kind, (skipped.get(kind) ?? 0) + count);
  return {
    services: replace(base.services, top.services),
    endpointSlices: replace(base.endpointSlices, top.endpointSlices),
    nodes: replace(base.nodes, top.nodes),
    config: top.config ?? base.config,
    skipped,
  };
}

function replace<T>(
  base: readonly Manifest<T>[],
  top: readonly Manifest<T>[],
): readonly Manifest<T>[] {
  const keyOf = ({ namespace, name }: Manifest<T>) => `${namespace}/${name}`;
  const replaced = new Set(top.map(keyOf));
  return [...base.filter((object) => !replaced.has(keyOf(object))), ...top];
}

/** How many objects it holds that matter to a dataplane. */
export function countObjects({ services, endpointSlices, nodes, config }: ObjectSet): number {
  return services.length + endpointSlices.length + nodes.length + (config ? 1 : 0);
}

/** How pods are told by the device their packets come in on. */
export interface Detection {
  /** A device of each kind behind which one side or the other takes everybody for a pod. */
  readonly podInterfaces: readonly string[];
  /** Both sides take the same devices for such. */
  readonly isSame: boolean;
}

export function detectionOf(old: ObjectSet, next: ObjectSet): Detection {
  const [before, after] = [detectorOf(old), detectorOf(next)];
  const podInterfaces = [...new Set([...before.podInterfaces, ...after.podInterfaces])];
  return { podInterfaces, isSame: sameData(before, after) };
}

/** The bridge, or the first device that the prefix fits. */
function detectorOf({ config }: ObjectSet): { mode: string; podInterfaces: readonly string[] } {
  const { detectLocalMode, detectLocal } = config?.object ?? {};
  const { bridgeInterface, interfaceNamePrefix } = detectLocal ?? {};
  if (detectLocalMode === "BridgeInterface" && bridgeInterface)
    return { mode: detectLocalMode, podInterfaces: [bridgeInterface] };
  if (detectLocalMode === "InterfaceNamePrefix" && interfaceNamePrefix)
    return { mode: detectLocalMode, podInterfaces: [`${interfaceNamePrefix}0`] };
  return { mode: "ranges", podInterfaces: [] };
}

/** Connections and clients at once: one flow is judged at a time. */
const FLOWS = 64;
/** Room beside what is counted: loopback, the unknown interface, a batch that is not used. */
const SPARE = 64;

/** Enough for the objects, and little more. What no dataplane can hold is left to it to refuse. */
export function capacityFor(objects: ObjectSet, network: Network | undefined): Partial<Capacity> {
  const addresses = addressCount(objects, network);
  const backends = sum(objects.endpointSlices, backendCount);
  const ports = sum(objects.services, ({ object }) => object.spec?.ports?.length ?? 0);
  return {
    services: roomFor(ports * FAMILIES.length, 2 ** 22),
    frontends: roomFor(sum(objects.services, frontendCount), 2 ** 22),
    backends: roomFor(backends, 2 ** 24),
    slots: roomFor(backends * RINGS.length, 2 ** 28),
    ranges: roomFor(sum(objects.services, rangeCount) + podRangeCount(objects), 2 ** 22),
    addresses: roomFor(addresses, 2 ** 20),
    interfaces: roomFor(network?.addresses.length ?? 0, 2 ** 16 - 1),
    connections: FLOWS,
    connections6: FLOWS,
    affinity: FLOWS,
    datagrams: 1,
    fragments: 1,
    batch: 1,
  };
}

function roomFor(counted: number, most: number): number {
  return Math.min(counted + SPARE, most);
}

function sum<T>(items: readonly T[], count: (item: T) => number): number {
  return items.reduce((total, item) => total + count(item), 0);
}

function backendCount({ object: { endpoints, ports } }: Manifest<EndpointSlice>): number {
  return (endpoints?.length ?? 0) * Math.max(1, ports?.length ?? 0);
}

/** Cluster IPs and nodePorts of both families, external IPs, addresses of load balancers. */
function frontendCount({ object: { spec, status } }: Manifest<Service>): number {
  const addresses = (spec?.externalIPs?.length ?? 0) + (status?.loadBalancer?.ingress?.length ?? 0);
  return (spec?.ports?.length ?? 0) * (2 * FAMILIES.length + addresses);
}

/** Each frontend of a load balancer has ranges of its own. */
function rangeCount({ object: { spec, status } }: Manifest<Service>): number {
  const ranges = spec?.loadBalancerSourceRanges?.length ?? 0;
  const vips = status?.loadBalancer?.ingress?.length ?? 0;
  return ranges === 0 ? 0 : (spec?.ports?.length ?? 0) * vips * (ranges + vips);
}

function podRangeCount({ nodes, config }: ObjectSet): number {
  const ofNodes = sum(nodes, ({ object }) => 1 + (object.spec?.podCIDRs?.length ?? 0));
  return ofNodes + (config?.object.clusterCIDR ?? "").split(",").length;
}

function addressCount({ nodes }: ObjectSet, network: Network | undefined): number {
  const most = nodes.reduce(
    (count, { object }) => Math.max(count, object.status?.addresses?.length ?? 0),
    0,
  );
  return most + sum(network?.addresses ?? [], linkAddressCount);
}

function linkAddressCount(link: unknown): number {
  const addresses = (link as { addr_info?: unknown } | null)?.addr_info;
  return Array.isArray(addresses) ? addresses.length : 0;
}
