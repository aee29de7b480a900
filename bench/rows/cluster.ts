/** The cluster a row runs in: its addresses by number, and the objects of the API that make it. */
import { parse } from "../../src/packet/address.ts";
import type { Family, Row } from "../heats/contestant.ts";

export const NODE = "bench";
/** What Services are dialled at, and what their endpoints listen on. */
export const PORT = 80;
const TARGET_PORT = 8080;

/** Addresses of one family: the first of each kind, from which the others are counted on. */
export interface Plan {
  /** Neither pods nor the node. */
  readonly client: string;
  readonly clusterIp: string;
  /** 198.18.0.0/15 is for benchmarks of network devices: RFC 2544 appendix C.2.2; 2001:2::/48: RFC 5180. */
  readonly externalIp: string;
  readonly endpoint: string;
  readonly node: string;
  readonly podRange: string;
}

export const PLANS: Readonly<Record<Family, Plan>> = {
  ipv4: {
    client: "10.128.0.0",
    clusterIp: "10.96.0.1",
    externalIp: "198.18.0.1",
    endpoint: "10.244.0.1",
    node: "192.168.0.10",
    podRange: "10.244.0.0/15",
  },
  ipv6: {
    client: "fd00:128::",
    clusterIp: "fd00:96::1",
    externalIp: "2001:2::1",
    endpoint: "fd00:244::1",
    node: "fd00:192::10",
    podRange: "fd00:244::/32",
  },
};

/** Address number `index` from `first` on. */
export function address(first: string, index: number): string {
  const bytes = parse(first);
  const view = new DataView(bytes.buffer);
  const last = bytes.length - 4;
  view.setUint32(last, view.getUint32(last) + index);
  if (bytes.length === 4) return bytes.join(".");
  const groups = Array.from({ length: 8 }, (_, at) => view.getUint16(at * 2).toString(16));
  return groups.join(":");
}

/** Services with their EndpointSlices; of a masqueraded row also the node that lends its address. */
export function objects(row: Row): unknown[] {
  const services = Array.from({ length: row.services }, (_, number) =>
    protocols(row).flatMap((protocol) => [
      service(row, number, protocol),
      slice(row, number, protocol),
    ]),
  );
  return [...(row.masquerade ? [node(row.family), kubeProxy(row.family)] : []), ...services.flat()];
}

function protocols({ proto }: Row): ("TCP" | "UDP")[] {
  if (proto === "mixed") return ["TCP", "UDP"];
  return [proto === "tcp" ? "TCP" : "UDP"];
}

/** A Service for each protocol, so that numbers of service ports are the same whatever the row mixes. */
function service(row: Row, number: number, protocol: "TCP" | "UDP"): unknown {
  const plan = PLANS[row.family];
  const vip = address(plan.clusterIp, number);
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { namespace: "bench", name: nameOf(number, protocol) },
    spec: {
      type: "ClusterIP",
      clusterIP: vip,
      clusterIPs: [vip],
      ipFamilies: [row.family === "ipv4" ? "IPv4" : "IPv6"],
      ports: [{ name: "p", protocol, port: PORT }],
      ...(row.masquerade ? { externalIPs: [address(plan.externalIp, number)] } : {}),
    },
  };
}

function slice(row: Row, number: number, protocol: "TCP" | "UDP"): unknown {
  const name = nameOf(number, protocol);
  const first = number * row.endpoints;
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      namespace: "bench",
      name: `${name}-1`,
      labels: { "kubernetes.io/service-name": name },
    },
    addressType: row.family === "ipv4" ? "IPv4" : "IPv6",
    endpoints: Array.from({ length: row.endpoints }, (_, index) => ({
      addresses: [address(PLANS[row.family].endpoint, first + index)],
    })),
    ports: [{ name: "p", protocol, port: TARGET_PORT }],
  };
}

function nameOf(number: number, protocol: "TCP" | "UDP"): string {
  return `${protocol.toLowerCase()}-${number}`;
}

function node(family: Family): unknown {
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name: NODE },
    status: { addresses: [{ type: "InternalIP", address: PLANS[family].node }] },
  };
}

function kubeProxy(family: Family): unknown {
  return {
    apiVersion: "kubeproxy.config.k8s.io/v1alpha1",
    kind: "KubeProxyConfiguration",
    clusterCIDR: PLANS[family].podRange,
  };
}
