import { describe, expect, test } from "vitest";
import { dialsOf } from "../../src/diff/dials.ts";
import { createDiff } from "../../src/diff/diff.ts";
import { judge } from "../../src/diff/outcome.ts";
import { explain } from "../../src/explain.ts";
import { createDataplane, createModel } from "../../src/index.ts";
import {
  config,
  DRAINING,
  endpoint,
  LOCAL,
  node,
  REMOTE,
  service,
  slice,
} from "../control/objects.ts";
import { type Create, compared, engines, lines, sidesOf } from "./scene.ts";

const NODE_PORT = {
  type: "NodePort",
  ports: [{ name: "http", port: 80, nodePort: 30080, protocol: "TCP" }],
};
const BALANCED = { type: "LoadBalancer", ...{ ports: NODE_PORT.ports } };
const VIP = { ingress: [{ ip: "192.0.2.80" }] };
const THIRD = endpoint("10.244.3.5", { nodeName: "node-c" });

interface Case {
  readonly name: string;
  readonly old: readonly unknown[];
  readonly next: readonly unknown[];
  readonly expect: readonly string[];
}

const base = [node(), config()];
const pair = [LOCAL, REMOTE];

const cases: Case[] = [
  {
    name: "nothing is different",
    old: [...base, service(NODE_PORT), slice(pair)],
    next: [...base, service(NODE_PORT), slice(pair)],
    expect: [],
  },
  {
    name: "the order of objects and of endpoints makes no difference",
    old: [
      ...base,
      service(NODE_PORT),
      service({ clusterIP: "10.96.0.11" }, { name: "b" }),
      slice(pair),
    ],
    next: [
      slice([REMOTE, LOCAL]),
      service({ clusterIP: "10.96.0.11" }, { name: "b" }),
      service(NODE_PORT),
      ...base,
    ],
    expect: [],
  },
  {
    name: "the same endpoints in other slices make no difference",
    old: [...base, service(), slice(pair)],
    next: [
      ...base,
      service(),
      slice([LOCAL]),
      slice([REMOTE], {
        metadata: {
          name: "web-2",
          namespace: "demo",
          labels: { "kubernetes.io/service-name": "web" },
        },
      }),
    ],
    expect: [],
  },
  {
    name: "the name of a port alone is no difference",
    old: [...base, service({ ports: [{ name: "http", port: 80 }] }), slice(pair)],
    next: [
      ...base,
      service({ ports: [{ name: "www", port: 80 }] }),
      slice(pair, { ports: [{ name: "www", port: 8080, protocol: "TCP" }] }),
    ],
    expect: [],
  },
  {
    name: "a scheduler favours whom it likes, which is no difference",
    old: [...base, service(), slice(pair)],
    next: [
      node(),
      config({
        clusterCIDR: "10.244.0.0/16,fd00:10::/32",
        mode: "ipvs",
        ipvs: { scheduler: "mh" },
      }),
      service(),
      slice(pair),
    ],
    expect: [],
  },
  {
    name: "a Service is added",
    old: base,
    next: [...base, service(), slice(pair)],
    expect: [
      "10.96.0.10:80/tcp pods: added endpoints",
      "10.96.0.10:80/tcp outside: added endpoints",
      "10.96.0.10:80/tcp the node: added endpoints",
    ].map((line) => line.replace("endpoints", "verdict")),
  },
  {
    name: "a port is moved: one frontend goes, one comes",
    old: [...base, service({ ports: [{ name: "http", port: 80 }] }), slice(pair)],
    next: [...base, service({ ports: [{ name: "http", port: 81 }] }), slice(pair)],
    expect: [80, 81].flatMap((port) =>
      ["pods", "outside", "the node"].map(
        (from) => `10.96.0.10:${port}/tcp ${from}: ${port === 80 ? "removed" : "added"} verdict`,
      ),
    ),
  },
  {
    name: "an endpoint is lost and one gained",
    old: [...base, service(), slice(pair)],
    next: [...base, service(), slice([LOCAL, THIRD])],
    expect: ["pods", "outside", "the node"].map((from) => `10.96.0.10:80/tcp ${from}: endpoints`),
  },
  {
    name: "the last endpoint goes",
    old: [...base, service(), slice([LOCAL])],
    next: [...base, service(), slice([])],
    expect: ["pods", "outside", "the node"].map((from) => `10.96.0.10:80/tcp ${from}: verdict`),
  },
  {
    name: "an endpoint that terminates while another is ready is lost",
    old: [...base, service(), slice(pair)],
    next: [...base, service(), slice([LOCAL, { ...REMOTE, conditions: DRAINING }])],
    expect: ["pods", "outside", "the node"].map((from) => `10.96.0.10:80/tcp ${from}: endpoints`),
  },
  {
    name: "traffic policy Local changes strangers' endpoints, and everybody's masquerade but the node's",
    old: [...base, service({ ...NODE_PORT, externalTrafficPolicy: "Cluster" }), slice(pair)],
    next: [...base, service({ ...NODE_PORT, externalTrafficPolicy: "Local" }), slice(pair)],
    expect: [
      "192.168.0.2:30080/tcp pods: masquerade",
      "192.168.0.2:30080/tcp outside: endpoints masquerade",
    ],
  },
  {
    name: "masqueradeAll concerns pods, who alone were not masqueraded",
    old: [...base, service(), slice(pair)],
    next: [
      node(),
      config({ clusterCIDR: "10.244.0.0/16", iptables: { masqueradeAll: true } }),
      service(),
      slice(pair),
    ],
    expect: ["10.96.0.10:80/tcp pods: masquerade"],
  },
  {
    name: "session affinity is turned on",
    old: [...base, service(), slice(pair)],
    next: [...base, service({ sessionAffinity: "ClientIP" }), slice(pair)],
    expect: ["pods", "outside", "the node"].map((from) => `10.96.0.10:80/tcp ${from}: affinity`),
  },
  {
    name: "source ranges are widened: only who is let in now is told",
    old: [
      ...base,
      service({ ...BALANCED, loadBalancerSourceRanges: ["198.51.100.0/25"] }, VIP),
      slice(pair),
    ],
    next: [
      ...base,
      service({ ...BALANCED, loadBalancerSourceRanges: ["198.51.100.0/24"] }, VIP),
      slice(pair),
    ],
    expect: ["192.0.2.80:80/tcp 198.51.100.128/25: source-range"],
  },
  {
    name: "source ranges are set where everybody was let in",
    old: [...base, service(BALANCED, VIP), slice(pair)],
    next: [
      ...base,
      service({ ...BALANCED, loadBalancerSourceRanges: ["10.244.3.0/24", "198.51.100.0/24"] }, VIP),
      slice(pair),
    ],
    expect: [
      "192.0.2.80:80/tcp other pods: source-range",
      "192.0.2.80:80/tcp elsewhere: source-range",
      "192.0.2.80:80/tcp the node: source-range",
    ],
  },
  {
    name: "nodePortAddresses leaves an address out",
    old: [...base, service(NODE_PORT), slice(pair)],
    next: [
      node(),
      config({ clusterCIDR: "10.244.0.0/16,fd00:10::/32", nodePortAddresses: ["192.168.0.0/24"] }),
      service(NODE_PORT),
      slice(pair),
    ],
    expect: [
      ...["the node"].map((from) => `127.0.0.1:30080/tcp ${from}: removed verdict`),
      ...["pods", "outside", "the node"].map(
        (from) => `203.0.113.9:30080/tcp ${from}: removed verdict`,
      ),
    ],
  },
  {
    name: "the pods' range is moved: who is a pod now, and who is none any more",
    old: [node(), config({ clusterCIDR: "10.244.0.0/16" }), service(), slice(pair)],
    next: [node(), config({ clusterCIDR: "10.245.0.0/16" }), service(), slice(pair)],
    expect: [
      "10.96.0.10:80/tcp other pods: masquerade",
      "10.96.0.10:80/tcp other pods: masquerade",
    ],
  },
  {
    name: "the node's address changes: only an endpoint that dials itself sees it at a cluster IP",
    old: [node(), config({}), service(), slice([LOCAL])],
    next: [
      node({ addresses: [{ type: "InternalIP", address: "192.168.0.3" }] }),
      config({}),
      service(),
      slice([LOCAL]),
    ],
    expect: ["10.96.0.10:80/tcp its endpoints themselves: masquerade"],
  },
];

