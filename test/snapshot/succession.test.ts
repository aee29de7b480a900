/** What goes on from a snapshot: into another process, another engine, more room, with what it had begun. */
import { beforeAll, describe, expect, test } from "vitest";
import type { Dataplane, DataplaneOptions } from "../../src/dataplane/dataplane.ts";
import { open } from "../../src/dataplane/snapshot/envelope.ts";
import { createDataplane, createModel, parseObjects, readSnapshot } from "../../src/index.ts";
import { nodeObject, proxyObject, serviceObjects } from "../conformance/cluster.ts";
import { createChecked, dataplanes } from "../conformance/dataplanes.ts";
import { build, type Frame } from "../conformance/frame.ts";
import { pieces } from "../conformance/pieces.ts";
import {
  answer,
  CLIENT,
  DELIVERED,
  NODE,
  NODE_IPV4,
  OBJECTS,
  REQUEST,
  SERVICES,
  scene,
} from "../conformance/scene.ts";
import { EPOCH, live, OBJECTS_FEW, OPTIONS, ROOM } from "./run.ts";

type Create = (options: DataplaneOptions) => Promise<Dataplane>;
const WAYS: [name: string, from: Create, to: Create][] = [
  ["wasm to model", createDataplane, createModel],
  ["model to wasm", createModel, createChecked],
  ["wasm to wasm", createDataplane, createChecked],
];

/** The same to both, which must be the same to both. */
async function twins(
  from: Create,
  to: Create,
  options: DataplaneOptions = { node: NODE, seed: 7 },
) {
  const [first, second] = [await from(options), await to({ ...options, seed: 99 })];
  return {
    first,
    restore: () => second.restore(first.snapshot()),
    send(frame: Frame, now: number, given: { interface?: string; local?: boolean } = {}) {
      const [one, other] = [first, second].map((each) => {
        return each.process(build(frame), { ...given, now });
      }) as [ReturnType<Dataplane["process"]>, ReturnType<Dataplane["process"]>];
      expect(other.event).toEqual(one.event);
      expect(other.packet).toEqual(one.packet);
      return one.event;
    },
    apply(objects: readonly object[]) {
      const [one, other] = [first, second].map((each) => each.apply(parseObjects([...objects])));
      expect(String(other)).toBe(String(one));
      expect(other!.warnings).toEqual(one!.warnings);
      expect(second.statistics()).toEqual(first.statistics());
      return String(one);
    },
    compare() {
      expect(second.counters()).toEqual(first.counters());
      expect(second.statistics()).toEqual(first.statistics());
      for (const name of ["conntrack", "affinity", "services", "backends"] as const)
        expect(sorted(second.maps[name])).toEqual(sorted(first.maps[name]));
    },
  };
}

