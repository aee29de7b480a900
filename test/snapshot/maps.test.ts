/** Maps of one's own in a snapshot: what is in them, what they are like, and who may take them over. */
import { Packr } from "msgpackr";
import { describe, expect, test } from "vitest";
import type { Dataplane, DataplaneOptions } from "../../src/dataplane/dataplane.ts";
import { open, sealBody } from "../../src/dataplane/snapshot/envelope.ts";
import { createDataplane, createModel, Program, readSnapshot } from "../../src/index.ts";
import type { RingBuffer, UserMap } from "../../src/maps/map.ts";
import { build } from "../conformance/frame.ts";
import { REQUEST } from "../conformance/scene.ts";

type Create = (options: DataplaneOptions) => Promise<Dataplane>;
const WAYS: [name: string, from: Create, to: Create][] = [
  ["wasm to model", createDataplane, createModel],
  ["model to wasm", createModel, createDataplane],
  ["wasm to wasm", createDataplane, createDataplane],
];
const CAPACITY = { connections: 16, connections6: 16, arena: 2 ** 20, cpus: 2 };
const packr = new Packr({ useRecords: false, variableMapSize: true });

/** One of every type, with something in it. */
function fill({ maps }: Dataplane): void {
  const flows = maps.create({
    name: "flows",
    type: "hash",
    key: "ipv4",
    value: { hits: "u64", mac: "mac" },
    maxEntries: 100,
  });
  for (let i = 1; i <= 50; i++)
    flows.update(`10.0.0.${i}`, { hits: BigInt(i) << 40n, mac: "02:00:00:00:00:01" });
  const recent = maps.create({
    name: "recent",
    type: "lru_hash",
    key: "u32",
    value: "f64",
    maxEntries: 8,
  });
  for (let i = 0; i < 12; i++) recent.update(i, i / 3);
  const prefixes = maps.create({
    name: "prefixes",
    type: "lpm_trie",
    key: "prefix4",
    value: "u32",
    maxEntries: 10,
    flags: ["no_prealloc"],
  });
  prefixes.update("10.0.0.0/8", 1);
  prefixes.update("10.1.0.0/16", 2);
  const counters = maps.create({ name: "counters", type: "array", value: "u64", maxEntries: 16 });
  counters.update(3, 33n);
  const busy = maps.create({
    name: "busy",
    type: "percpu_hash",
    key: "u16",
    value: "u32",
    maxEntries: 4,
  });
  busy.update(80, [7, 8]);
  const idle = maps.create({
    name: "idle",
    type: "percpu_array",
    value: { a: "u8" },
    maxEntries: 2,
  });
  idle.update(1, [{ a: 1 }, { a: 2 }]);
  // The holder comes before what it holds, as their numbers go.
  const inner = { type: "array", value: "u32", maxEntries: 2 } as const;
  const shelf = maps.create({
    name: "shelf",
    type: "hash_of_maps",
    key: { text: 8 },
    maxEntries: 4,
    inner,
  });
  const box = maps.create({ name: "box", ...inner });
  box.update(1, 42);
  shelf.update("first", box);
  maps.create({ name: "jumps", type: "prog_array", maxEntries: 4 });
  const log = maps.create({ name: "log", type: "ringbuf", value: { n: "u32" }, maxEntries: 4096 });
  expect(log.type).toBe("ringbuf");
}

function entriesOf({ maps }: Dataplane): Record<string, unknown> {
  const names = maps
    .list()
    .map(({ name }) => name)
    .filter((name) => !["log", "shelf", "jumps"].includes(name));
  return Object.fromEntries(
    names.map((name) => [name, [...maps.get(name)!.entries()].map(textOf).sort()]),
  );
}

/** Big integers too. */
function textOf(entry: unknown): string {
  return JSON.stringify(entry, (_, value) => (typeof value === "bigint" ? `${value}n` : value));
}

function shapesOf({ maps }: Dataplane): unknown[] {
  return maps.list().map(({ id: _, memory: __, ...info }) => info);
}