describe.each(engines)("diff ($engine)", ({ create }) => {
  test.each(cases)("$name", async ({ old, next, expect: expected }) => {
    expect(lines(await compared(create, old, next)).sort()).toEqual([...expected].sort());
  });

  test.each(cases)("$name, the other way round", async ({ old, next, expect: expected }) => {
    const there = lines(await compared(create, next, old));
    const turned = { added: "removed", removed: "added" } as Record<string, string>;
    const back = expected.map((line) =>
      line.replace(/added|removed/, (word) => turned[word] ?? word),
    );
    expect(there.sort()).toEqual(back.sort());
  });
});

test.each(cases)("what is passed over for its entries goes the same way: $name", async (given) => {
  const sides = await sidesOf(createDataplane, given.old, given.next);
  const all = createDiff({ ...sides, isSame: () => false }).compare();
  expect(lines([...all]).sort()).toEqual([...given.expect].sort());
});

/** Outcomes are told from entries; the packet path and `explain` must say the same. */
describe.each(engines)("an outcome holds what explain finds ($engine)", ({ create }) => {
  test.each(cases)("$name", async ({ old, next }) => {
    const sides = await sidesOf(create, old, next);
    const flows = (await compared(create, old, next)).flatMap(({ dial, sources }) =>
      sources.map(({ saddr, local }) => {
        const { daddr, dport, proto } = dial;
        return { saddr, local, daddr, dport, proto };
      }),
    );
    expect(flows.length > 0 || [...dialsOf(sides.old, sides.next)].length === 0).toBe(true);
    for (const view of [sides.old, sides.next]) {
      for (const flow of flows) {
        const outcome = judge(view, flow);
        const {
          verdict,
          action,
          reason,
          service: owner,
          candidates,
          ...event
        } = explain(view.dataplane, flow);
        const targets = outcome.targets.map(({ endpoint: name }) => name).sort();
        expect({ flow, ...outcome, targets }).toMatchObject({
          flow,
          verdict,
          action,
          reason,
          service: owner,
          targets: candidates,
        });
        const taken = outcome.targets.find(({ endpoint: name }) => name === event.backend);
        expect(taken?.masquerade ?? null).toBe(event.masquerade ? event.after?.saddr : null);
      }
    }
  });
});

