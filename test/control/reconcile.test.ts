import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { CompileOptions } from "../../src/control/compile.ts";
import type { ObjectSet } from "../../src/control/kubernetes.ts";
import { parseObjects } from "../../src/control/kubernetes.ts";
import { createReconciler } from "../../src/control/reconcile.ts";
import type { Controller, Usage } from "../../src/dataplane/controller.ts";
import type { Operation, Transaction } from "../../src/dataplane/transaction.ts";
import { config, endpoint, LOCAL, NODE, node, REMOTE, service, slice } from "./objects.ts";

const IDLE: Usage = { connections: () => 0 };
const busy = (...backends: number[]): Usage => ({
  connections: (backend: number) => (backends.includes(backend) ? 1 : 0),
});

/** Maps as an engine would hold them; refuses operations that do not fit what is there. */
class Maps {
  readonly entries = new Map<string, unknown>();
  apply({ operations }: Transaction): void {
    for (const operation of operations) {
      const key = keyOf(operation);
      const exists = this.entries.has(key);
      if (operation.op === "delete") {
        if (!exists) throw new Error(`deleted what is not there: ${key}`);
        this.entries.delete(key);
      } else {
        if (exists === operation.create) throw new Error(`create is wrong: ${key}`);
        this.entries.set(key, operation.value);
      }
      this.checkReferences();
    }
  }

  /** Every vip has the rings its routes name, and every slot its backend, at every moment. */
  checkReferences(): void {
    for (const [key, value] of this.entries) {
      const entry = value as {
        service: number;
        routes?: Record<string, { ring?: string }>;
        slots?: number[];
      };
      for (const { ring } of Object.values(entry.routes ?? {})) {
        if (ring && !this.entries.has(`rings ${JSON.stringify({ service: entry.service, ring })}`))
          throw new Error(`no ring for ${key}`);
      }
      for (const slot of entry.slots ?? [])
        if (!this.entries.has(`backends ${slot}`)) throw new Error(`no backend for ${key}`);
    }
  }
}

function keyOf({ map, key }: Operation): string {
  return `${map} ${JSON.stringify(key)}`;
}

function applied(
  reconciler: Controller,
  maps: Maps,
  objects: ObjectSet,
  usage = IDLE,
): Transaction {
  const plan = reconciler.plan(objects, usage);
  maps.apply(plan.transaction);
  plan.commit();
  return plan.transaction;
}

const base = [node(), config()];
const web = (...addresses: string[]) =>
  parseObjects([...base, service(), slice(addresses.map((address) => endpoint(address)))]);
const start = (options: CompileOptions = {}) => ({
  reconciler: createReconciler({ node: NODE, ...options }),
  maps: new Maps(),
});

