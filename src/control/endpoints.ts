/** The endpoints that EndpointSlices give to a service port. */
import type { Family, Proto } from "../dataplane/entries.ts";
import { formatEndpoint } from "../packet/address.ts";
import { parseAddress } from "./address.ts";
import type { Endpoint as EndpointObject, EndpointSlice, Manifest } from "./kubernetes.ts";
import type { TopologyEndpoint } from "./topology.ts";

export interface Endpoint extends TopologyEndpoint {
  /** "ip:port": what endpoints are told apart and sorted by. */
  readonly name: string;
  readonly address: string;
  readonly port: number;
}

/** "ns/name of the Service" -> its slices. */
export type SliceIndex = ReadonlyMap<string, readonly Manifest<EndpointSlice>[]>;

const SERVICE_NAME = "kubernetes.io/service-name";
const HOSTNAME = "kubernetes.io/hostname";
const NONE: readonly string[] = [];
export const NO_SLICES: readonly Manifest<EndpointSlice>[] = [];

/** "ns/name" of the Service it belongs to; undefined without the label, and when another proxy serves it. */
export function serviceKeyOf(slice: Manifest<EndpointSlice>): string | undefined {
  const labels = slice.object.metadata?.labels;
  const service = labels?.[SERVICE_NAME];
  return !service || isForeign(labels) ? undefined : `${slice.namespace}/${service}`;
}

/** Slices by Service, in their order. */
export function indexSlices(slices: readonly Manifest<EndpointSlice>[]): SliceIndex {
  const index = new Map<string, Manifest<EndpointSlice>[]>();
  for (const slice of slices) {
    const key = serviceKeyOf(slice);
    if (key === undefined) continue;
    const known = index.get(key);
    if (known) known.push(slice);
    else index.set(key, [slice]);
  }
  return index;
}

/** Headless and foreign objects are marked by the label alone, whatever its value. */
export function isForeign(labels: Readonly<Record<string, string>> | null | undefined): boolean {
  if (!labels) return false;
  return (
    "service.kubernetes.io/service-proxy-name" in labels ||
    "service.kubernetes.io/headless" in labels
  );
}

/**
 * The endpoints of one service port, sorted by name as strings. They are joined by port name and protocol;
 * the number comes from the slice, and a port without a name counts as "", the apiserver's default. Of two with one name a local one wins, else the first.
 */
export function endpointsOf(
  slices: readonly Manifest<EndpointSlice>[],
  port: { readonly name: string; readonly proto: Proto; readonly family: Family },
  node: string,
): Endpoint[] {
  const found = new Map<string, Endpoint>();
  for (const { object } of slices) {
    if (object.addressType.toLowerCase() !== port.family) continue;
    for (const number of portNumbers(object, port.name, port.proto))
      collect(object, number, port.family, node, found);
  }
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function portNumbers({ ports }: EndpointSlice, name: string, proto: Proto): number[] {
  const numbers: number[] = [];
  for (const port of ports ?? []) {
    const isSame = (port.name ?? "") === name && (port.protocol || "TCP").toLowerCase() === proto;
    if (isSame && port.port) numbers.push(port.port);
  }
  return numbers;
}

function collect(
  { endpoints }: EndpointSlice,
  port: number,
  family: Family,
  node: string,
  found: Map<string, Endpoint>,
): void {
  for (const object of endpoints ?? []) {
    const address = parseAddress(object.addresses[0] ?? "");
    if (address?.family !== family) continue;
    const name = formatEndpoint(address.text, port);
    const local = node !== "" && nodeOf(object) === node;
    if (!found.has(name) || local)
      found.set(name, endpointOf(object, name, address.text, port, local));
  }
}

function endpointOf(
  { conditions, hints }: EndpointObject,
  name: string,
  address: string,
  port: number,
  local: boolean,
): Endpoint {
  return {
    name,
    address,
    port,
    local,
    ready: conditions?.ready ?? true,
    serving: conditions?.serving ?? true,
    terminating: conditions?.terminating ?? false,
    zoneHints: hints?.forZones?.map((zone) => zone.name) ?? NONE,
    nodeHints: hints?.forNodes?.map((hint) => hint.name) ?? NONE,
  };
}

function nodeOf({ nodeName, topology }: EndpointObject): string | undefined {
  return nodeName ?? topology?.[HOSTNAME];
}
