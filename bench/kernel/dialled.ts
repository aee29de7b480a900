/** What clients of a row dial, read from its objects of the Kubernetes API. */

/** A service port of the row, under one address. */
export interface Dialled {
  readonly address: string;
  readonly port: number;
  readonly proto: number;
  readonly endpoints: readonly Endpoint[];
}

export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** Numbers of IANA. */
const PROTOS: Readonly<Record<string, number>> = { TCP: 6, UDP: 17 };

/** The fields that bench/rows/cluster.ts writes. */
interface KubernetesObject {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
  readonly spec?: {
    readonly clusterIPs: readonly string[];
    readonly externalIPs?: readonly string[];
    readonly ports: readonly { readonly protocol: string; readonly port: number }[];
  };
  readonly endpoints?: readonly { readonly addresses: readonly string[] }[];
  readonly ports?: readonly { readonly port: number }[];
}

export function dialledOf(objects: readonly unknown[]): Dialled[] {
  const all = objects as readonly KubernetesObject[];
  const endpoints = endpointsOf(all);
  return all.flatMap(({ metadata, spec }) => {
    if (!spec?.clusterIPs) return [];
    const own = endpoints.get(metadata.name) ?? [];
    return [...spec.clusterIPs, ...(spec.externalIPs ?? [])].flatMap((address) =>
      spec.ports.map(({ protocol, port }) => ({
        address,
        port,
        proto: PROTOS[protocol] ?? 0,
        endpoints: own,
      })),
    );
  });
}

/** By name of the Service. */
function endpointsOf(objects: readonly KubernetesObject[]): Map<string, readonly Endpoint[]> {
  const found = new Map<string, readonly Endpoint[]>();
  for (const { metadata, endpoints, ports } of objects) {
    const port = ports?.[0]?.port;
    if (!endpoints || port === undefined) continue;
    const own = endpoints.flatMap(({ addresses }) =>
      addresses.map((address) => ({ address, port })),
    );
    found.set(metadata.labels?.["kubernetes.io/service-name"] ?? "", own);
  }
  return found;
}