describe.each(WAYS)("%s", (_, from, to) => {
  test("come back with their entries, layouts and numbers", async () => {
    const [first, second] = [
      await from({ capacity: CAPACITY }),
      await to({ capacity: CAPACITY, seed: 5 }),
    ];
    fill(first);
    second.restore(first.snapshot());
    expect(entriesOf(second)).toEqual(entriesOf(first));
    expect(shapesOf(second)).toEqual(shapesOf(first));
    expect(second.maps.get("flows")!.lookup("10.0.0.9")).toEqual({
      hits: 9n << 40n,
      mac: "02:00:00:00:00:01",
    });
    expect(second.maps.get("prefixes")!.lookup("10.1.2.3/32")).toBe(2);
    const box = second.maps.get<string, UserMap>("shelf")!.lookup("first")!;
    expect([box.name, box.lookup(1)]).toEqual(["box", 42]);
    expect(() => box.close()).toThrow(/EBUSY/);
    second.maps.get("flows")!.update("10.9.9.9", { hits: 1n, mac: "02:00:00:00:00:02" });
  });

  test("more CPUs have values of zero, fewer are no room", async () => {
    const first = await from({ capacity: CAPACITY });
    fill(first);
    const wide = await to({ capacity: { ...CAPACITY, cpus: 3 } });
    wide.restore(first.snapshot());
    expect(wide.maps.get("busy")!.lookup(80)).toEqual([7, 8, 0]);
    const narrow = await to({ capacity: { ...CAPACITY, cpus: 1 } });
    expect(() => narrow.restore(first.snapshot())).toThrow(
      expect.objectContaining({ code: "capacity" }),
    );
    expect(narrow.maps.list()).toEqual([]);
  });

  test("what does not fit the arena leaves nothing behind", async () => {
    const first = await from({ capacity: CAPACITY });
    fill(first);
    const small = await to({ capacity: { ...CAPACITY, arena: 8192 } });
    expect(() => small.restore(first.snapshot())).toThrow(
      expect.objectContaining({
        code: "capacity",
        message: expect.stringContaining("capacity.arena"),
      }),
    );
    expect(small.maps.list()).toEqual([]);
    small.maps.create({ name: "flows", type: "array", value: "u32", maxEntries: 900 });
  });

  test("are in the way of another restore until they are closed", async () => {
    const [first, second] = [await from({ capacity: CAPACITY }), await to({ capacity: CAPACITY })];
    fill(first);
    const bytes = first.snapshot();
    second.restore(bytes);
    expect(() => second.restore(bytes)).toThrow(expect.objectContaining({ code: "in-use" }));
    for (const name of ["shelf", ...second.maps.list().map((map) => map.name)])
      second.maps.get(name)?.close();
    second.restore(bytes);
    expect(entriesOf(second)).toEqual(entriesOf(first));
  });

  test("that contradict themselves are refused whole", async () => {
    const [first, second] = [await from({ capacity: CAPACITY }), await to({ capacity: CAPACITY })];
    fill(first);
    type Kept = Record<string, unknown>;
    const body = open(first.snapshot()) as { programming: { maps: Kept[] } };
    const lies: ((map: Kept, all: Kept[]) => void)[] = [
      (map) => (map.name = "a name that cannot be"),
      (map, all) => (map.name = all[1]!.name),
      (map) => (map.shape = [1, 4, 8]),
      (map) => (map.shape = [99, 4, 8, 1, 0]),
      (map) => (map.shape = [1, 4, 8, 2 ** 32 - 1, 0]),
      (map) => (map.shape = [1, 2 ** 31, 8, 1, 0]),
      (map) => (map.keys = new Uint8Array(3)),
      (map) => (map.values = new Uint8Array(0)),
      (map) => (map.key = "u64"),
      (map) => (map.key = [["a", "u9"]]),
      (map) => (map.key = ["a"]),
      (map) => (map.key = true),
      (map) => delete map.shape,
      (map) => (map.name = "conntrack"),
      (_, all) => (all.find(({ name }) => name === "shelf")!.names = ["nobody"]),
      (_, all) => (all.find(({ name }) => name === "shelf")!.names = ["flows"]),
      (_, all) => (all.find(({ name }) => name === "log")!.records = [new Uint8Array(5000)]),
      (_, all) =>
        (all.find(({ name }) => name === "counters")!.keys = Uint8Array.of(
          ...new Uint8Array(60),
          255,
          0,
          0,
          0,
        )),
    ];
    for (const lie of lies) {
      const copy = structuredClone(body);
      lie(copy.programming.maps[0]!, copy.programming.maps);
      const bytes = sealBody(packr.pack(copy));
      expect(() => second.restore(bytes), String(lie)).toThrow(
        expect.objectContaining({ code: expect.stringMatching(/^(bad-snapshot|capacity)$/) }),
      );
      expect(second.maps.list()).toEqual([]);
    }
    second.restore(first.snapshot());
  });
});

