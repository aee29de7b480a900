import { describe, expect, test } from "vitest";
import { parseObjects } from "../../src/control/kubernetes.ts";
import { createReconciler } from "../../src/control/reconcile.ts";
import { createObjectStore, type ObjectStore } from "../../src/control/store.ts";
import { createDataplane, serviceHealth } from "../../src/index.ts";
import {
  config,
  endpoint,
  LOCAL,
  NODE,
  node,
  problemsOf,
  REMOTE,
  service,
  slice,
} from "./objects.ts";

const IDLE = { connections: () => 0 };
const named = (name: string, clusterIP: string) => service({ clusterIP }, { name });
const deployment = (name: string) => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name, namespace: "demo" },
});
const namesOf = (set: { services: ObjectStore["services"] }) =>
  set.services.map(({ name }) => name);

function applying(store: ObjectStore) {
  const reconciler = createReconciler({ node: NODE });
  return () => {
    const plan = reconciler.plan(store, IDLE);
    plan.commit();
    return plan.transaction;
  };
}

describe("a store", () => {
  test("cannot be changed by way of its lists", () => {
    const store = createObjectStore([named("a", "10.96.0.1"), slice([endpoint("10.244.1.5")])]);
    for (const list of [store.services, store.endpointSlices, store.nodes]) {
      expect(() => (list as unknown[]).pop()).toThrow(TypeError);
    }
    expect(namesOf(store)).toEqual(["a"]);
  });

  test("takes a hole in a list for what it is", () => {
    expect(problemsOf(() => createObjectStore(new Array(1)))).toEqual([
      expect.objectContaining({ message: expect.stringContaining("must be an object") }),
    ]);
  });

  test("holds what it was given, in the order of names, whatever came first", () => {
    const store = createObjectStore([named("b", "10.96.0.2"), node(), config()]);
    store.update(named("c", "10.96.0.3"));
    store.update(named("a", "10.96.0.1"));
    store.delete(named("b", "10.96.0.2"));
    store.update(named("b", "10.96.0.2"));
    expect(namesOf(store)).toEqual(["a", "b", "c"]);
    expect(store.nodes.map(({ name }) => name)).toEqual([NODE]);
    expect(store.config?.object.clusterCIDR).toBe("10.244.0.0/16,fd00:10::/32");
  });

  test("says whether an object is news", () => {
    const store = createObjectStore();
    expect(store.update(service())).toBe(true);
    expect(store.update(service())).toBe(false);
    expect(store.update({ ...service(), unread: 1 })).toBe(false);
    expect(store.update(service({ externalIPs: ["203.0.113.1"] }))).toBe(true);
    expect(store.delete(service())).toBe(true);
    expect(store.delete(service())).toBe(false);
    expect(store.replace([service(), config()])).toBe(true);
    expect(store.replace([config(), service()])).toBe(false);
    expect(store.update(config({ clusterCIDR: "10.0.0.0/8" }))).toBe(true);
    expect(store.delete(config())).toBe(true);
    expect(store.config).toBeUndefined();
  });

  test("takes a field that changes place with an absent one for news", () => {
    const port = { port: 80 };
    const store = createObjectStore([service({ ports: [{ ...port, protocol: undefined }] })]);
    expect(store.update(service({ ports: [{ ...port, nodePort: 30_080 }] }))).toBe(true);
    expect(store.services[0]?.object.spec?.ports?.[0]?.nodePort).toBe(30_080);
  });

  test("copies objects: what their owner does to them afterwards is not seen", () => {
    const given = service({ clusterIP: "10.96.0.10" });
    const store = createObjectStore([given]);
    (given.spec as { clusterIP: string }).clusterIP = "10.96.0.99";
    expect(store.services[0]?.object.spec?.clusterIP).toBe("10.96.0.10");
    expect(store.update(given)).toBe(true);
    expect(store.services[0]?.object.spec?.clusterIP).toBe("10.96.0.99");
  });

  test("takes lists, as listing returns them", () => {
    const items = [named("a", "10.96.0.1"), named("b", "10.96.0.2")].map(
      ({ apiVersion: _, kind: __, ...item }) => item,
    );
    const store = createObjectStore([{ apiVersion: "v1", kind: "ServiceList", items }]);
    expect(namesOf(store)).toEqual(["a", "b"]);
    expect(store.delete({ apiVersion: "v1", kind: "ServiceList", items })).toBe(true);
    expect(namesOf(store)).toEqual([]);
  });

  test("gives way to a new listing of one kind, or of everything", () => {
    const store = createObjectStore([named("a", "10.96.0.1"), slice([LOCAL]), node()]);
    store.replace([named("b", "10.96.0.2")], "Service");
    expect(namesOf(store)).toEqual(["b"]);
    expect(store.endpointSlices).toHaveLength(1);
    store.replace([{ apiVersion: "v1", kind: "ServiceList", items: [] }], "Service");
    expect(namesOf(store)).toEqual([]);
    store.replace([named("c", "10.96.0.3")]);
    expect([store.services, store.endpointSlices, store.nodes].map(({ length }) => length)).toEqual(
      [1, 0, 0],
    );
  });

  test("counts objects of other kinds by name, and forgets them", () => {
    const store = createObjectStore([deployment("a"), deployment("b")]);
    expect(store.update(deployment("a"))).toBe(false);
    expect([...store.skipped]).toEqual([["Deployment", 2]]);
    const apply = applying(store);
    expect(apply().warnings).toContain("Deployment: 2 skipped");
    expect(store.delete(deployment("a"))).toBe(true);
    expect(apply().warnings).toContain("Deployment: 1 skipped");
  });

  test("tells of Services without a cluster IP for as long as they have none", () => {
    const store = createObjectStore([named("b", ""), named("a", "")]);
    const apply = applying(store);
    const pending = () => apply().warnings.filter((warning) => warning.includes("no clusterIP"));
    expect(pending()).toEqual([
      "demo/a: has no clusterIP and is not served",
      "demo/b: has no clusterIP and is not served",
    ]);
    store.update(named("a", "10.96.0.1"));
    store.delete(named("b", ""));
    expect(pending()).toEqual([]);
  });

  test("of which nothing changed, or nothing that matters, makes an empty transaction", () => {
    const store = createObjectStore([node(), config(), service(), slice([LOCAL])]);
    const apply = applying(store);
    expect(apply().empty).toBe(false);
    expect(apply().empty).toBe(true);
    store.update(service({ selector: { app: "web" } }));
    store.update({ ...node(), metadata: { name: "another" } });
    store.update(slice([REMOTE], { metadata: { name: "loose", namespace: "demo" } }));
    expect(apply().empty).toBe(true);
  });

  test("moves endpoints when the label of their slice does", () => {
    const labelled = (name: string) =>
      slice([LOCAL], {
        metadata: {
          name: "one",
          namespace: "demo",
          labels: { "kubernetes.io/service-name": name },
        },
      });
    const services = [named("a", "10.96.0.1"), named("b", "10.96.0.2")];
    const store = createObjectStore([node(), ...services, labelled("a")]);
    const apply = applying(store);
    apply();
    store.update(labelled("b"));
    expect(apply().operations.map(({ op, map, label }) => `${op} ${map} ${label}`)).toEqual([
      "update backends 10.244.1.5:8080 of demo/b:http",
      "update rings of demo/b:http",
      "update endpoints ",
      "update services demo/a:http",
      "update services demo/b:http",
      "delete rings of demo/a:http",
      "delete backends 10.244.1.5:8080 of demo/a:http",
    ]);
  });

  test("serves several dataplanes, and one that comes back after very many changes", () => {
    const store = createObjectStore([node(), service(), slice([LOCAL])]);
    const [first, second] = [applying(store), applying(store)];
    first();
    second();
    for (let round = 0; round < 33_000; round += 1)
      store.update(slice([endpoint(`10.0.${round & 1}.1`)]));
    expect(first().operations.length).toBeGreaterThan(0);
    expect(second().operations.length).toBeGreaterThan(0);
    expect(first().empty).toBe(true);
  });

  test("serves a dataplane that other objects were applied to in between", () => {
    const store = createObjectStore([node(), service(), slice([LOCAL])]);
    const reconciler = createReconciler({ node: NODE });
    const apply = (objects: Parameters<typeof reconciler.plan>[0]) => {
      const plan = reconciler.plan(objects, IDLE);
      plan.commit();
      return plan.transaction.operations.map(({ op, map }) => `${op} ${map}`);
    };
    apply(store);
    const others = parseObjects([node(), named("other", "10.96.0.77")]);
    expect(apply(others)).toContain("delete services");
    expect(apply(others)).toEqual([]);
    expect(apply(store)).toContain("delete services");
    expect(apply({ ...store })).toEqual([]);
  });
});