describe("a plan", () => {
  test("is printed with a line per operation, pointed to before pointing", () => {
    const { reconciler, maps } = start();
    const objects = parseObjects([
      ...base,
      service({ sessionAffinity: "ClientIP" }),
      slice([LOCAL]),
    ]);
    const lines = applied(reconciler, maps, objects).toString().split("\n");
    expect(
      lines.filter((line) => /backends|rings|services|interfaces|addresses/.test(line)),
    ).toEqual([
      "+ backends 1 10.244.1.5:8080 of demo/web:http: tcp of service 1, rings cluster, masquerade 192.168.0.2",
      "+ rings 1/cluster of demo/web:http: random 1",
      "+ interfaces 0 unknown: 192.168.0.2 2001:db8::2",
      "+ addresses 192.168.0.2: nodePorts served",
      "+ addresses 2001:db8::2: nodePorts served",
      "+ addresses 203.0.113.9: nodePorts served",
      "+ addresses ::1: nodePorts not served",
      "+ services 10.96.0.10:80/tcp demo/web:http: cluster-ip of service 1, pod dnat cluster, local dnat cluster masquerade, other dnat cluster masquerade, affinity 10800 s",
    ]);
  });

  test("of the same objects is empty, whether they are the same or only equal", () => {
    const { reconciler, maps } = start();
    const objects = web("10.0.0.1", "10.0.0.2");
    applied(reconciler, maps, objects);
    expect(reconciler.plan(objects, IDLE).transaction.empty).toBe(true);
    expect(reconciler.plan(web("10.0.0.1", "10.0.0.2"), IDLE).transaction.empty).toBe(true);
  });

  test("changes nothing until it is committed, and only once", () => {
    const { reconciler } = start();
    const first = reconciler.plan(web("10.0.0.1"), IDLE);
    const second = reconciler.plan(web("10.0.0.1"), IDLE);
    expect(second.transaction.toString()).toBe(first.transaction.toString());
    first.commit();
    expect(() => second.commit()).toThrow("out of date");
  });

  test("of one changed endpoint among many Services touches that Service only", () => {
    const many = (changed: string) =>
      Array.from({ length: 50 }, (_, index) => [
        service({ clusterIP: `10.96.1.${index}` }, { name: `s${index}` }),
        slice([endpoint(index === 7 ? changed : `10.1.0.${index}`)], {
          metadata: {
            name: `s${index}`,
            namespace: "demo",
            labels: { "kubernetes.io/service-name": `s${index}` },
          },
        }),
      ]).flat();
    const { reconciler, maps } = start();
    applied(reconciler, maps, parseObjects([...base, ...many("10.2.0.1")]));
    const { operations } = applied(reconciler, maps, parseObjects([...base, ...many("10.2.0.2")]));
    expect(operations.map(({ op, map }) => `${op} ${map}`)).toEqual([
      "update backends",
      "update rings",
      "update endpoints",
      "delete endpoints",
      "delete backends",
    ]);
  });

  test("moves a vip from one service port to another without a gap", () => {
    const { reconciler, maps } = start();
    const rival = service(
      { clusterIP: "10.96.0.11", externalIPs: ["10.96.0.10"] },
      { name: "zeta" },
    );
    applied(reconciler, maps, parseObjects([...base, service(), rival]));
    const { operations } = applied(reconciler, maps, parseObjects([...base, rival]));
    expect(operations.map(({ op, map }) => `${op} ${map}`)).toEqual(["update services"]);
  });
});

describe("numbers", () => {
  test("a backend keeps its number, and a freed one is given out again, the oldest first", () => {
    const { reconciler, maps } = start();
    applied(reconciler, maps, web("10.0.0.1", "10.0.0.2", "10.0.0.3"));
    expect([1, 2, 3].map(reconciler.backendName)).toEqual([
      "10.0.0.1:8080",
      "10.0.0.2:8080",
      "10.0.0.3:8080",
    ]);
    applied(reconciler, maps, web("10.0.0.2", "10.0.0.3"));
    applied(reconciler, maps, web("10.0.0.3", "10.0.0.4"));
    expect([1, 2, 3].map(reconciler.backendName)).toEqual([
      "10.0.0.4:8080",
      "10.0.0.2:8080",
      "10.0.0.3:8080",
    ]);
    applied(reconciler, maps, web("10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6"));
    expect([1, 2, 3, 4].map(reconciler.backendName)).toEqual([
      "10.0.0.4:8080",
      "10.0.0.5:8080",
      "10.0.0.3:8080",
      "10.0.0.6:8080",
    ]);
  });

  test("a removed backend with connections drains, and goes when they are gone", () => {
    const { reconciler, maps } = start();
    applied(reconciler, maps, web("10.0.0.1", "10.0.0.2"));
    applied(reconciler, maps, web("10.0.0.2", "10.0.0.3"), busy(1));
    expect(maps.entries.get("backends 1")).toMatchObject({ address: "10.0.0.1", rings: [] });
    expect(reconciler.backendName(1)).toBe("10.0.0.1:8080");
    expect(reconciler.plan(web("10.0.0.2", "10.0.0.3"), busy(1)).transaction.empty).toBe(true);
    const { operations } = applied(reconciler, maps, web("10.0.0.2", "10.0.0.3"));
    expect(operations.map(({ op, map, key }) => `${op} ${map} ${key}`)).toEqual([
      "delete backends 1",
    ]);
  });

  test("a draining backend that comes back is itself again", () => {
    const { reconciler, maps } = start();
    applied(reconciler, maps, web("10.0.0.1", "10.0.0.2"));
    applied(reconciler, maps, web("10.0.0.2"), busy(1));
    applied(reconciler, maps, web("10.0.0.1", "10.0.0.2"), busy(1));
    expect(maps.entries.get("backends 1")).toMatchObject({
      address: "10.0.0.1",
      rings: ["cluster"],
    });
  });

  test("the number of a removed service port is kept until its connections are gone", () => {
    const { reconciler, maps } = start();
    const other = parseObjects([...base, service({ clusterIP: "10.96.0.99" }, { name: "other" })]);
    applied(reconciler, maps, web("10.0.0.1"));
    applied(reconciler, maps, other, busy(1));
    expect([1, 2].map(reconciler.serviceName)).toEqual(["demo/web:http", "demo/other:http"]);
    expect([...maps.entries.keys()].filter((key) => key.startsWith("rings"))).toEqual([]);
    applied(reconciler, maps, other);
    const third = service({ clusterIP: "10.96.0.98" }, { name: "third" });
    applied(reconciler, maps, parseObjects([...base, third]));
    expect(reconciler.serviceName(1)).toBe("demo/third:http");
  });
});

