/** Ten thousand Services: what one change costs is one Service's entries. */
import { describe, expect, it } from "vitest";
import { createReconciler } from "../../src/control/reconcile.ts";
import {
  createDataplane,
  createModel,
  createObjectStore,
  type ObjectSet,
  parseObjects,
} from "../../src/index.ts";

const SERVICES = 10_000;

function address(first: number, index: number): string {
  return `10.${first}.${index >>> 8}.${index & 255}`;
}

function service(index: number): unknown {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { namespace: "scale", name: `s${index}` },
    spec: { clusterIP: address(96, index + 1), ports: [{ name: "http", port: 80 }] },
  };
}

function slice(index: number, endpoints: readonly string[]): unknown {
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      namespace: "scale",
      name: `s${index}-1`,
      labels: { "kubernetes.io/service-name": `s${index}` },
    },
    addressType: "IPv4",
    endpoints: endpoints.map((each) => ({ addresses: [each] })),
    ports: [{ name: "http", port: 8080 }],
  };
}

function endpointsOf(index: number, isChanged = false): string[] {
  return [address(isChanged ? 200 : 128, index), address(160, index)];
}

/** The Service numbered `changed` has another endpoint than the rest of its kind. */
function objects(changed?: number): unknown[] {
  return Array.from({ length: SERVICES }, (_, index) => [
    service(index),
    slice(index, endpointsOf(index, index === changed)),
  ]).flat();
}

function cluster(changed?: number): ObjectSet {
  return parseObjects(objects(changed));
}

/** Milliseconds. */
function timed(run: () => void): number {
  const start = performance.now();
  run();
  return performance.now() - start;
}

/** Of a node on which every backend has connections. */
function busyReconciler() {
  const reconciler = createReconciler();
  const asked = new Set<number>();
  const connections = (backend: number) => asked.add(backend).size;
  const apply = (set: ObjectSet) => {
    const plan = reconciler.plan(set, { connections });
    plan.commit();
    return plan.transaction;
  };
  return { apply, asked };
}

function median(times: readonly number[]): number {
  return [...times].sort((a, b) => a - b)[times.length >> 1] as number;
}

describe.each(Object.entries({ wasm: createDataplane, model: createModel }))(
  "10,000 Services in the %s dataplane",
  (_, create) => {
    it("come back as an empty transaction, and one endpoint as its own Service's entries", async () => {
      const dataplane = await create();
      expect(dataplane.apply(cluster()).operations.length).toBeGreaterThan(4 * SERVICES);
      expect(dataplane.maps.backends.length).toBe(2 * SERVICES);

      const again = dataplane.apply(cluster());
      expect(String(again)).toBe("");
      expect(again.empty).toBe(true);

      const { operations } = dataplane.apply(cluster(1234));
      expect(operations.map(({ op, map, label }) => [op, map, label])).toEqual([
        ["update", "backends", "10.200.4.210:8080 of scale/s1234:http"],
        ["update", "rings", "of scale/s1234:http"],
        ["update", "endpoints", ""],
        ["delete", "endpoints", ""],
        ["delete", "backends", "10.128.4.210:8080 of scale/s1234:http"],
      ]);
    });
  },
);

describe("10,000 Services in a store", () => {
  it("cost what changes: one endpoint, or nothing, less than a hundredth of the first apply", async () => {
    const dataplane = await createDataplane();
    const store = createObjectStore(objects());
    const first = timed(() => dataplane.apply(store));
    const changes = Array.from({ length: 41 }, (_, round) =>
      timed(() => {
        store.update(slice(round, endpointsOf(round, true)));
        expect(dataplane.apply(store).operations).toHaveLength(5);
      }),
    );
    const idle = Array.from({ length: 41 }, () => timed(() => dataplane.apply(store)));
    expect(median(changes)).toBeLessThan(first / 100);
    expect(median(idle)).toBeLessThan(first / 100);
  });

  it("whose former endpoints have connections are asked for those alone", () => {
    const { apply, asked } = busyReconciler();
    const store = createObjectStore(objects());
    apply(store);
    const all = Array.from({ length: 100 }, (_, index) => slice(index, endpointsOf(index, true)));
    store.update({ apiVersion: "v1", kind: "List", items: all });
    expect(apply(store).operations.filter(({ op }) => op === "delete")).toHaveLength(100);
    asked.clear();
    expect(apply(store).empty).toBe(true);
    expect(asked.size).toBe(100);
  });

  it("that all claim one vip are sorted out in no time, whoever comes and goes", () => {
    const rivals = (indexes: readonly number[]) =>
      indexes.map((index) => ({
        ...(service(index) as object),
        spec: { clusterIP: "10.96.0.1", ports: [{ name: "http", port: 80 }] },
      }));
    const everybody = Array.from({ length: SERVICES }, (_, index) => index);
    const { apply } = busyReconciler();
    const store = createObjectStore(rivals(everybody));
    const time = timed(() => {
      expect(apply(store).warnings.length).toBeGreaterThan(SERVICES - 2);
      for (const index of [0, 1, 5_000]) {
        store.delete(rivals([index])[0]);
        expect(apply(store).operations.length).toBeLessThan(4);
      }
      store.replace(rivals([1, 2]));
      expect(apply(store).warnings.filter((text) => text.includes("belongs to"))).toHaveLength(1);
    });
    expect(time).toBeLessThan(20_000);
  });
});
