/** How large a dataplane must be to hold a set of objects and judge flows one by one. */
import type { EndpointSlice, Manifest, ObjectSet, Service } from "../control/kubernetes.ts";
import type { Capacity, Network } from "../dataplane/dataplane.ts";
import { FAMILIES, RINGS } from "../dataplane/entries.ts";
import { CAPACITY_MAX } from "../dataplane/options.ts";

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
    services: roomFor("services", ports * FAMILIES.length),
    frontends: roomFor("frontends", sum(objects.services, frontendCount)),
    backends: roomFor("backends", backends),
    slots: roomFor("slots", backends * RINGS.length),
    ranges: roomFor("ranges", sum(objects.services, rangeCount) + podRangeCount(objects)),
    addresses: roomFor("addresses", addresses),
    interfaces: roomFor("interfaces", network?.addresses.length ?? 0),
    connections: FLOWS,
    connections6: FLOWS,
    affinity: FLOWS,
    datagrams: 1,
    fragments: 1,
    batch: 1,
  };
}

function roomFor(name: keyof Capacity, counted: number): number {
  return Math.min(counted + SPARE, CAPACITY_MAX[name]);
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