/** Counts by hash, draws, and puts what it drew into a ring buffer. */
const SOURCE = `
import { Context, hash, NEXT, random, ringbuf, time } from "waxdp/program";

@unmanaged
class Drawn {
  number: u32;
  flows: u32;
  time: i64;
}

const flows = hash<u32, u32>("counted", 16);
const log = ringbuf<Drawn>("drawn", 4096);

export function program(ctx: Context): i32 {
  flows.add(1, 1);
  const record = log.reserve();
  if (record == null) return NEXT;
  record.number = random();
  record.flows = flows.get(1, 0);
  record.time = time();
  log.submit(record);
  return NEXT;
}
`;

describe.each(WAYS)("%s", (_, from, to) => {
  test("a program that is loaded anew goes on with its maps, its ring buffer and its random numbers", async () => {
    const program = await Program.compile(SOURCE, { name: "draw" });
    const [first, second] = [
      await from({ capacity: CAPACITY, seed: 5 }),
      await to({ capacity: CAPACITY }),
    ];
    const attach = async (dataplane: Dataplane) =>
      dataplane.hooks.ingress.attach(await dataplane.programs.load(program));
    await attach(first);
    for (const now of [1000.5, 1001, 1002.25]) first.process(build(REQUEST), { now });
    const bytes = first.snapshot();
    second.restore(bytes);
    await attach(second);
    for (const each of [first, second]) each.process(build(REQUEST), { now: 1003.125 });
    const [one, other] = [first, second].map(
      ({ maps }) => maps.get("drawn") as RingBuffer<unknown>,
    );
    const read = one!.read();
    expect(read.map((record) => (record as { flows: number }).flows)).toEqual([1, 2, 3, 4]);
    expect(other!.read()).toEqual(read);
    expect(second.maps.get("counted")!.lookup(1)).toBe(4);
    const { maps, programs, links } = readSnapshot(bytes);
    expect(maps.map(({ name, length }) => [name, length])).toEqual([
      ["counted", 1],
      ["drawn", 3],
    ]);
    expect(programs).toContainEqual(
      expect.objectContaining({ name: "draw", tag: program.tag, maps: ["counted", "drawn"] }),
    );
    expect(links.map(({ hook, name, runCount }) => [hook, name, runCount])).toContainEqual([
      "ingress",
      "draw",
      3,
    ]);
    expect(() => second.restore(bytes)).toThrow(expect.objectContaining({ code: "in-use" }));
  });
});

test("a snapshot lists them", async () => {
  const dataplane = await createModel({ capacity: CAPACITY });
  fill(dataplane);
  const { maps } = readSnapshot(dataplane.snapshot());
  expect(maps.map(({ name, type, length }) => [name, type, length])).toEqual([
    ["flows", "hash", 50],
    ["recent", "lru_hash", 8],
    ["prefixes", "lpm_trie", 2],
    ["counters", "array", 16],
    ["busy", "percpu_hash", 1],
    ["idle", "percpu_array", 2],
    ["shelf", "hash_of_maps", 1],
    ["box", "array", 2],
    ["jumps", "prog_array", 0],
    ["log", "ringbuf", 0],
  ]);
  expect(maps[0]).toMatchObject({
    key: "ipv4",
    value: { hits: "u64", mac: "mac" },
    maxEntries: 100,
  });
});
