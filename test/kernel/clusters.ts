/** Clusters around the lab's node, drawn by fast-check: few addresses and ports, so that connections meet. */
import fc from "fast-check";
import { stringify } from "yaml";
import {
  type EndpointSpec,
  nodeObject,
  type PortSpec,
  type ServiceSpec,
  serviceObjects,
} from "../conformance/cluster.ts";
import type { Settings } from "./rules.ts";
import {
  CLUSTER_CIDRS,
  familyOf,
  INTERNAL_IPS,
  NODE,
  NODE_ADDRESSES,
  OTHER_NODE,
} from "./topology.ts";

export interface Cluster {
  readonly services: readonly ServiceSpec[];
  readonly settings: Settings;
}

/** An address and a port that clients may dial. */
export interface Frontend {
  readonly address: string;
  readonly port: number;
  readonly proto: "tcp" | "udp" | "sctp";
  /** Of a service with session affinity: what remembers clients. */
  readonly memory: string | undefined;
}

const VIPS = ["198.51.100.10", "198.51.100.11", "2001:db8:aa::10"];
/** The last one is the node's own. */
const EXTERNAL_IPS = ["198.51.100.20", "2001:db8:aa::20", "192.168.0.2"];
const ENDPOINTS = ["10.244.1.10", "10.244.1.11", "10.244.2.10", "10.244.2.11"].flatMap((ipv4) => [
  ipv4,
  ipv4.replace(/10\.244\.(\d)\.(\d+)/, "fd00:10:$1::$2"),
]);
const RANGES = [
  "203.0.113.0/28",
  "10.244.0.0/16",
  "192.168.0.0/24",
  "2001:db8:c::/64",
  "fd00:10::/32",
];
const TARGETS = [53, 8080];
/** More often than the others, as some things are met behind one of their addresses only. */
const LOAD_BALANCERS = ["LoadBalancer", "LoadBalancer", "LoadBalancer"] as const;

const isLocal = (address: string) => /^(10\.244\.1|fd00:10:1)/.test(address);

const endpointOf = (addresses: readonly string[]): fc.Arbitrary<EndpointSpec> =>
  fc
    .record(
      {
        address: fc.constantFrom(...addresses),
        ready: fc.constantFrom(true, true, true, false),
        serving: fc.constantFrom(true, true, false),
        terminating: fc.boolean(),
      },
      { requiredKeys: ["address"] },
    )
    .map((one) => ({
      ...one,
      node: isLocal(one.address) ? NODE : OTHER_NODE,
    }));
const endpointsOf = (addresses: readonly string[]) =>
  fc.uniqueArray(endpointOf(addresses), { maxLength: 6, selector: ({ address }) => address });
/** Anywhere, or elsewhere only. */
const endpoints = fc.oneof(
  { weight: 2, arbitrary: endpointsOf(ENDPOINTS) },
  { weight: 1, arbitrary: endpointsOf(ENDPOINTS.filter((address) => !isLocal(address))) },
);

const sourceRanges = fc.oneof(
  { weight: 3, arbitrary: fc.subarray(RANGES, { minLength: 2, maxLength: 3 }) },
  { weight: 1, arbitrary: fc.constant([]) },
);

const policy = fc.constantFrom("Cluster", "Local") as fc.Arbitrary<"Cluster" | "Local">;

function serviceAt(index: number): fc.Arbitrary<ServiceSpec> {
  const port = fc.record({
    protocol: fc.constantFrom("TCP", "TCP", "UDP", "SCTP") as fc.Arbitrary<"TCP" | "UDP" | "SCTP">,
    target: fc.constantFrom(...TARGETS),
  });
  const fields = fc.record(
    {
      type: fc.constantFrom("ClusterIP", "NodePort", ...LOAD_BALANCERS),
      ports: fc.array(port, { minLength: 1, maxLength: 2 }),
      endpoints,
      externalIPs: fc.subarray(EXTERNAL_IPS),
      ingress: fc.subarray(VIPS, { minLength: 1 }),
      sourceRanges,
      internalPolicy: policy,
      externalPolicy: policy,
      affinity: fc.constantFrom(100, 10800),
    },
    {
      requiredKeys: [
        "type",
        "ports",
        "endpoints",
        "sourceRanges",
        "internalPolicy",
        "externalPolicy",
      ],
    },
  );
  return fields.map((spec) => ({
    ...spec,
    name: `svc${index}`,
    clusterIPs: [`10.96.0.${10 + index}`, `fd00:96::${10 + index}`],
    ports: spec.ports.map((one, i) => portAt(10 * index + i, one, spec.type !== "ClusterIP")),
  }));
}

