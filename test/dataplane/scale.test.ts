/** Ten thousand Services: what one change costs is one Service's entries. */
import { describe, expect, it } from "vitest";
import { createDataplane, createModel, parseObjects } from "../../src/index.ts";

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

/** The Service numbered `changed` has another endpoint than the rest of its kind. */
function cluster(changed?: number) {
  const objects = Array.from({ length: SERVICES }, (_, index) => [
    service(index),
    slice(index, [address(index === changed ? 200 : 128, index), address(160, index)]),
  ]);
  return parseObjects(objects.flat());
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
