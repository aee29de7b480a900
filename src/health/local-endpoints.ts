/**
 * The endpoints of a Service that a node has ready, EndpointsMap.LocalReadyEndpoints in
 * pkg/proxy/endpointschangetracker.go: `ready` alone decides, and every port of the slices counts, whether the
 * Service has it or not.
 */
import { endpointsOf } from "../control/endpoints.ts";
import type { EndpointSlice, Manifest } from "../control/kubernetes.ts";
import type { Family, Proto } from "../dataplane/entries.ts";

/** `slices` are those of one Service, as `indexSlices` groups them; `node` is the name of the node. */
export function countLocalEndpoints(
  slices: readonly Manifest<EndpointSlice>[],
  family: Family,
  node: string,
): number {
  const addresses = new Set<string>();
  for (const port of distinctPorts(slices, family)) {
    for (const endpoint of endpointsOf(port.slices, port, node)) {
      if (endpoint.local && endpoint.ready) addresses.add(endpoint.address);
    }
  }
  return addresses.size;
}

interface SlicePort {
  readonly name: string;
  readonly proto: Proto;
  readonly family: Family;
  readonly slices: Manifest<EndpointSlice>[];
  /** The number in the first slice. */
  readonly number: number;
  /** Equal for ports that are in the same slices and whose numbers differ in the same ones. */
  signature: string;
}

/** One port for each set of endpoints: ports with one signature have the same addresses behind them. */
function distinctPorts(
  slices: readonly Manifest<EndpointSlice>[],
  family: Family,
): Iterable<SlicePort> {
  const ports = new Map<string, SlicePort>();
  slices.forEach((slice, index) => {
    if (slice.object.addressType.toLowerCase() === family)
      collectPorts(slice, index, family, ports);
  });
  return new Map([...ports.values()].map((port) => [port.signature, port])).values();
}

function collectPorts(
  slice: Manifest<EndpointSlice>,
  index: number,
  family: Family,
  ports: Map<string, SlicePort>,
): void {
  for (const { name, protocol, port: number } of slice.object.ports ?? []) {
    if (!number) continue;
    const proto = (protocol || "TCP").toLowerCase() as Proto;
    const key = `${proto} ${name ?? ""}`;
    const known = ports.get(key);
    const port = known ?? { name: name ?? "", proto, family, slices: [], number, signature: "" };
    port.slices.push(slice);
    port.signature += number === port.number ? ` ${index}` : ` ${index}:${number}`;
    if (!known) ports.set(key, port);
  }
}
