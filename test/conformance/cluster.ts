/** Kubernetes objects for tests, written as shortly as a test table needs them. */

export interface PortSpec {
  readonly name?: string;
  readonly port: number;
  readonly protocol?: "TCP" | "UDP" | "SCTP";
  /** Port of the endpoints; `port` when absent. */
  readonly target?: number;
  readonly nodePort?: number;
}

export interface EndpointSpec {
  readonly address: string;
  readonly node?: string;
  readonly ready?: boolean;
  readonly serving?: boolean;
  readonly terminating?: boolean;
}

export interface ServiceSpec {
  readonly name: string;
  readonly clusterIPs: readonly string[];
  readonly ports: readonly PortSpec[];
  readonly endpoints?: readonly EndpointSpec[];
  readonly type?: "ClusterIP" | "NodePort" | "LoadBalancer";
  readonly externalIPs?: readonly string[];
  readonly ingress?: readonly string[];
  readonly sourceRanges?: readonly string[];
  readonly internalPolicy?: "Cluster" | "Local";
  readonly externalPolicy?: "Cluster" | "Local";
  /** Seconds a client stays with its endpoint; no affinity when absent. */
  readonly affinity?: number;
}

export interface NodeSpec {
  readonly name: string;
  readonly addresses: readonly string[];
  /** The label is absent when this is. */
  readonly zone?: string;
}

export interface ProxySpec {
  readonly clusterCIDR?: string;
  readonly nodePortAddresses?: readonly string[];
  readonly masqueradeAll?: boolean;
  readonly localhostNodePorts?: boolean;
  readonly tcpBeLiberal?: boolean;
  /** Pods are known by their interface's name instead of by `clusterCIDR`. */
  readonly podInterfaces?: string;
}

const isIPv6 = (address: string): boolean => address.includes(":");

export function nodeObject({ name, addresses, zone }: NodeSpec): object {
  const labels = zone === undefined ? {} : { "topology.kubernetes.io/zone": zone };
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name, labels },
    status: { addresses: addresses.map((address) => ({ type: "InternalIP", address })) },
  };
}

export function proxyObject(proxy: ProxySpec): object {
  return {
    apiVersion: "kubeproxy.config.k8s.io/v1alpha1",
    kind: "KubeProxyConfiguration",
    mode: "iptables",
    ...interfaceDetection(proxy.podInterfaces),
    clusterCIDR: proxy.clusterCIDR ?? "",
    nodePortAddresses: proxy.nodePortAddresses ?? null,
    iptables: {
      masqueradeAll: proxy.masqueradeAll ?? false,
      localhostNodePorts: proxy.localhostNodePorts ?? true,
    },
    conntrack: { tcpBeLiberal: proxy.tcpBeLiberal ?? false },
  };
}

function interfaceDetection(interfaceNamePrefix: string | undefined): object {
  if (interfaceNamePrefix === undefined) return { detectLocalMode: "ClusterCIDR" };
  return { detectLocalMode: "InterfaceNamePrefix", detectLocal: { interfaceNamePrefix } };
}

/** The Service and one EndpointSlice per family that has endpoints. */
export function serviceObjects(spec: ServiceSpec): object[] {
  const slices = [false, true].flatMap((v6) => sliceObject(spec, v6) ?? []);
  return [serviceObject(spec), ...slices];
}

function serviceObject(spec: ServiceSpec): object {
  const external = spec.type !== undefined && spec.type !== "ClusterIP";
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: spec.name, namespace: "test" },
    spec: {
      type: spec.type ?? "ClusterIP",
      clusterIP: spec.clusterIPs[0],
      clusterIPs: spec.clusterIPs,
      ipFamilies: spec.clusterIPs.map((address) => (isIPv6(address) ? "IPv6" : "IPv4")),
      ports: spec.ports.map(servicePort),
      externalIPs: spec.externalIPs ?? [],
      internalTrafficPolicy: spec.internalPolicy ?? "Cluster",
      ...(external || spec.externalIPs
        ? { externalTrafficPolicy: spec.externalPolicy ?? "Cluster" }
        : {}),
      ...(spec.sourceRanges ? { loadBalancerSourceRanges: spec.sourceRanges } : {}),
      ...affinityFields(spec.affinity),
    },
    status: { loadBalancer: { ingress: (spec.ingress ?? []).map((ip) => ({ ip })) } },
  };
}

function servicePort(port: PortSpec): object {
  return {
    ...(port.name === undefined ? {} : { name: port.name }),
    port: port.port,
    protocol: port.protocol ?? "TCP",
    targetPort: port.target ?? port.port,
    ...(port.nodePort === undefined ? {} : { nodePort: port.nodePort }),
  };
}

function affinityFields(seconds: number | undefined): object {
  if (seconds === undefined) return { sessionAffinity: "None" };
  const sessionAffinityConfig = { clientIP: { timeoutSeconds: seconds } };
  return { sessionAffinity: "ClientIP", sessionAffinityConfig };
}

function sliceObject(spec: ServiceSpec, v6: boolean): object | undefined {
  const endpoints = (spec.endpoints ?? []).filter(({ address }) => isIPv6(address) === v6);
  if (endpoints.length === 0) return undefined;
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      name: `${spec.name}-${v6 ? "v6" : "v4"}`,
      namespace: "test",
      labels: { "kubernetes.io/service-name": spec.name },
    },
    addressType: v6 ? "IPv6" : "IPv4",
    endpoints: endpoints.map(({ address, node, ready, serving, terminating }) => ({
      addresses: [address],
      conditions: { ready, serving, terminating },
      ...(node === undefined ? {} : { nodeName: node }),
    })),
    ports: spec.ports.map(({ name, port, protocol, target }) => ({
      name: name ?? "",
      protocol: protocol ?? "TCP",
      port: target ?? port,
    })),
  };
}