describe.each([
  ["a store", (given: unknown[]) => createObjectStore(given)],
  ["objects read anew", (given: unknown[]) => parseObjects(given)],
])("through %s", (_, setOf) => {
  const rest = [service({ externalIPs: ["203.0.113.1"] }), slice([LOCAL])];
  const changes = (before: unknown[], after: unknown[]) => {
    const reconciler = createReconciler({ node: NODE });
    reconciler.plan(setOf([...before, ...rest]), IDLE).commit();
    return reconciler
      .plan(setOf([...after, ...rest]), IDLE)
      .transaction.operations.map(({ op, map }) => `${op} ${map}`);
  };
  const at = (address: string) => node({ addresses: [{ type: "InternalIP", address }] });

  test("another address of the node reaches every endpoint", () => {
    expect(changes([at("192.168.0.2"), config()], [at("192.168.0.9"), config()])).toEqual([
      "update backends",
      "update interfaces",
      "update addresses",
      "delete addresses",
    ]);
  });

  test("another configuration reaches the frontends that it matters to", () => {
    const masqueradeAll = config({ iptables: { masqueradeAll: true } });
    expect(changes([at("192.168.0.2"), config()], [at("192.168.0.2"), masqueradeAll])).toEqual([
      "update config",
      "update services",
    ]);
  });

  test("equal nodes and configurations change nothing", () => {
    expect(changes([node(), config()], [node(), config()])).toEqual([]);
  });
});

