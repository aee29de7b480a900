import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { selectEndpoints, type TrafficPolicy } from "../../src/control/topology.ts";
import { formatEndpoint } from "../../src/packet/address.ts";

interface Case {
  readonly id: string;
  readonly notes?: string;
  readonly service: {
    readonly externalTrafficPolicy: "Cluster" | "Local";
    readonly internalTrafficPolicy: "Cluster" | "Local";
    readonly externallyAccessible: boolean;
  };
  readonly node: { readonly name: string; readonly zone: string | null };
  readonly endpoints: readonly {
    readonly ip: string;
    readonly port: number;
    readonly ready: boolean;
    readonly serving: boolean;
    readonly terminating: boolean;
    readonly nodeName: string | null;
    readonly hints: { readonly forZones: string[]; readonly forNodes: string[] };
  }[];
  readonly expect: {
    readonly clusterEndpoints: string[] | null;
    readonly localEndpoints: string[] | null;
    readonly allEndpoints: string[] | null;
    readonly hasAnyEndpoints: boolean;
  };
}

const file = new URL("../data/kube-proxy-topology.json", import.meta.url);
const cases: Case[] = JSON.parse(readFileSync(file, "utf8"));

/** Cases judged otherwise, on purpose. */
const DIFFERENCES: Readonly<
  Record<string, { readonly endpoints: string[]; readonly why: string }>
> = {
  "node-hints-gate-off-uses-zone": {
    endpoints: ["10.1.2.3:80"],
    why: "Node hints have been on by default since Kubernetes 1.34; there is no gate to turn them off.",
  },
};

function expectationOf({ id, expect: recorded }: Case): Case["expect"] {
  const difference = DIFFERENCES[id];
  if (difference === undefined) return recorded;
  const { endpoints } = difference;
  return { ...recorded, clusterEndpoints: endpoints, allEndpoints: endpoints };
}

test("every case that is listed as judged otherwise is", () => {
  for (const [id, { endpoints }] of Object.entries(DIFFERENCES)) {
    const one = cases.find((one) => one.id === id);
    expect(one?.expect.clusterEndpoints).toEqual(expect.any(Array));
    expect(one?.expect.clusterEndpoints).not.toEqual(endpoints);
  }
});

test.each(cases)("$id", (one) => {
  const { service, node, endpoints } = one;
  const expected = expectationOf(one);
  const topology = selectEndpoints(
    endpoints.map((given) => ({
      ...given,
      name: formatEndpoint(given.ip, given.port),
      local: given.nodeName === node.name,
      zoneHints: given.hints.forZones,
      nodeHints: given.hints.forNodes,
    })),
    {
      internalPolicy: service.internalTrafficPolicy.toLowerCase() as TrafficPolicy,
      externalPolicy: service.externalTrafficPolicy.toLowerCase() as TrafficPolicy,
      externallyAccessible: service.externallyAccessible,
    },
    { name: node.name, zone: node.zone ?? "" },
  );
  // Without any endpoint nothing is categorised: then an unused set and an empty one are the same.
  const set = (names: readonly { name: string }[] | undefined) =>
    endpoints.length === 0 ? [] : (names?.map(({ name }) => name).sort() ?? null);
  const expectedSet = (names: string[] | null) =>
    endpoints.length === 0 ? [] : names && [...names].sort();
  expect(set(topology.cluster)).toEqual(expectedSet(expected.clusterEndpoints));
  expect(set(topology.local)).toEqual(expectedSet(expected.localEndpoints));
  const reachable = new Set(
    [...(topology.cluster ?? []), ...(topology.local ?? [])].map(({ name }) => name),
  );
  expect([...reachable].sort()).toEqual([...(expected.allEndpoints ?? [])].sort());
  expect(topology.hasEndpoints).toBe(expected.hasAnyEndpoints);
});