describe("interfaces", () => {
  const prefix = config({
    detectLocalMode: "InterfaceNamePrefix",
    detectLocal: { interfaceNamePrefix: "cali" },
  });
  test("a pod's interface gets a row when it is first seen, others stay unknown", () => {
    const { reconciler, maps } = start();
    applied(reconciler, maps, parseObjects([node(), prefix]));
    expect(reconciler.planInterface("eth0")).toBeUndefined();
    const plan = reconciler.planInterface("cali1");
    expect(plan?.transaction.toString()).toBe("+ interfaces 1 cali1: 192.168.0.2 2001:db8::2 pods");
    expect(reconciler.interfaceRow("cali1")).toBe(0);
    plan?.commit();
    expect(reconciler.interfaceRow("cali1")).toBe(1);
    expect(reconciler.planInterface("cali1")).toBeUndefined();
    expect(reconciler.plan(parseObjects([node(), prefix]), IDLE).transaction.empty).toBe(true);
  });

  test("interfaces of the network have rows from the start, and follow the detector", () => {
    const network = {
      addresses: [
        { ifname: "eth0", addr_info: [{ local: "192.168.0.2", prefixlen: 24 }] },
        { ifname: "cali1", addr_info: [] },
      ],
      routes: [],
    };
    const { reconciler, maps } = start({ network });
    applied(reconciler, maps, parseObjects([node(), prefix]));
    expect([
      reconciler.interfaceRow("eth0"),
      reconciler.interfaceRow("cali1"),
      reconciler.interfaceRow("x"),
    ]).toEqual([1, 2, 0]);
    expect(maps.entries.get("interfaces 2")).toEqual({
      name: "cali1",
      pod: true,
      ipv4: "",
      ipv6: "",
    });
    applied(reconciler, maps, parseObjects([node(), config()]));
    expect(maps.entries.get("interfaces 2")).toMatchObject({ pod: false });
  });
});

/** A cluster of a few Services, endpoints and policies, in which names and addresses often meet again. */
const cluster = fc
  .array(
    fc.record({
      name: fc.constantFrom("a", "b", "c", "d"),
      host: fc.integer({ min: 1, max: 5 }),
      external: fc.boolean(),
      policy: fc.constantFrom("Cluster", "Local"),
      nodePort: fc.constantFrom(undefined, 30001, 30002),
      endpoints: fc.uniqueArray(fc.integer({ min: 1, max: 6 }), { maxLength: 5 }),
    }),
    { maxLength: 4 },
  )
  .map((services) => {
    const unique = [...new Map(services.map((given) => [given.name, given])).values()];
    return parseObjects([
      ...base,
      ...unique.flatMap(({ name, host, external, policy, nodePort, endpoints }) => [
        service(
          {
            type: nodePort ? "NodePort" : "ClusterIP",
            clusterIP: `10.96.0.${host}`,
            externalTrafficPolicy: policy,
            externalIPs: external ? ["203.0.113.1"] : [],
            ports: [{ name: "http", port: 80, nodePort }],
          },
          { name },
        ),
        slice(
          endpoints.map((index) =>
            index === 1 ? LOCAL : index === 2 ? REMOTE : endpoint(`10.0.0.${index}`),
          ),
          {
            metadata: { name, namespace: "demo", labels: { "kubernetes.io/service-name": name } },
          },
        ),
      ]),
    ]);
  });

