/** Builders of the objects that the tests of the control plane talk about. */
import { type CompileOptions, compile } from "../../src/control/compile.ts";
import type { Desired, DesiredFrontend } from "../../src/control/desired.ts";
import { parseManifests, parseObjects } from "../../src/control/kubernetes.ts";
import { ManifestError, type Problem } from "../../src/control/problem.ts";
import type { Frontend } from "../../src/dataplane/entries.ts";

type Fields = Readonly<Record<string, unknown>>;

export const NODE = "node-a";

export function service(
  spec: Fields = {},
  options: { name?: string; ingress?: Fields[]; labels?: Record<string, string> } = {},
) {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: options.name ?? "web", namespace: "demo", labels: options.labels ?? {} },
    spec: {
      type: "ClusterIP",
      clusterIP: "10.96.0.10",
      ports: [{ name: "http", port: 80, protocol: "TCP" }],
      ...spec,
    },
    status: { loadBalancer: { ingress: options.ingress ?? [] } },
  };
}

export function slice(endpoints: Fields[], fields: Fields = {}) {
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name: "web-1", namespace: "demo", labels: { "kubernetes.io/service-name": "web" } },
    addressType: "IPv4",
    endpoints,
    ports: [{ name: "http", port: 8080, protocol: "TCP" }],
    ...fields,
  };
}

export function endpoint(address: string, fields: Fields = {}) {
  return { addresses: [address], ...fields };
}

export const LOCAL = endpoint("10.244.1.5", { nodeName: NODE });
export const REMOTE = endpoint("10.244.2.5", { nodeName: "node-b" });
export const DRAINING = { ready: false, serving: true, terminating: true };

export function node(fields: { spec?: Fields; labels?: Fields; addresses?: Fields[] } = {}) {
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name: NODE, labels: fields.labels ?? {} },
    spec: fields.spec ?? {},
    status: {
      addresses: fields.addresses ?? [
        { type: "InternalIP", address: "192.168.0.2" },
        { type: "InternalIP", address: "2001:db8::2" },
        { type: "ExternalIP", address: "203.0.113.9" },
        { type: "Hostname", address: NODE },
      ],
    },
  };
}

export function config(fields: Fields = { clusterCIDR: "10.244.0.0/16,fd00:10::/32" }) {
  return {
    apiVersion: "kubeproxy.config.k8s.io/v1alpha1",
    kind: "KubeProxyConfiguration",
    ...fields,
  };
}

export function desired(objects: unknown[], options: CompileOptions = {}): Desired {
  return compile(parseObjects(objects), { node: NODE, ...options });
}

/** The frontend of a kind; the test fails when there is none. */
export function frontend({ servicePorts }: Desired, kind: Frontend): DesiredFrontend {
  const found = servicePorts
    .flatMap(({ frontends }) => frontends)
    .find((candidate) => candidate.frontend === kind);
  if (!found) throw new Error(`no ${kind} frontend`);
  return found;
}

/** The endpoints in a ring of the only service port. */
export function ring({ servicePorts }: Desired, name: "cluster" | "local"): string[] {
  return (servicePorts[0]?.endpoints ?? [])
    .filter(({ rings }) => rings.includes(name))
    .map((member) => member.name);
}

/** The problems of an input that must be refused. */
export function problemsOf(read: () => unknown): readonly Problem[] {
  try {
    read();
  } catch (error) {
    if (error instanceof ManifestError) return error.problems;
    throw error;
  }
  throw new Error("the input was taken");
}

/** What is said of a text that must be refused. */
export function messageOf(text: string): string {
  try {
    parseManifests([{ file: "web.yaml", text }]);
  } catch (error) {
    if (error instanceof ManifestError) return error.message;
    throw error;
  }
  throw new Error("the input was taken");
}

/** A Service as a text. */
export const WEB = `apiVersion: v1
kind: Service
metadata:
  name: web
spec:
  clusterIP: 10.96.0.10
  ports:
  - name: http
    port: 80
`;