test("a store is refused whole where it does not fit, and fits when it has shrunk", async () => {
  const capacity = { services: 4, frontends: 4, backends: 2, slots: 4 };
  const dataplane = await createDataplane({ node: NODE, capacity });
  const hosts = (length: number) =>
    slice(Array.from({ length }, (_, index) => endpoint(`10.244.1.${index + 1}`)));
  const store = createObjectStore([node(), service(), hosts(1)]);
  dataplane.apply(store);
  const backends = () => [...dataplane.maps.backends.entries()].map(([, { address }]) => address);
  store.update(hosts(3));
  expect(() => dataplane.apply(store)).toThrow("the objects need 3 backends");
  expect(() => dataplane.apply(store)).toThrow("the objects need 3 backends");
  expect(backends()).toEqual(["10.244.1.1"]);
  store.update(hosts(2));
  expect(dataplane.apply(store).operations).toHaveLength(3);
  expect(backends()).toEqual(["10.244.1.1", "10.244.1.2"]);
  expect(dataplane.apply(store).empty).toBe(true);
});

test("health is told of a store as of any set", () => {
  const balanced = service({
    type: "LoadBalancer",
    externalTrafficPolicy: "Local",
    healthCheckNodePort: 32_000,
  });
  const objects = [node(), balanced, slice([LOCAL, REMOTE])];
  const health = serviceHealth(createObjectStore(objects), NODE);
  expect(health).toEqual(serviceHealth(parseObjects(objects), NODE));
  expect(health[0]?.localEndpoints).toBe(1);
});

describe("what a store refuses", () => {
  const BAD = service({ ports: [{ name: "http", port: 70_000 }] });

  test("it tells as parseObjects does, and takes nothing of it", () => {
    const list = {
      apiVersion: "v1",
      kind: "List",
      items: [named("a", "10.96.0.1"), BAD, slice([])],
    };
    const expected = problemsOf(() => parseObjects([list]));
    expect(expected).toHaveLength(1);
    const store = createObjectStore([service()]);
    for (const refused of [
      () => store.update(list),
      () => store.replace([list]),
      () => createObjectStore([list]),
    ])
      expect(problemsOf(refused)).toEqual(expected);
    expect(namesOf(store)).toEqual(["web"]);
    expect(store.endpointSlices).toHaveLength(0);
  });

  test.each([
    ["a number", 7, "must be an object, not 7"],
    ["null", null, "must be an object, not null"],
    ["an object without a kind", { apiVersion: "v1" }, "has no kind"],
    ["an object without an apiVersion", { kind: "Service" }, "has no apiVersion"],
    ["a bookmark's object", { apiVersion: "v1", kind: "Service", metadata: {} }, "is required"],
    ["metadata that is a text", { apiVersion: "v1", kind: "Node", metadata: "x" }, "is required"],
  ])("%s, when it is deleted", (_, object, message) => {
    const store = createObjectStore([service()]);
    expect(problemsOf(() => store.delete(object))[0]?.message).toBe(message);
    expect(namesOf(store)).toEqual(["web"]);
  });

  test("an object that is in one list twice", () => {
    expect(problemsOf(() => createObjectStore([service(), service()]))[0]?.message).toContain(
      "is in the input twice",
    );
  });

  test("arguments that are none", () => {
    const store = createObjectStore();
    expect(() => createObjectStore({} as never)).toThrow(
      new TypeError("createObjectStore takes an array of objects"),
    );
    expect(() => store.replace("x" as never)).toThrow(
      new TypeError("replace takes an array of objects"),
    );
    expect(() => store.replace([], "Pod" as never)).toThrow(
      new TypeError(
        '"Pod" is no kind: it is one of Service, EndpointSlice, Node, KubeProxyConfiguration',
      ),
    );
  });
});
