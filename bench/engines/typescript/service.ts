/** Services and their endpoints, as objects of the Kubernetes API have them. */
import { parse as parseAddress } from "../../../src/packet/address.ts";
import { serviceKey } from "./packet.ts";

export interface Endpoint {
  readonly address: Uint8Array;
  readonly port: number;
  packets: number;
  bytes: number;
}

export interface Service {
  readonly endpoints: Endpoint[];
  /** The node's address, which takes the place of the client's when answers must come back this way. */
  readonly masquerade: Uint8Array | null;
}

/** By what clients dial. Takes Services, EndpointSlices, and of a Node its first address. */
export function* servicesOf(objects: readonly unknown[]): Generator<[string, Service]> {
  const node = all(objects, "Node").map((each) => each.status.addresses[0].address)[0];
  const endpoints = endpointsOf(objects);
  for (const { metadata, spec } of all(objects, "Service")) {
    const own = endpoints.get(metadata.name) ?? [];
    const { port, protocol } = spec.ports[0];
    const keyOf = (vip: string) => serviceKey(vip, port, protocol);
    yield [keyOf(spec.clusterIP), { endpoints: own, masquerade: null }];
    for (const vip of spec.externalIPs ?? [])
      yield [keyOf(vip), { endpoints: own, masquerade: parseAddress(node) }];
  }
}

// biome-ignore lint/suspicious/noExplicitAny: objects of the API, which the benchmark itself has made
function all(objects: readonly unknown[], kind: string): any[] {
  return (objects as { kind: string }[]).filter((each) => each.kind === kind);
}

/** By the name of their Service. */
function endpointsOf(objects: readonly unknown[]): Map<string, Endpoint[]> {
  return new Map(
    all(objects, "EndpointSlice").map(({ metadata, endpoints, ports }) => [
      metadata.labels["kubernetes.io/service-name"],
      endpointsIn(endpoints, ports[0].port),
    ]),
  );
}

/** In the order of their addresses, as the engine lays out its rings. */
function endpointsIn(all: readonly { addresses: string[] }[], port: number): Endpoint[] {
  return all
    .map(({ addresses }) => addresses[0] as string)
    .sort()
    .map((address) => ({ address: parseAddress(address), port, packets: 0, bytes: 0 }));
}
