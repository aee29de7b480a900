/** Changes through a store against the objects read anew: whatever came in between leaves no trace. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseObjects } from "../../src/control/kubernetes.ts";
import { createReconciler } from "../../src/control/reconcile.ts";
import { createObjectStore } from "../../src/control/store.ts";
import { config, endpoint, NODE, node, service, slice } from "./objects.ts";

interface Named {
  readonly kind: string;
  readonly metadata?: { readonly name?: string; readonly namespace?: string };
}

const name = fc.constantFrom("a", "b", "c", "d");

const port = (protocol: string) => ({ name: protocol.toLowerCase(), port: 80, protocol });
const serviceObject = fc
  .record({
    name,
    type: fc.constantFrom("ClusterIP", "NodePort", "LoadBalancer", "ExternalName"),
    clusterIP: fc.constantFrom("10.96.0.1", "10.96.0.2", "10.96.0.3", "fd00:20::1", ""),
    externalIPs: fc.subarray(["203.0.113.1", "203.0.113.2"]),
    ingress: fc.subarray(["203.0.113.1", "203.0.113.3"]),
    protocols: fc.subarray(["TCP", "UDP"], { minLength: 1 }),
    nodePort: fc.constantFrom(undefined, 30_001, 30_002),
    policy: fc.constantFrom("Cluster", "Local"),
    sessionAffinity: fc.constantFrom("None", "ClientIP"),
  })
  .map(({ name, ingress, protocols, nodePort, policy, ...spec }) =>
    service(
      {
        ...spec,
        externalTrafficPolicy: policy,
        ports: protocols.map((protocol, index) => ({
          ...port(protocol),
          nodePort: nodePort && nodePort + index,
        })),
      },
      { name, ingress: ingress.map((ip) => ({ ip })) },
    ),
  );

const sliceObject = fc
  .record({
    part: fc.constantFrom("1", "2"),
    name,
    hosts: fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 4 }),
    conditions: fc.constantFrom({}, {}, { ready: false, serving: true, terminating: true }),
    isIpv6: fc.boolean(),
  })
  .map(({ part, name, hosts, conditions, isIpv6 }) =>
    slice(
      hosts.map((host) =>
        endpoint(isIpv6 ? `fd00:10::${host}` : `10.244.1.${host}`, {
          conditions,
          nodeName: host % 2 ? NODE : "node-b",
        }),
      ),
      {
        addressType: isIpv6 ? "IPv6" : "IPv4",
        ports: [
          { name: "tcp", port: 8080, protocol: "TCP" },
          { name: "udp", port: 53, protocol: "UDP" },
        ],
        metadata: {
          name: `${name}-${part}`,
          namespace: "demo",
          labels: { "kubernetes.io/service-name": name },
        },
      },
    ),
  );

const otherObject = fc.oneof(
  fc
    .constantFrom("192.168.0.2", "192.168.0.3")
    .map((address) => node({ addresses: [{ type: "InternalIP", address }] })),
  fc.constantFrom("10.244.0.0/16", "10.0.0.0/8").map((clusterCIDR) => config({ clusterCIDR })),
  name.map((name) => ({ apiVersion: "v1", kind: "Pod", metadata: { name, namespace: "demo" } })),
);

const change = fc.record({
  isDelete: fc.boolean(),
  object: fc.oneof(
    { weight: 4, arbitrary: serviceObject as fc.Arbitrary<Named> },
    { weight: 4, arbitrary: sliceObject as fc.Arbitrary<Named> },
    { weight: 1, arbitrary: otherObject as fc.Arbitrary<Named> },
  ),
});

/** Changes between two applies, and what happens to the plan. */
const round = fc.record({
  changes: fc.array(change, { maxLength: 6 }),
  isCommitted: fc.boolean(),
  busy: fc.array(fc.integer({ min: 1, max: 8 }), { maxLength: 3 }),
});

const keyOf = ({ kind, metadata }: Named) =>
  `${kind} ${metadata?.namespace ?? ""}/${metadata?.name ?? ""}`;

describe.each(["random", "maglev"] as const)("with the %s scheduler", (scheduler) => {
  test("every plan is, to the number, the one for the same objects read anew", () => {
    fc.assert(
      fc.property(fc.array(round, { minLength: 1, maxLength: 8 }), (rounds) => {
        const [live, anew] = [
          createReconciler({ node: NODE, scheduler }),
          createReconciler({ node: NODE, scheduler }),
        ];
        const store = createObjectStore();
        const objects = new Map<string, Named>();
        for (const { changes, isCommitted, busy } of rounds) {
          for (const { isDelete, object } of changes) {
            if (isDelete) expect(store.delete(object)).toBe(objects.delete(keyOf(object)));
            else {
              store.update(object);
              objects.set(keyOf(object), object);
            }
          }
          const sorted = [...objects].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, each]) => each);
          const usage = { connections: (backend: number) => (busy.includes(backend) ? 1 : 0) };
          const [now, then] = [
            live.plan(store, usage),
            anew.plan({ ...parseObjects(sorted) }, usage),
          ];
          expect(now.transaction.operations).toEqual(then.transaction.operations);
          expect(now.transaction.warnings).toEqual(then.transaction.warnings);
          expect(now.retired).toEqual(then.retired);
          if (!isCommitted) continue;
          now.commit();
          then.commit();
        }
      }),
      { numRuns: 150 },
    );
  });
});

test("who owns a vip depends on names alone, in whatever order its claimants come and go", () => {
  const claimants = ["a", "b", "c"].map((name) =>
    service({ clusterIP: `10.96.0.${name.charCodeAt(0)}`, externalIPs: ["203.0.113.1"] }, { name }),
  );
  const step = fc.record({ index: fc.nat(2), isDelete: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 12 }), (steps) => {
      const store = createObjectStore([node()]);
      const reconciler = createReconciler({ node: NODE });
      const owners = new Map<string, string>();
      const present = new Set<string>();
      for (const { index, isDelete } of steps) {
        const object = claimants[index] as (typeof claimants)[0];
        if (isDelete) store.delete(object);
        else store.update(object);
        if (isDelete) present.delete(object.metadata.name);
        else present.add(object.metadata.name);
        const plan = reconciler.plan(store, { connections: () => 0 });
        plan.commit();
        for (const operation of plan.transaction.operations) {
          if (operation.map !== "services") continue;
          if (operation.op === "delete") owners.delete(operation.key.address);
          else owners.set(operation.key.address, operation.label);
        }
        const [first, ...others] = [...present].sort();
        expect(owners.get("203.0.113.1")).toBe(first && `demo/${first}:http`);
        const told = plan.transaction.warnings.filter((warning) => warning.includes("belongs to"));
        expect(told).toEqual(
          others.map(
            (name) =>
              `demo/${name}:http: 203.0.113.1 port 80/tcp (external-ip) belongs to demo/${first}:http already`,
          ),
        );
      }
    }),
  );
});
