/** Random clusters over a few addresses and ports, so that what they do meets often. */
import fc from "fast-check";
import {
  type EndpointSpec,
  nodeObject,
  type PortSpec,
  type ProxySpec,
  proxyObject,
  type ServiceSpec,
  serviceObjects,
} from "../conformance/cluster.ts";

export const NODE = "worker-1";
export const NODE_IPS = ["192.168.0.2", "192.168.1.2", "2001:db8::2"];
export const VIPS_IPV4 = ["10.96.0.1", "10.96.0.2", "10.96.0.3"];
export const VIPS_IPV6 = ["fd00:96::1", "fd00:96::2", "fd00:96::3"];
export const EXTERNAL = ["198.51.100.1", "198.51.100.2", "2001:db8:e::1"];
export const PODS_IPV4 = ["10.244.1.1", "10.244.1.2", "10.244.2.1", "10.244.2.2"];
export const PODS_IPV6 = ["fd00:244:1::1", "fd00:244:1::2", "fd00:244:2::1"];
export const PORTS = [53, 80, 8080];
export const NODE_PORTS = [30000, 30001, 40000];
export const POD_INTERFACE = "veth1";
export const INTERFACES = ["eth0", POD_INTERFACE, "cni0"];

const address = fc.constantFrom(...PODS_IPV4, ...PODS_IPV6);

const endpoint: fc.Arbitrary<EndpointSpec> = fc.record(
  {
    address,
    node: fc.constantFrom(NODE, NODE, "worker-2"),
    ready: fc.constantFrom(true, true, true, false),
    serving: fc.boolean(),
    terminating: fc.boolean(),
  },
  { requiredKeys: ["address", "node"] },
);

const port: fc.Arbitrary<PortSpec> = fc.record({
  name: fc.constantFrom("a", "b", "c"),
  port: fc.constantFrom(...PORTS),
  protocol: fc.constantFrom("TCP", "UDP", "SCTP"),
  target: fc.constantFrom(...PORTS),
});

const policy = fc.constantFrom("Cluster", "Cluster", "Local") as fc.Arbitrary<"Cluster" | "Local">;

function serviceAt(index: number): fc.Arbitrary<ServiceSpec> {
  const fields = fc.record(
    {
      type: fc.constantFrom("ClusterIP", "NodePort", "LoadBalancer"),
      ports: fc.uniqueArray(port, {
        minLength: 1,
        maxLength: 3,
        selector: ({ name }) => name,
      }),
      endpoints: fc.oneof(
        { weight: 5, arbitrary: fc.array(endpoint, { minLength: 2, maxLength: 7, size: "max" }) },
        { weight: 1, arbitrary: fc.array(endpoint, { maxLength: 1 }) },
      ),
      externalIPs: fc.subarray(EXTERNAL),
      ingress: fc.subarray(EXTERNAL),
      sourceRanges: fc.subarray(["203.0.113.0/25", "10.0.0.0/8", "2001:db8::/32"], {
        minLength: 2,
      }),
      internalPolicy: policy,
      externalPolicy: policy,
      affinity: fc.constantFrom(1, 10, 10_800),
    },
    { requiredKeys: ["type", "ports", "endpoints", "internalPolicy", "externalPolicy"] },
  );
  const clusterIPs = [VIPS_IPV4[index]!, VIPS_IPV6[index]!];
  return fields.map((spec) => ({
    ...spec,
    name: `svc${index}`,
    clusterIPs,
    ports: distinct(spec.ports).map((one, i) =>
      spec.type !== "ClusterIP" && i === 0 ? { ...one, nodePort: NODE_PORTS[index]! } : one,
    ),
  }));
}

/** The API server admits no two ports of one number and protocol. */
function distinct(ports: readonly PortSpec[]): PortSpec[] {
  const key = ({ port, protocol }: PortSpec) => `${port}/${protocol}`;
  return ports.filter((one, i) => ports.findIndex((other) => key(other) === key(one)) === i);
}

const proxy: fc.Arbitrary<ProxySpec> = fc.record(
  {
    clusterCIDR: fc.constantFrom("10.244.0.0/16,fd00:244::/32", "10.244.0.0/16"),
    podInterfaces: fc.constant("veth"),
    masqueradeAll: fc.boolean(),
    localhostNodePorts: fc.boolean(),
    tcpBeLiberal: fc.boolean(),
    nodePortAddresses: fc.constantFrom(["192.168.0.0/24"], ["127.0.0.0/8"]),
  },
  { requiredKeys: [] },
);

const node = fc
  .subarray(NODE_IPS, { minLength: 1 })
  .map((addresses) => nodeObject({ name: NODE, addresses }));

/** The objects of a cluster. */
export const cluster: fc.Arbitrary<object[]> = fc
  .tuple(
    node,
    proxy,
    fc
      .subarray([0, 1, 2], { minLength: 1 })
      .chain((indexes) => fc.tuple(...indexes.map(serviceAt))),
  )
  .map(([one, settings, services]) => [
    one,
    proxyObject(settings),
    ...services.flatMap(serviceObjects),
  ]);
