import type { Node as ApiNode, Service as ApiService } from "kubernetes-types/core/v1.js";
import type { EndpointSlice as ApiEndpointSlice } from "kubernetes-types/discovery/v1.js";
import { describe, expect, expectTypeOf, test } from "vitest";
import {
  type EndpointSlice,
  type Node,
  parseManifests,
  parseObjects,
  type Service,
} from "../../src/control/kubernetes.ts";
import {
  config,
  endpoint,
  LOCAL,
  messageOf,
  node,
  problemsOf,
  service,
  slice,
  WEB,
} from "./objects.ts";

test("objects of the Kubernetes API have the types that are read", () => {
  expectTypeOf<ApiService>().toExtend<Service>();
  expectTypeOf<ApiEndpointSlice>().toExtend<EndpointSlice>();
  expectTypeOf<ApiNode>().toExtend<Node>();
});

describe("reading", () => {
  test("a YAML text holds any number of documents, empty ones too", () => {
    const { services, nodes, skipped } = parseManifests(
      `# nothing\n---\n${WEB}---\n---\napiVersion: v1\nkind: Node\nmetadata: {name: a}\n`,
    );
    expect(services.map(({ namespace, name, origin }) => ({ namespace, name, origin }))).toEqual([
      { namespace: "default", name: "web", origin: { file: "", line: 3 } },
    ]);
    expect(nodes).toHaveLength(1);
    expect(skipped.size).toBe(0);
  });

  test("a List is opened, a typed list gives its items their kind, and lists may hold lists", () => {
    const inner = {
      apiVersion: "v1",
      kind: "ServiceList",
      items: [{ metadata: { name: "a" }, spec: { ports: [{ port: 1 }] } }],
    };
    const { services } = parseObjects([
      { apiVersion: "v1", kind: "List", items: [inner, service()] },
    ]);
    expect(services.map(({ name }) => name)).toEqual(["a", "web"]);
  });

  test("lists within too many lists are refused", () => {
    let list: unknown = { apiVersion: "v1", kind: "List", items: [] };
    for (let depth = 0; depth < 20; depth += 1)
      list = { apiVersion: "v1", kind: "List", items: [list] };
    expect(problemsOf(() => parseObjects([list]))[0]?.message).toContain(
      "within more than 8 lists",
    );
  });

  test("JSON is read with the places of its objects", () => {
    const text = JSON.stringify(
      { apiVersion: "v1", kind: "List", items: [service(), node(), slice([LOCAL]), config()] },
      null,
      1,
    );
    const set = parseManifests([{ file: "all.json", text }]);
    expect(set.services[0]?.origin).toEqual({ file: "all.json", line: 5 });
    expect(set.nodes).toHaveLength(1);
    expect(set.endpointSlices).toHaveLength(1);
    expect(set.config?.object.clusterCIDR).toBe("10.244.0.0/16,fd00:10::/32");
  });

  test("other kinds are counted, and ours of another group under their full name", () => {
    const { skipped } = parseManifests(
      "kind: Deployment\napiVersion: apps/v1\n---\nkind: Deployment\napiVersion: apps/v1\n---\nkind: Service\napiVersion: serving.knative.dev/v1\n",
    );
    expect([...skipped]).toEqual([
      ["Deployment", 2],
      ["serving.knative.dev/v1 Service", 1],
    ]);
  });

  test("v1beta1 slices, nulls as kubectl prints them and a byte order mark are taken", () => {
    const text =
      "\uFEFFapiVersion: discovery.k8s.io/v1beta1\nkind: EndpointSlice\nmetadata: {name: a}\naddressType: IPv4\nendpoints: null\nports: null\n";
    expect(parseManifests(text).endpointSlices).toHaveLength(1);
  });

  test("anchors and merge keys are opened", () => {
    const text = WEB.replace("port: 80", "<<: &p {port: 80, protocol: UDP}");
    expect(parseManifests(text).services[0]?.object.spec?.ports).toEqual([
      expect.objectContaining({ name: "http", port: 80, protocol: "UDP" }),
    ]);
  });

  test("an object that is there twice is refused with both places", () => {
    expect(messageOf(`${WEB}---\n${WEB}`)).toBe(
      "web.yaml:11:1: Service default/web: is in the input twice; the first one is at web.yaml:1; keep one of them",
    );
  });

  test("leading zeros of stored objects are decimal and legal", () => {
    const given = service({
      clusterIP: "010.096.000.010",
      loadBalancerSourceRanges: [" 203.0.113.000/025 "],
    });
    expect(parseObjects([given, slice([endpoint("10.244.001.08")])]).services).toHaveLength(1);
  });
});
