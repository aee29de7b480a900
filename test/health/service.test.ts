/** Health answers for Services, byte for byte as kube-proxy's handler writes them. */
import { describe, expect, test } from "vitest";
import { parseObjects } from "../../src/control/kubernetes.ts";
import { serviceHealth } from "../../src/health/service.ts";
import {
  config,
  DRAINING,
  endpoint,
  LOCAL,
  NODE,
  problemsOf,
  REMOTE,
  service,
  slice,
} from "../control/objects.ts";
import { BALANCED, DUAL, healthOf, here, named, port } from "./scene.ts";

describe("a healthCheckNodePort", () => {
  test("answers 200 and the exact bytes while an endpoint is ready on the node", () => {
    expect(healthOf([service(BALANCED), slice([LOCAL, REMOTE])])).toEqual([
      {
        service: "demo/web",
        namespace: "demo",
        name: "web",
        family: "ipv4",
        port: 32000,
        addresses: ["0.0.0.0"],
        localEndpoints: 1,
        status: 200,
        headers: {
          "Content-Type": "application/json",
          "X-Content-Type-Options": "nosniff",
          "X-Load-Balancing-Endpoint-Weight": "1",
        },
        body:
          '{\n\t"service": {\n\t\t"namespace": "demo",\n\t\t"name": "web"\n\t},\n' +
          '\t"localEndpoints": 1,\n\t"serviceProxyHealthy": true\n}',
      },
    ]);
  });

  test("answers 503 for an unhealthy proxy, and still tells how many endpoints there are", () => {
    const [health] = healthOf([service(BALANCED), slice([LOCAL])], { proxyHealthy: false });
    expect(health).toMatchObject({ status: 503, localEndpoints: 1 });
    expect(health?.headers["X-Load-Balancing-Endpoint-Weight"]).toBe("1");
    expect(health?.body).toBe(
      '{\n\t"service": {\n\t\t"namespace": "demo",\n\t\t"name": "web"\n\t},\n' +
        '\t"localEndpoints": 1,\n\t"serviceProxyHealthy": false\n}',
    );
  });

  test.each([
    { name: "no slice at all", slices: [], expected: 0 },
    { name: "an endpoint of another node", slices: [slice([REMOTE])], expected: 0 },
    { name: "an endpoint of no node", slices: [slice([endpoint("10.244.1.5")])], expected: 0 },
    {
      name: "terminating endpoints only, though they still serve",
      slices: [slice([here("10.244.1.5", { conditions: DRAINING })])],
      expected: 0,
    },
    {
      name: "an endpoint that is ready while it terminates (publishNotReadyAddresses)",
      slices: [slice([here("10.244.1.5", { conditions: { ready: true, terminating: true } })])],
      expected: 1,
    },
    {
      name: "an endpoint that is not ready beside one that is",
      slices: [slice([here("10.244.1.5", { conditions: { ready: false } }), here("10.244.1.6")])],
      expected: 1,
    },
    {
      name: "an address behind several ports, counted once",
      slices: [
        slice([here("10.244.1.5"), here("10.244.1.6")], {
          ports: [port("http"), port("https", 8443), port("dns", 53, "UDP")],
        }),
      ],
      expected: 2,
    },
    {
      name: "an address in several slices, counted once",
      slices: [slice([LOCAL]), slice([LOCAL], named("web-2"))],
      expected: 1,
    },
    {
      name: "the second address of an endpoint, which nobody reads",
      slices: [slice([{ addresses: ["10.244.1.5", "10.244.1.6"], nodeName: NODE }])],
      expected: 1,
    },
    {
      name: "one address in two spellings",
      slices: [slice([here("10.244.1.5"), here("10.244.001.005")])],
      expected: 1,
    },
    {
      name: "a port that only the slice has",
      slices: [slice([LOCAL], { ports: [port("metrics", 9090)] })],
      expected: 1,
    },
    {
      name: "slices whose ports and endpoints all differ",
      slices: [
        slice([LOCAL]),
        slice([here("10.244.1.6")], { ...named("web-2"), ports: [port("https", 8443)] }),
      ],
      expected: 2,
    },
    {
      name: "an address behind one port with two numbers, counted once",
      slices: [slice([LOCAL]), slice([LOCAL], { ...named("web-2"), ports: [port("http", 9999)] })],
      expected: 1,
    },
    {
      name: "ready behind the one port whose number the later slice changed",
      slices: [
        slice([LOCAL], { ports: [port("https", 8443), port("http")] }),
        slice([here("10.244.1.5", { conditions: { ready: false } })], {
          ...named("web-2"),
          ports: [port("https", 9443), port("http")],
        }),
      ],
      expected: 1,
    },
    {
      name: "a port beside one without a number",
      slices: [slice([LOCAL], { ports: [port("http"), { name: "https" }] })],
      expected: 1,
    },
    { name: "a slice without ports", slices: [slice([LOCAL], { ports: [] })], expected: 0 },
    {
      name: "a port without a number",
      slices: [slice([LOCAL], { ports: [{ name: "http" }, { name: "zero", port: 0 }] })],
      expected: 0,
    },
    {
      name: "a slice of the other family, which the Service lacks",
      slices: [slice([here("fd00:10::5")], { addressType: "IPv6" })],
      expected: 0,
    },
    {
      name: "a slice that another proxy serves",
      slices: [
        slice([LOCAL], named("web-1", { "service.kubernetes.io/service-proxy-name": "mesh" })),
      ],
      expected: 0,
    },
    {
      name: "a headless slice",
      slices: [slice([LOCAL], named("web-1", { "service.kubernetes.io/headless": "" }))],
      expected: 0,
    },
    {
      name: "the slice of another Service",
      slices: [slice([LOCAL], named("web-1", { "kubernetes.io/service-name": "api" }))],
      expected: 0,
    },
    {
      name: "an endpoint told twice, the later time as not ready",
      slices: [
        slice([LOCAL]),
        slice([here("10.244.1.5", { conditions: { ready: false } })], named("web-2")),
      ],
      expected: 0,
    },
    {
      name: "the same under a number of its own: two endpoints, one of them ready",
      slices: [
        slice([LOCAL]),
        slice([here("10.244.1.5", { conditions: { ready: false } })], {
          ...named("web-2"),
          ports: [port("http", 9999)],
        }),
      ],
      expected: 1,
    },
    {
      name: "not ready behind the later slice's port, ready behind the earlier one's other port",
      slices: [
        slice([LOCAL], { ports: [port("http"), port("https", 8443)] }),
        slice([here("10.244.1.5", { conditions: { ready: false } })], named("web-2")),
      ],
      expected: 1,
    },
  ])("counts $expected for $name", ({ slices, expected }) => {
    const [health] = healthOf([service(BALANCED), ...slices]);
    expect(health).toMatchObject({
      localEndpoints: expected,
      status: expected === 0 ? 503 : 200,
    });
    expect(JSON.parse(health?.body ?? "")).toEqual({
      service: { namespace: "demo", name: "web" },
      localEndpoints: expected,
      serviceProxyHealthy: true,
    });
  });

  test("is each node's own: its neighbour counts other endpoints", () => {
    const objects = [service(BALANCED), slice([LOCAL, REMOTE, endpoint("10.244.2.6")])];
    expect(healthOf(objects, {}, "node-b")[0]).toMatchObject({ localEndpoints: 1, status: 200 });
    expect(healthOf(objects, {}, "node-c")[0]).toMatchObject({ localEndpoints: 0, status: 503 });
    expect(healthOf(objects, {}, "")[0]).toMatchObject({ localEndpoints: 0, status: 503 });
  });

  test("takes the node from hostnameOverride when nobody names one", () => {
    const objects = [config({ hostnameOverride: NODE }), service(BALANCED), slice([LOCAL])];
    expect(serviceHealth(parseObjects(objects))[0]).toMatchObject({ localEndpoints: 1 });
  });

  test("answers for each family of a dual-stack Service apart", () => {
    const six = { ...named("web-6"), addressType: "IPv6" };
    const health = healthOf([
      service(DUAL),
      slice([LOCAL, here("10.244.1.6")]),
      slice([endpoint("fd00:10::5", { nodeName: "node-b" })], six),
    ]);
    expect(
      health.map(({ family, addresses, localEndpoints, status }) => [
        family,
        addresses,
        localEndpoints,
        status,
      ]),
    ).toEqual([
      ["ipv4", ["0.0.0.0"], 2, 200],
      ["ipv6", ["::"], 0, 503],
    ]);
  });

  test("is answered for IPv6 alone when the Service has no other family", () => {
    const health = healthOf([
      service({ ...BALANCED, clusterIP: "fd00:96::10" }),
      slice([here("fd00:10::5"), here("fd00:10:0::5")], { addressType: "IPv6" }),
    ]);
    expect(health).toHaveLength(1);
    expect(health[0]).toMatchObject({ family: "ipv6", localEndpoints: 1, status: 200 });
  });

  test.each([
    { name: "of type NodePort", spec: { ...BALANCED, type: "NodePort" } },
    { name: "of type ClusterIP", spec: { ...BALANCED, type: "ClusterIP" } },
    { name: "of type ExternalName", spec: { ...BALANCED, type: "ExternalName" } },
    { name: "with policy Cluster", spec: { ...BALANCED, externalTrafficPolicy: "Cluster" } },
    { name: "without a policy", spec: { ...BALANCED, externalTrafficPolicy: null } },
    { name: "without the port", spec: { ...BALANCED, healthCheckNodePort: null } },
    { name: "with port 0", spec: { ...BALANCED, healthCheckNodePort: 0 } },
    { name: "without a cluster IP", spec: { ...BALANCED, clusterIP: null } },
    { name: "that is headless", spec: { ...BALANCED, clusterIP: "None" } },
  ])("is not served for a Service $name", ({ spec }) => {
    expect(healthOf([service(spec), slice([LOCAL])])).toEqual([]);
  });

  test.each(["service.kubernetes.io/service-proxy-name", "service.kubernetes.io/headless"])(
    "is not served for a Service with the label %s",
    (label) => {
      expect(healthOf([service(BALANCED, { labels: { [label]: "" } }), slice([LOCAL])])).toEqual(
        [],
      );
    },
  );
});

