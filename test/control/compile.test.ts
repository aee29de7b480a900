import { describe, expect, test } from "vitest";
import {
  config,
  DRAINING,
  desired,
  endpoint,
  frontend,
  LOCAL,
  NODE,
  node,
  REMOTE,
  ring,
  service,
  slice,
} from "./objects.ts";

const NODE_PORT = { type: "NodePort", ports: [{ name: "http", port: 80, nodePort: 30080 }] };
const BALANCER = { type: "LoadBalancer", ports: [{ name: "http", port: 80, nodePort: 30080 }] };
const VIPS = [{ ip: "1.2.3.4" }];
const REJECT = { action: "reject", reason: "no-endpoints" };
const DROP = { action: "drop", reason: "no-local-endpoints" };
const dnat = (name: string, masquerade: boolean) => ({ action: "dnat", ring: name, masquerade });
const all = (route: unknown) => ({ pod: route, local: route, other: route });

describe("which objects count", () => {
  const base = [node(), config()];
  test.each([
    { name: "headless Services do not", given: service({ clusterIP: "None" }) },
    {
      name: "ExternalName Services do not, even with a cluster IP",
      given: service({ type: "ExternalName" }),
    },
    { name: "Services without a cluster IP do not", given: service({ clusterIP: "" }) },
    {
      name: "Services of another proxy do not",
      given: service({}, { labels: { "service.kubernetes.io/service-proxy-name": "" } }),
    },
  ])("$name", ({ given }) => {
    expect(desired([...base, given]).servicePorts).toEqual([]);
  });

  test("a Service that was never given a cluster IP is told", () => {
    expect(desired([...base, service({ clusterIP: null })]).warnings).toContain(
      "demo/web: has no clusterIP and is not served",
    );
  });

  test("slices of another proxy, headless ones and those without the label give nothing", () => {
    const name = { "kubernetes.io/service-name": "web" };
    const slices = [
      {},
      { ...name, "service.kubernetes.io/headless": "" },
      { ...name, "service.kubernetes.io/service-proxy-name": "x" },
    ].map((labels, index) =>
      slice([LOCAL], { metadata: { name: `s${index}`, namespace: "demo", labels } }),
    );
    expect(ring(desired([...base, service(), ...slices]), "cluster")).toEqual([]);
  });

  test("endpoints are joined by port name and protocol; ports without a number are ignored", () => {
    const ports = [
      { name: "http", port: 8080, protocol: "UDP" },
      { name: "other", port: 1 },
      { port: 2 },
    ];
    const result = desired([...base, service(), slice([LOCAL], { ports })]);
    expect(ring(result, "cluster")).toEqual([]);
    expect(
      ring(
        desired([...base, service(), slice([LOCAL], { ports: [{ name: "http", port: 0 }] })]),
        "cluster",
      ),
    ).toEqual([]);
  });

  test("endpoints are sorted as text, spelled canonically, and only their first address counts", () => {
    const given = slice([endpoint("10.0.1.1"), { addresses: ["10.0.001.010", "10.0.1.99"] }], {
      ports: [{ name: "http", port: 80 }],
    });
    expect(ring(desired([...base, service(), given]), "cluster")).toEqual([
      "10.0.1.10:80",
      "10.0.1.1:80",
    ]);
  });

  test("of two endpoints with one name a local one wins, else the first", () => {
    const other = (nodeName: string, name: string, fields = {}) =>
      slice([endpoint("10.0.0.1", { nodeName, ...fields })], {
        metadata: { name, namespace: "demo", labels: { "kubernetes.io/service-name": "web" } },
      });
    const policy = { internalTrafficPolicy: "Local" };
    for (const order of [
      ["node-b", NODE],
      [NODE, "node-b"],
    ]) {
      const slices = order.map((nodeName, index) => other(nodeName, `s${index}`));
      expect(ring(desired([...base, service(policy), ...slices]), "local")).toEqual([
        "10.0.0.1:8080",
      ]);
    }
    const first = desired([
      ...base,
      service(),
      other("b", "s1"),
      other("c", "s2", { conditions: { ready: false } }),
    ]);
    expect(ring(first, "cluster")).toEqual(["10.0.0.1:8080"]);
  });

  test("a vip that two service ports claim belongs to the first by name, and that is told", () => {
    const rival = service(
      { clusterIP: "10.96.0.11", externalIPs: ["10.96.0.10"] },
      { name: "zeta" },
    );
    const result = desired([...base, rival, service()]);
    expect(
      result.servicePorts.map((port) => [
        port.name,
        port.frontends.map(({ frontend: kind }) => kind),
      ]),
    ).toEqual([
      ["demo/web:http", ["cluster-ip"]],
      ["demo/zeta:http", ["cluster-ip"]],
    ]);
    expect(result.warnings).toContain(
      "demo/zeta:http: 10.96.0.10 port 80/tcp (external-ip) belongs to demo/web:http already",
    );
  });

  test("a dual-stack Service has a service port per family", () => {
    const given = service({
      clusterIPs: ["10.96.0.10", "fd00:96::a"],
      ipFamilies: ["IPv4", "IPv6"],
    });
    const six = slice([endpoint("FD00:10::0005")], {
      addressType: "IPv6",
      metadata: {
        name: "web-6",
        namespace: "demo",
        labels: { "kubernetes.io/service-name": "web" },
      },
    });
    const { servicePorts } = desired([...base, given, slice([LOCAL]), six]);
    expect(
      servicePorts.map(({ family, endpoints }) => [family, endpoints.map(({ name }) => name)]),
    ).toEqual([
      ["ipv4", ["10.244.1.5:8080"]],
      ["ipv6", ["[fd00:10::5]:8080"]],
    ]);
  });

  test("load balancer entries of ipMode Proxy and those with only a host name are no frontends", () => {
    const ingress = [
      { ip: "1.2.3.4", ipMode: "Proxy" },
      { hostname: "lb.example" },
      { ip: "5.6.7.8", ipMode: "VIP" },
    ];
    const { servicePorts } = desired([...base, service({ type: "LoadBalancer" }, { ingress })]);
    expect(servicePorts[0]?.frontends.map(({ vip }) => vip.address)).toEqual([
      "10.96.0.10",
      "5.6.7.8",
    ]);
  });
});

