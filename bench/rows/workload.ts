/**
 * The workload of the benchmark: 64-byte TCP frames (78 bytes over IPv6) of many clients to 1,000 Services
 * with four endpoints each. Ids of flows are spread over clients, ports and Services by fixed arithmetic, and
 * visited in an order that has nothing to do with the order they were opened in: a table that happened to be
 * walked in sequence would look faster than it is.
 */
import { packet } from "../../src/packet/build.ts";

export type Family = "ipv4" | "ipv6";

const SERVICES = 1000;
const ENDPOINTS = 4;
const PORT = 80;
const TARGET_PORT = 8080;
/** The 32-bit golden ratio: multiplying by it permutes any power-of-two range. */
const GOLDEN = 0x9e3779b1;

interface Addresses {
  client(index: number): string;
  vip(service: number): string;
  endpoint(index: number): string;
}

function ipv4(first: number, second: number, index: number): string {
  return `${first}.${second}.${(index >>> 8) & 255}.${index & 255}`;
}

const ADDRESSES: Readonly<Record<Family, Addresses>> = {
  ipv4: {
    client: (index) => ipv4(10, 128 + (index >>> 16), index & 0xffff),
    vip: (service) => ipv4(10, 96, service + 1),
    endpoint: (index) => ipv4(10, 244, index + 1),
  },
  ipv6: {
    client: (index) => `fd00:128::${(index >>> 16).toString(16)}:${(index & 0xffff).toString(16)}`,
    vip: (service) => `fd00:96::${(service + 1).toString(16)}`,
    endpoint: (index) => `fd00:244::${(index + 1).toString(16)}`,
  },
};

/** The Services and EndpointSlices, as objects of the API. */
export function objects(family: Family): unknown[] {
  return Array.from({ length: SERVICES }, (_, service) => [
    serviceObject(family, service),
    sliceObject(family, service),
  ]).flat();
}

function serviceObject(family: Family, service: number): unknown {
  const vip = ADDRESSES[family].vip(service);
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { namespace: "bench", name: `s${service}` },
    spec: {
      type: "ClusterIP",
      clusterIP: vip,
      clusterIPs: [vip],
      ipFamilies: [family === "ipv4" ? "IPv4" : "IPv6"],
      ports: [{ name: "http", protocol: "TCP", port: PORT }],
    },
  };
}

function sliceObject(family: Family, service: number): unknown {
  const name = `s${service}`;
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      namespace: "bench",
      name: `${name}-1`,
      labels: { "kubernetes.io/service-name": name },
    },
    addressType: family === "ipv4" ? "IPv4" : "IPv6",
    endpoints: Array.from({ length: ENDPOINTS }, (_, index) => ({
      addresses: [ADDRESSES[family].endpoint(service * ENDPOINTS + index)],
    })),
    ports: [{ name: "http", protocol: "TCP", port: TARGET_PORT }],
  };
}

export interface Flow {
  readonly saddr: string;
  readonly sport: number;
  readonly daddr: string;
  readonly dport: number;
}

export function flow(family: Family, id: number): Flow {
  const { client, vip } = ADDRESSES[family];
  const service = (Math.imul(id, GOLDEN) >>> 12) % SERVICES;
  return {
    saddr: client(id >>> 4),
    sport: 32768 + (id & 15) * 7,
    daddr: vip(service),
    dport: PORT,
  };
}

/** Flow that is visited at step `n`; `flows` is a power of two. */
export function visited(n: number, flows: number): number {
  return (Math.imul(n, GOLDEN) >>> 0) & (flows - 1);
}

const PAYLOAD = new Uint8Array(10).fill(0x2e);

/** A frame of the flow: "S" opens it, "A" belongs to it. */
export function request(each: Flow, flags: "S" | "A"): Uint8Array {
  return packet({ ...each, proto: "tcp", flags, payload: PAYLOAD });
}

/** A frame that the flow's endpoint answers with. */
export function answer(
  each: Flow,
  endpoint: { address: string; port: number },
  flags: "SA" | "A",
): Uint8Array {
  return packet({
    saddr: endpoint.address,
    sport: endpoint.port,
    daddr: each.saddr,
    dport: each.sport,
    proto: "tcp",
    flags,
    payload: PAYLOAD,
  });
}