/** What the maps mean, with names in the place of numbers; draining backends left out. */
function meaning(maps: Maps, reconciler: Controller): Record<string, unknown> {
  const named = (value: unknown): unknown =>
    JSON.parse(JSON.stringify(value), (key, inner) => {
      if (key === "service") return reconciler.serviceName(inner) ?? inner;
      if (key === "backend") return reconciler.backendName(inner);
      return key === "slots" ? inner.map(reconciler.backendName) : inner;
    });
  const lines = [...maps.entries]
    .filter(([, value]) => (value as { rings?: unknown[] }).rings?.length !== 0)
    .map(([key, value]) => {
      const [map, ...rest] = key.split(" ");
      const parsed = JSON.parse(rest.join(" "));
      if (map === "backends")
        return [
          `backends ${reconciler.serviceName((value as { service: number }).service)} ${reconciler.backendName(parsed)}`,
          named(value),
        ];
      return [`${map} ${JSON.stringify(named(parsed))}`, named(value)];
    });
  return Object.fromEntries(lines);
}

describe("for any sequence of clusters", () => {
  for (const scheduler of ["random", "maglev"] as const) {
    test(`applying them one after another ends where the last one alone does (${scheduler})`, () => {
      fc.assert(
        fc.property(
          fc.array(cluster, { minLength: 1, maxLength: 5 }),
          fc.func(fc.boolean()),
          (clusters, isBusy) => {
            const { reconciler, maps } = start({ scheduler });
            clusters.forEach((objects, round) => {
              applied(reconciler, maps, objects, {
                connections: (backend) => (isBusy(round, backend) ? 1 : 0),
              });
              const fresh = start({ scheduler });
              applied(fresh.reconciler, fresh.maps, objects);
              const names = (all: Record<string, unknown>) =>
                Object.keys(all)
                  .filter((key) => !key.startsWith("services"))
                  .sort();
              const [now, then] = [
                meaning(maps, reconciler),
                meaning(fresh.maps, fresh.reconciler),
              ];
              expect(names(now)).toEqual(names(then));
              expect(now).toEqual(then);
            });
            const last = clusters.at(-1) as ObjectSet;
            applied(reconciler, maps, last);
            expect(reconciler.plan(last, IDLE).transaction.empty).toBe(true);
          },
        ),
        { numRuns: 60 },
      );
    });
  }

  test("a number is never given to another while its backend has connections", () => {
    fc.assert(
      fc.property(
        fc.array(cluster, { minLength: 2, maxLength: 6 }),
        fc.func(fc.boolean()),
        (clusters, isBusy) => {
          const { reconciler, maps } = start();
          clusters.forEach((objects, round) => {
            const held = new Map<number, string>();
            const connections = (backend: number): number => {
              const name = reconciler.backendName(backend);
              if (name === undefined || !isBusy(round, backend)) return 0;
              held.set(
                backend,
                `${(maps.entries.get(`backends ${backend}`) as { service: number }).service} ${name}`,
              );
              return 1;
            };
            applied(reconciler, maps, objects, { connections });
            for (const [backend, owner] of held) {
              const value = maps.entries.get(`backends ${backend}`) as {
                service: number;
                address: string;
              };
              expect(`${value.service} ${reconciler.backendName(backend)}`).toBe(owner);
            }
          });
        },
      ),
      { numRuns: 60 },
    );
  });
});