describe("routes", () => {
  const detector = [node(), config()];
  const blind = [node(), config({})];
  const forAll = [
    node(),
    config({ clusterCIDR: "10.244.0.0/16", iptables: { masqueradeAll: true } }),
  ];
  const etp = { ...NODE_PORT, externalTrafficPolicy: "Local" };
  const itp = { internalTrafficPolicy: "Local" };
  test.each([
    {
      name: "clusterIP: all but pods are masqueraded",
      given: [...detector, service(), slice([REMOTE])],
      kind: "cluster-ip",
      routes: {
        pod: dnat("cluster", false),
        local: dnat("cluster", true),
        other: dnat("cluster", true),
      },
    },
    {
      name: "clusterIP without a detector: nobody is masqueraded",
      given: [...blind, service(), slice([REMOTE])],
      kind: "cluster-ip",
      routes: all(dnat("cluster", false)),
    },
    {
      name: "clusterIP with masqueradeAll: everybody is",
      given: [...forAll, service(), slice([REMOTE])],
      kind: "cluster-ip",
      routes: all(dnat("cluster", true)),
    },
    {
      name: "clusterIP without endpoints: rejected",
      given: [...detector, service()],
      kind: "cluster-ip",
      routes: all(REJECT),
    },
    {
      name: "clusterIP under a local policy: endpoints of this node",
      given: [...detector, service(itp), slice([LOCAL, REMOTE])],
      kind: "cluster-ip",
      routes: { pod: dnat("local", false), local: dnat("local", true), other: dnat("local", true) },
    },
    {
      name: "clusterIP under a local policy without such: dropped",
      given: [...detector, service(itp), slice([REMOTE])],
      kind: "cluster-ip",
      routes: all(DROP),
    },
    {
      name: "clusterIP under a local policy without any endpoint: rejected",
      given: [...detector, service(itp)],
      kind: "cluster-ip",
      routes: all(REJECT),
    },
    {
      name: "nodePort: always masqueraded",
      given: [...detector, service(NODE_PORT), slice([REMOTE])],
      kind: "node-port",
      routes: all(dnat("cluster", true)),
    },
    {
      name: "nodePort without endpoints: rejected for every class",
      given: [...detector, service(NODE_PORT)],
      kind: "node-port",
      routes: all(REJECT),
    },
    {
      name: "nodePort under a local policy: strangers stay here, pods and the node do not",
      given: [...detector, service(etp), slice([LOCAL, REMOTE])],
      kind: "node-port",
      routes: {
        pod: dnat("cluster", false),
        local: dnat("cluster", true),
        other: dnat("local", false),
      },
    },
    {
      name: "nodePort under a local policy without local endpoints: strangers are dropped",
      given: [...detector, service(etp), slice([REMOTE])],
      kind: "node-port",
      routes: { pod: dnat("cluster", false), local: dnat("cluster", true), other: DROP },
    },
    {
      name: "nodePort under a local policy without a detector: pods are strangers",
      given: [...blind, service(etp), slice([LOCAL, REMOTE])],
      kind: "node-port",
      routes: {
        pod: dnat("local", false),
        local: dnat("cluster", true),
        other: dnat("local", false),
      },
    },
    {
      name: "external IP of a ClusterIP Service: its external policy counts",
      given: [
        ...detector,
        service({ externalIPs: ["203.0.113.7"], externalTrafficPolicy: "Local" }),
        slice([REMOTE]),
      ],
      kind: "external-ip",
      routes: { pod: dnat("cluster", false), local: dnat("cluster", true), other: DROP },
    },
    {
      name: "both policies local with only remote endpoints: the node's short cut stays",
      given: [...detector, service({ ...etp, ...itp }), slice([REMOTE])],
      kind: "node-port",
      routes: { pod: dnat("cluster", false), local: dnat("cluster", true), other: DROP },
    },
  ] as const)("$name", ({ given, kind, routes }) => {
    expect(frontend(desired([...given]), kind).routes).toEqual(routes);
  });

  test("a local endpoint that drains beats a remote one that is ready, under a local policy", () => {
    const draining = { ...LOCAL, conditions: DRAINING };
    const result = desired([...detector, service(etp), slice([draining, REMOTE])]);
    expect(ring(result, "local")).toEqual(["10.244.1.5:8080"]);
    expect(ring(result, "cluster")).toEqual(["10.244.2.5:8080"]);
  });

  test("hints name zones of the node's label", () => {
    const hinted = (address: string, zone: string) =>
      endpoint(address, { hints: { forZones: [{ name: zone }] } });
    const objects = [
      config(),
      service(),
      slice([hinted("10.0.0.1", "a"), hinted("10.0.0.2", "b")]),
    ];
    const zoned = (zone: string) => node({ labels: { "topology.kubernetes.io/zone": zone } });
    expect(ring(desired([zoned("b"), ...objects]), "cluster")).toEqual(["10.0.0.2:8080"]);
    expect(ring(desired([zoned("c"), ...objects]), "cluster")).toHaveLength(2);
  });
});