function sorted(map: { entries(): Iterable<readonly [unknown, unknown]> }): unknown[] {
  return [...map.entries()].sort(([a], [b]) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

describe.each(WAYS)("%s", (_, from, to) => {
  test("a masqueraded client keeps the port that was drawn for it, and others draw as before", async () => {
    const twin = await twins(from, to);
    twin.first.apply(parseObjects(OBJECTS));
    const dial: Frame = { ...REQUEST, saddr: CLIENT, daddr: NODE_IPV4, dport: 30080 };
    for (let host = 1; host < 6; host++)
      twin.first.process(build({ ...dial, saddr: `203.0.113.${host}` }), { now: EPOCH });
    twin.restore();
    for (let host = 1; host < 12; host++)
      twin.send({ ...dial, saddr: `203.0.113.${host}` }, EPOCH + host);
    twin.compare();
  });

  test("a draining backend goes with its last connection, and its number comes again", async () => {
    const twin = await twins(from, to);
    const { pool, web } = SERVICES;
    const less = { ...pool, endpoints: pool.endpoints.slice(0, 2) };
    const dial: Frame = { ...REQUEST, daddr: "10.96.0.20" };
    twin.first.apply(parseObjects(scene(pool, web)));
    for (let port = 0; port < 20; port++)
      twin.first.process(build({ ...dial, sport: 41000 + port }), { now: EPOCH });
    twin.first.apply(parseObjects(scene(less)));
    twin.restore();
    twin.send({ ...dial, sport: 41003, flags: "A" }, EPOCH + 1);
    expect(twin.apply(scene(less))).toBe("");
    // SYN_SENT is over.
    twin.send(dial, EPOCH + 400_000);
    expect(twin.apply(scene(less))).toContain("- backends");
    expect(twin.apply(scene(pool, web))).toContain("+ backends");
    for (let port = 0; port < 20; port++)
      twin.send({ ...dial, sport: 42000 + port }, EPOCH + 400_001);
    twin.compare();
  });

  test("Services that went while it was away go with the first apply", async () => {
    const twin = await twins(from, to);
    twin.first.apply(parseObjects(OBJECTS));
    twin.restore();
    expect(twin.apply(scene(SERVICES.web))).toContain("- services");
    expect(twin.apply(OBJECTS)).toContain("+ services");
    twin.compare();
  });

  test("stale UDP flows end with the apply that would have ended them", async () => {
    const twin = await twins(from, to);
    const { pool } = SERVICES;
    const less = { ...pool, endpoints: pool.endpoints.slice(0, 1) };
    twin.first.apply(parseObjects(scene(pool)));
    for (let port = 0; port < 20; port++) {
      const frame: Frame = { ...REQUEST, daddr: "10.96.0.20", proto: "udp", sport: 41000 + port };
      twin.first.process(build(frame), { now: EPOCH });
    }
    twin.restore();
    twin.apply(scene(pool));
    expect(twin.first.maps.conntrack.length).toBe(20);
    twin.apply(scene(less));
    expect(twin.first.maps.conntrack.length).toBeLessThan(20);
    twin.compare();
  });

  test.each(["maglev", "random"] as const)(
    "the %s scheduler chooses on by the seed there was",
    async (scheduler) => {
      const twin = await twins(from, to, { node: NODE, seed: 7, scheduler });
      twin.first.apply(parseObjects(OBJECTS));
      twin.restore();
      const chosen = new Set<string | null>();
      for (let port = 0; port < 50; port++)
        chosen.add(
          twin.send({ ...REQUEST, daddr: "10.96.0.20", sport: 2000 + port }, EPOCH).backend,
        );
      expect(chosen.size).toBe(5);
    },
  );

  test("an interface that pods are behind gets a row before anything is applied again", async () => {
    const twin = await twins(from, to);
    const proxy = proxyObject({ podInterfaces: "cali" });
    const objects = [
      nodeObject({ name: NODE, addresses: [NODE_IPV4] }),
      proxy,
      ...serviceObjects(SERVICES.web),
    ];
    twin.first.apply(parseObjects(objects));
    twin.first.process(build(REQUEST), { now: EPOCH, interface: "cali1" });
    twin.restore();
    twin.send({ ...REQUEST, sport: 5 }, EPOCH, { interface: "cali2" });
    twin.send({ ...REQUEST, sport: 6 }, EPOCH, { interface: "eth0" });
    twin.send({ ...REQUEST, sport: 7 }, EPOCH, { interface: "cali1" });
    twin.compare();
    twin.apply(objects);
  });

  test.each([2 ** 31 - 3, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 33])(
    "%d ms after the beginning timers end when they end",
    async (age) => {
      const twin = await twins(from, to);
      twin.first.apply(parseObjects(OBJECTS));
      twin.first.process(build(REQUEST), { now: EPOCH });
      const udp: Frame = { ...REQUEST, proto: "udp" };
      for (const frame of [REQUEST, udp, { ...answer(DELIVERED), proto: "udp" as const }])
        twin.first.process(build(frame), { now: EPOCH + age });
      twin.restore();
      expect(twin.send({ ...answer(DELIVERED), flags: "SA" }, EPOCH + age + 1).conntrack).toBe(
        "reply",
      );
      twin.compare();
      expect(twin.send(udp, EPOCH + age + 29_000).conntrack).toBe("established");
      expect(twin.send(udp, EPOCH + age + 29_000 + 120_000).conntrack).toBe("established");
      expect(twin.send(udp, EPOCH + age + 29_000 + 240_001).conntrack).toBe("new");
      expect(twin.send(udp, EPOCH + age + 2 ** 31 + 5).conntrack).toBe("new");
      twin.compare();
    },
  );
});

describe.each(dataplanes)("$name", ({ create }) => {
  test("takes the place of a dataplane with a past of its own, whole", async () => {
    const [source, used] = [await create(OPTIONS), await create({ ...OPTIONS, seed: 3 })];
    live(source);
    used.apply(parseObjects(scene(SERVICES.web, SERVICES.pool)));
    live(used, EPOCH + 9_000_000_000);
    used.batch.push(build(REQUEST));
    used.restore(source.snapshot());
    expect(used.batch.length).toBe(0);
    expect(contentOf(used.snapshot())).toEqual(contentOf(source.snapshot()));
  });

  test("of nothing, it goes back to the beginning", async () => {
    const [empty, used] = [await create(OPTIONS), await create(OPTIONS)];
    live(used);
    used.restore(empty.snapshot());
    for (const name of [
      "services",
      "backends",
      "rings",
      "config",
      "interfaces",
      "conntrack",
    ] as const)
      expect(used.maps[name].length).toBe(0);
    expect(contentOf(used.snapshot())).toEqual(contentOf(empty.snapshot()));
    expect(used.process(build(REQUEST), { now: 5 }).event.action).toBe("pass");
    expect(String(used.apply(parseObjects(OBJECTS_FEW)))).toBe(
      String(empty.apply(parseObjects(OBJECTS_FEW))),
    );
  });

  test("has more room where it is given some", async () => {
    const tight = await create({ ...OPTIONS, capacity: { ...ROOM, connections: 12 } });
    live(tight);
    const wide = await create({
      ...OPTIONS,
      capacity: { ...ROOM, backends: 500, connections: 900 },
    });
    wide.restore(tight.snapshot());
    for (let sport = 1; sport < 300; sport++)
      expect(wide.process(build({ ...REQUEST, sport }), { now: EPOCH }).verdict).toBe("PASS");
    expect(wide.maps.conntrack.length).toBeGreaterThan(300);
  });

  test("fragments that wait are discarded, and counted", async () => {
    const [source, heir] = [await create(OPTIONS), await create(OPTIONS)];
    source.apply(parseObjects(OBJECTS_FEW));
    const [, ...late] = pieces({ ...REQUEST, proto: "udp", payload: new Uint8Array(64) }, 24, 48);
    for (const piece of late) source.process(piece, { now: EPOCH });
    const { held } = source.counters().fragments;
    expect(held).toBeGreaterThan(0);
    heir.restore(source.snapshot());
    expect(heir.counters().fragments).toEqual({ held, released: 0, discarded: held });
    expect(source.counters().fragments).toEqual({ held, released: 0, discarded: 0 });
  });
});

describe("what is written", () => {
  const written = new Map<string, Uint8Array>();
  beforeAll(async () => {
    for (const { name, create } of dataplanes) {
      const dataplane = await create(OPTIONS);
      live(dataplane);
      written.set(name, dataplane.snapshot());
    }
  });

  test("is the same from every engine, but for the order of rows", () => {
    const [first, ...others] = [...written.values()].map(contentOf);
    for (const other of others) expect(other).toEqual(first);
  });

  test("says what it is", () => {
    expect(readSnapshot(written.get("model")!)).toMatchObject({
      engine: "model",
      node: NODE,
      seed: 7,
      latest: EPOCH,
      capacity: ROOM,
      maps: [],
      programs: [{ name: "service-nat", builtin: true }],
      links: [{ hook: "ingress", name: "service-nat" }],
    });
  });
});

/** All of it, tables as sorted rows, without the name of the engine. */
function contentOf(bytes: Uint8Array): unknown {
  const { engine: _, ...body } = open(bytes) as Record<string, object>;
  return ordered(body);
}

function ordered(value: unknown): unknown {
  if (Array.isArray(value))
    return value.map(ordered).sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  if ("rows" in value)
    return rowsOf(value as unknown as Record<string, Uint8Array> & { rows: number });
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, ordered(each)]));
}

function rowsOf({ rows, ...columns }: Record<string, Uint8Array | number>): string[] {
  const count = rows as number;
  const each = Array.from({ length: count }, (_, row) =>
    Object.entries(columns as Record<string, Uint8Array>).map(([name, column]) => {
      const size = column.length / count;
      return `${name} ${Buffer.from(column.subarray(row * size, (row + 1) * size)).toString("hex")}`;
    }),
  );
  return each.map((row) => row.join(", ")).sort();
}
