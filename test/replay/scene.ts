/** A small cluster and packets of its clients, for the tests of replay and explain. */

import { LINK_ETHERNET } from "../../abi/limits.ts";
import type { ObjectSet } from "../../src/control/kubernetes.ts";
import { parseManifests } from "../../src/control/kubernetes.ts";
import type { DataplaneOptions } from "../../src/dataplane/dataplane.ts";
import { createDataplane, createModel, type Dataplane } from "../../src/index.ts";
import { type PacketSpec, packet } from "../../src/packet/build.ts";
import type { Packet } from "../../src/pcap/index.ts";

export const engines = [
  { engine: "wasm", create: createDataplane },
  { engine: "model", create: createModel },
] as const;

export const MANIFESTS = `
apiVersion: v1
kind: Node
metadata: { name: worker-1 }
spec: { podCIDRs: ["10.244.1.0/24", "fd00:244:1::/64"] }
status:
  addresses:
  - { type: InternalIP, address: 172.18.0.2 }
  - { type: InternalIP, address: "fd00:18::2" }
---
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clusterCIDR: 10.244.0.0/16,fd00:244::/32
---
apiVersion: v1
kind: Service
metadata: { name: web, namespace: default }
spec:
  type: NodePort
  clusterIP: 10.96.0.10
  clusterIPs: [10.96.0.10, "fd00:96::10"]
  ipFamilies: [IPv4, IPv6]
  ipFamilyPolicy: RequireDualStack
  externalTrafficPolicy: Cluster
  ports:
  - { name: http, port: 80, targetPort: 8080, nodePort: 30080, protocol: TCP }
  - { name: dns, port: 53, targetPort: 5353, nodePort: 30053, protocol: UDP }
  - { name: diameter, port: 3868, targetPort: 3868, nodePort: 30868, protocol: SCTP }
---
apiVersion: v1
kind: Service
metadata: { name: empty, namespace: default }
spec:
  type: ClusterIP
  clusterIP: 10.96.0.11
  clusterIPs: [10.96.0.11]
  externalIPs: [198.51.100.11]
  ports: [{ port: 80, protocol: TCP }]
---
apiVersion: v1
kind: Service
metadata: { name: sticky, namespace: default }
spec:
  type: LoadBalancer
  clusterIP: 10.96.0.12
  clusterIPs: [10.96.0.12]
  externalTrafficPolicy: Local
  sessionAffinity: ClientIP
  sessionAffinityConfig: { clientIP: { timeoutSeconds: 600 } }
  loadBalancerSourceRanges: [203.0.113.0/24]
  ports: [{ port: 443, targetPort: 8443, nodePort: 30443, protocol: TCP }]
status: { loadBalancer: { ingress: [{ ip: 198.51.100.12 }] } }
---
apiVersion: v1
kind: List
items:
- apiVersion: discovery.k8s.io/v1
  kind: EndpointSlice
  metadata: { name: web-4, namespace: default, labels: { kubernetes.io/service-name: web } }
  addressType: IPv4
  endpoints:
  - { addresses: [10.244.1.5], conditions: { ready: true }, nodeName: worker-1 }
  - { addresses: [10.244.2.7], conditions: { ready: true }, nodeName: worker-2 }
  ports: &ports
  - { name: http, port: 8080, protocol: TCP }
  - { name: dns, port: 5353, protocol: UDP }
  - { name: diameter, port: 3868, protocol: SCTP }
- apiVersion: discovery.k8s.io/v1
  kind: EndpointSlice
  metadata: { name: web-6, namespace: default, labels: { kubernetes.io/service-name: web } }
  addressType: IPv6
  endpoints:
  - { addresses: ["fd00:244:1::5"], conditions: { ready: true }, nodeName: worker-1 }
  - { addresses: ["fd00:244:2::7"], conditions: { ready: true }, nodeName: worker-2 }
  ports: *ports
- apiVersion: discovery.k8s.io/v1
  kind: EndpointSlice
  metadata: { name: sticky-4, namespace: default, labels: { kubernetes.io/service-name: sticky } }
  addressType: IPv4
  endpoints:
  - { addresses: [10.244.1.6], conditions: { ready: true }, nodeName: worker-1 }
  - { addresses: [10.244.2.8], conditions: { ready: true }, nodeName: worker-2 }
  ports: [{ name: "", port: 8443, protocol: TCP }]
`;

const objects: ObjectSet = parseManifests(MANIFESTS);

/** Small tables: each test makes its own dataplane. */
const capacity = {
  services: 64,
  frontends: 128,
  backends: 128,
  slots: 1024,
  ranges: 64,
  connections: 1024,
  connections6: 1024,
  affinity: 64,
};

type Create = (options: DataplaneOptions) => Promise<Dataplane>;

export async function applied(
  create: Create,
  options: DataplaneOptions = {},
  more: readonly object[] = [],
): Promise<Dataplane> {
  const dataplane = await create({ node: "worker-1", seed: 1, capacity, ...options });
  dataplane.apply(more.length === 0 ? objects : withObjects(more));
  return dataplane;
}

/** JSON is YAML. */
function withObjects(more: readonly object[]): ObjectSet {
  return parseManifests([MANIFESTS, ...more.map((one) => JSON.stringify(one))].join("\n---\n"));
}

/** A captured packet at `ms` milliseconds. */
export function captured(ms: number, spec: PacketSpec, more: Partial<Packet> = {}): Packet {
  const data = packet(spec);
  const time = BigInt(Math.round(ms * 1e6));
  return {
    time,
    data,
    wireLength: data.length,
    interface: 0,
    linkType: LINK_ETHERNET,
    offset: 0,
    ...more,
  };
}

/** A TCP connection as its client sees it: handshake, data, answer, both FINs and the last ACK. */
export function conversation(
  ms: number,
  ends: Pick<PacketSpec, "saddr" | "sport" | "daddr" | "dport">,
): Packet[] {
  const there = { proto: "tcp", ...ends } as const;
  const back = {
    ...there,
    saddr: ends.daddr,
    sport: ends.dport,
    daddr: ends.saddr,
    dport: ends.sport,
  } as const;
  const steps: PacketSpec[] = [
    { ...there, flags: "S" },
    { ...back, flags: "SA" },
    { ...there, flags: "A" },
    { ...there, flags: "PA", payload: "GET / HTTP/1.1\r\n\r\n" },
    { ...back, flags: "PA", payload: "HTTP/1.1 200 OK\r\n\r\n" },
    { ...there, flags: "FA" },
    { ...back, flags: "FA" },
    { ...there, flags: "A" },
  ];
  return steps.map((spec, index) => captured(ms + index * 0.3, spec));
}