describe("source ranges", () => {
  const ranges = (texts: string[], more: unknown[] = [slice([REMOTE])], spec = {}) =>
    desired([
      node(),
      config(),
      service({ ...BALANCER, loadBalancerSourceRanges: texts, ...spec }, { ingress: VIPS }),
      ...more,
    ]);

  test("they are merged, ascending and trimmed, and hold for the load balancer's address only", () => {
    const result = ranges(["10.0.1.0/24 ", " 10.0.0.0/24", "10.0.0.128/25", "9.9.9.9/32"]);
    expect(frontend(result, "load-balancer").sourceRanges).toEqual([
      { first: "9.9.9.9", last: "9.9.9.9" },
      { first: "10.0.0.0", last: "10.0.1.255" },
    ]);
    expect(frontend(result, "cluster-ip").sourceRanges).toBeNull();
    expect(frontend(result, "node-port").sourceRanges).toBeNull();
  });

  test("a range that holds the node lets the Service's own addresses in", () => {
    expect(frontend(ranges(["192.168.0.0/24"]), "load-balancer").sourceRanges).toContainEqual({
      first: "1.2.3.4",
      last: "1.2.3.4",
    });
  });

  test("ranges of the other family only, or no endpoints, restrict nobody", () => {
    expect(frontend(ranges(["fd00::/8"]), "load-balancer").sourceRanges).toBeNull();
    const dead = frontend(ranges(["10.0.0.0/8"], []), "load-balancer");
    expect([dead.sourceRanges, dead.routes]).toEqual([null, all(REJECT)]);
  });
});

describe("affinity", () => {
  test.each([
    { name: "none", spec: {}, affinity: 0 },
    {
      name: "three hours unless it says otherwise",
      spec: { sessionAffinity: "ClientIP" },
      affinity: 10_800_000,
    },
    {
      name: "as many seconds as it says",
      spec: {
        sessionAffinity: "ClientIP",
        sessionAffinityConfig: { clientIP: { timeoutSeconds: 7 } },
      },
      affinity: 7000,
    },
  ])("$name", ({ spec, affinity }) => {
    expect(desired([node(), service(spec)]).servicePorts[0]?.affinity).toBe(affinity);
  });
});