/** No two ports of the cluster have the same number: which one an address of both served would be open. */
function portAt(
  number: number,
  { protocol, target }: Pick<PortSpec, "protocol" | "target">,
  external: boolean,
): PortSpec {
  const port = { name: `p${number}`, port: 80 + number, protocol, target };
  return external ? { ...port, nodePort: 30080 + number } : port;
}

const settings: fc.Arbitrary<Settings> = fc.record({
  masqueradeAll: fc.constantFrom(false, false, true),
  detectLocal: fc.constantFrom(true, true, false),
  nodePortAddresses: fc.constantFrom([], [], ["192.168.0.0/24"], ["127.0.0.0/8", "2001:db8::/32"]),
  localhostNodePorts: fc.boolean(),
  tcpBeLiberal: fc.constantFrom(false, false, false, true),
  randomFully: fc.boolean(),
  spread: fc.constant("random" as const),
});

export const PLAIN: Settings = {
  masqueradeAll: false,
  detectLocal: true,
  nodePortAddresses: [],
  localhostNodePorts: true,
  tcpBeLiberal: false,
  randomFully: false,
  spread: "random",
};

export const cluster: fc.Arbitrary<Cluster> = fc.record({
  services: fc
    .subarray([0, 1, 2], { minLength: 1 })
    .chain((indexes) => fc.tuple(...indexes.map(serviceAt))),
  settings,
});

/** The Services and EndpointSlices. */
export function servicesOf({ services }: Cluster): object[] {
  return services.flatMap(serviceObjects);
}

/** With the Node and kube-proxy's configuration. */
export function objectsOf(cluster: Cluster): object[] {
  const node = nodeObject({ name: NODE, addresses: INTERNAL_IPS });
  return [node, configurationOf(cluster.settings), ...servicesOf(cluster)];
}

function configurationOf(settings: Settings): object {
  return {
    apiVersion: "kubeproxy.config.k8s.io/v1alpha1",
    kind: "KubeProxyConfiguration",
    mode: "iptables",
    detectLocalMode: "ClusterCIDR",
    clusterCIDR: settings.detectLocal ? Object.values(CLUSTER_CIDRS).join() : "",
    nodePortAddresses: settings.nodePortAddresses,
    iptables: {
      masqueradeAll: settings.masqueradeAll,
      localhostNodePorts: settings.localhostNodePorts,
    },
    conntrack: { tcpBeLiberal: settings.tcpBeLiberal },
  };
}

/** All that is served in the cluster, or may be. */
export function frontendsOf({ services }: Cluster): Frontend[] {
  return services.flatMap((service) => service.ports.flatMap((port) => frontendsAt(service, port)));
}

function frontendsAt(service: ServiceSpec, port: PortSpec): Frontend[] {
  const { clusterIPs, externalIPs = [], ingress = [], affinity } = service;
  const proto = (port.protocol ?? "TCP").toLowerCase() as Frontend["proto"];
  const name = affinity === undefined ? undefined : `${service.name}:${port.name}`;
  const at = (address: string, number: number): Frontend => ({
    address,
    port: number,
    proto,
    memory: name && `${name} ${familyOf(address)}`,
  });
  const { nodePort } = port;
  return [
    ...[...clusterIPs, ...externalIPs, ...ingress].map((address) => at(address, port.port)),
    ...(nodePort === undefined
      ? []
      : [...NODE_ADDRESSES, "127.0.0.1"].map((address) => at(address, nodePort))),
  ];
}

/** For a failure: what `kubectl apply -f` would take, and what kube-proxy is told beside it. */
export function formatCluster(cluster: Cluster): string {
  const items = servicesOf(cluster);
  const list = { apiVersion: "v1", kind: "List", items };
  return `  settings:   ${JSON.stringify(cluster.settings)}\n${stringify(list)}`;
}