describe("what is refused", () => {
  test.each([
    [service({ ...BALANCED, healthCheckNodePort: 65536 }), "spec.healthCheckNodePort"],
    [service({ ...BALANCED, healthCheckNodePort: -1 }), "spec.healthCheckNodePort"],
    [service({ ...BALANCED, healthCheckNodePort: 1.5 }), "spec.healthCheckNodePort"],
    [service({ ...BALANCED, healthCheckNodePort: "32000" }), "spec.healthCheckNodePort"],
  ])("object %#", (object, path) => {
    const problems = problemsOf(() => parseObjects([object]));
    expect(problems.map((problem) => problem.path)).toEqual([path]);
    expect(problems[0]?.message).not.toContain("undefined");
  });

  const none = parseObjects([]);
  const call =
    (...values: unknown[]) =>
    () =>
      Reflect.apply(serviceHealth, undefined, values);
  test.each([
    ["no objects", call(undefined)],
    ["objects that were not parsed", call([])],
    ["a node that is no name", call(none, 7)],
    ["options that are none", call(none, NODE, null)],
    ["a health that is no boolean", call(none, NODE, { proxyHealthy: "yes" })],
    ["a network that is none", call(none, NODE, { network: { addresses: 1 } })],
  ])("%s", (_, act) => {
    expect(act).toThrow(expect.objectContaining({ code: "bad-option" }));
  });
});

describe("hostile objects", () => {
  test("names that are keys of every object are but names", () => {
    const label = { "kubernetes.io/service-name": "constructor" };
    const objects = [
      service(BALANCED, { name: "constructor" }),
      slice([LOCAL], {
        metadata: { name: "constructor", namespace: "demo", labels: label },
        ports: [port("constructor")],
      }),
    ];
    expect(healthOf(objects)[0]).toMatchObject({ service: "demo/constructor", localEndpoints: 1 });
  });

  test("a slice of very many ports and endpoints takes no product of both", () => {
    const ports = Array.from({ length: 20_000 }, (_, n) => port(`p${n}`, 1 + n));
    const endpoints = Array.from({ length: 20_000 }, (_, n) =>
      here(`10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`),
    );
    const objects = parseObjects([service(BALANCED), slice(endpoints, { ports })]);
    const start = performance.now();
    expect(serviceHealth(objects, NODE)[0]?.localEndpoints).toBe(20_000);
    expect(performance.now() - start).toBeLessThan(10_000);
  });
});