test("chance has no part in it: every seed finds the same", async () => {
  const old = [...base, service(NODE_PORT), slice([LOCAL, REMOTE, THIRD])];
  const next = [...base, service(NODE_PORT), slice(pair)];
  const found = [];
  for (const seed of [0, 1, 2, 3])
    found.push(
      (await compared(createDataplane, old, next, { seed })).map(({ differences }) => differences),
    );
  expect(new Set(found.map((one) => JSON.stringify(one))).size).toBe(1);
});

test("both engines find the same", async () => {
  const of = async (create: Create) => {
    const all: unknown[] = [];
    for (const { old, next } of cases)
      all.push(
        (await compared(create, old, next)).map(({ differences, flows }) => ({
          differences,
          flows,
        })),
      );
    return all;
  };
  expect(await of(createDataplane)).toEqual(await of(createModel));
});

test("pods told by their interface are dialling from it", async () => {
  const by = (bridgeInterface: string) =>
    config({ detectLocalMode: "BridgeInterface", detectLocal: { bridgeInterface } });
  const of = (bridge: string) => [node(), by(bridge), service(), slice(pair)];
  const all = await compared(createDataplane, of("cni0"), of("cbr0"));
  expect(lines(all)).toEqual([
    "10.96.0.10:80/tcp pods behind cni0: masquerade",
    "10.96.0.10:80/tcp pods behind cbr0: masquerade",
  ]);
});

test("addresses of the node that fare alike are judged once and counted each", async () => {
  const addresses = ["192.168.0.2", "192.168.0.3", "192.168.0.4"].map((address) => ({
    type: "InternalIP",
    address,
  }));
  const old = [node({ addresses }), config(), service(NODE_PORT), slice(pair)];
  const next = [node({ addresses }), config(), service(NODE_PORT), slice([LOCAL])];
  const all = await compared(createDataplane, old, next);
  const nodePort = all.find(({ dial }) => dial.daddr === "192.168.0.2");
  expect(nodePort?.dial.addresses).toEqual(["192.168.0.2", "192.168.0.3", "192.168.0.4"]);
  expect(nodePort?.flows).toBe(9);
});

test("an external IP that is the node's own goes before the nodePort of the same number", async () => {
  const own = service(
    {
      clusterIP: "10.96.0.11",
      externalIPs: ["192.168.0.2"],
      ports: [{ name: "http", port: 30080 }],
    },
    { name: "own" },
  );
  const old = [...base, service(NODE_PORT), slice(pair)];
  const all = await compared(createDataplane, old, [...old, own]);
  const at = all.filter(({ dial }) => dial.daddr === "192.168.0.2" && dial.dport === 30080);
  expect(at).toHaveLength(1);
  expect(
    at[0]?.differences.map(({ old: before, new: after }) => [
      before.service,
      after.service,
      after.reason,
    ]),
  ).toEqual(Array(3).fill(["demo/web:http", "demo/own:http", "no-endpoints"]));
});

test("an endpoint that cannot be masqueraded to is told whichever chance takes", async () => {
  const network = {
    addresses: [
      {
        ifname: "eth0",
        addr_info: [{ family: "inet", local: "192.168.0.2", prefixlen: 24, scope: "global" }],
      },
    ],
    routes: [{ dst: "10.244.1.0/24", dev: "eth0", prefsrc: "192.168.0.2" }],
  };
  const objects = [...base, service(NODE_PORT), slice(pair)];
  const all = await compared(
    createDataplane,
    objects,
    [...base, service(NODE_PORT), slice([REMOTE])],
    { network },
  );
  const outside = all
    .find(({ dial }) => dial.daddr === "192.168.0.2")
    ?.differences.find(({ source }) => source.kind === "outside");
  expect(outside?.old.targets).toEqual([
    { endpoint: "10.244.1.5:8080", masquerade: "192.168.0.2" },
    { endpoint: "10.244.2.5:8080", masquerade: "" },
  ]);
  expect(outside?.old.verdict).toBe("PASS");
  expect(outside?.new).toMatchObject({ verdict: "DROP", reason: "no-masquerade-address" });
});
