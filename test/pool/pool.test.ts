/** What a pool promises beside the ways of packets: order, turns, room, clear refusals. */
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { afterEach, describe, expect, test } from "vitest";
import {
  type ApplyOptions,
  createDataplane,
  createDataplanePool,
  type DataplanePool,
  type PoolBatch,
  type PoolOptions,
  parseObjects,
} from "../../src/index.ts";
import { withSharedMemory } from "../../src/pool/module.ts";
import { build, type Frame } from "../conformance/frame.ts";
import { pieces } from "../conformance/pieces.ts";
import {
  answer,
  CLIENT,
  DELIVERED,
  NODE,
  NODE_IPV4,
  OBJECTS,
  POD,
  REQUEST,
  SERVICES,
  scene,
} from "../conformance/scene.ts";

const OPTIONS: PoolOptions = {
  workers: 3,
  node: NODE,
  seed: 7,
  capacity: { connections: 300, connections6: 300, slots: 65536, batch: 8 },
};

const pools: DataplanePool[] = [];
afterEach(async () => {
  for (const pool of pools.splice(0)) await pool.close();
});

async function createPool(options: Partial<PoolOptions> = {}): Promise<DataplanePool> {
  const capacity = { ...OPTIONS.capacity, ...options.capacity };
  const pool = await createDataplanePool({ ...OPTIONS, ...options, capacity });
  pools.push(pool);
  await pool.apply(parseObjects([...OBJECTS]));
  return pool;
}

function codeOf(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return (error as { code: unknown }).code;
  }
  return "no error";
}

async function send(batch: PoolBatch, frames: readonly Frame[], now = 0) {
  batch.clear();
  for (const frame of frames) batch.push(build(frame));
  await batch.process(now, { events: true });
  return frames.map((_, index) => batch.event(index));
}

describe("options", () => {
  const hostile: [string, unknown][] = [
    ["nothing", undefined],
    ["null", null],
    ["no number of workers", {}],
    ["no worker", { workers: 0 }],
    ["half a worker", { workers: 1.5 }],
    ["more workers than there may be", { workers: 65 }],
    ["workers that are text", { workers: "2" }],
    ["workers that are no number", { workers: Number.NaN }],
    ["a steering nobody knows", { workers: 1, steering: "random" }],
    ["a worker that is no address", { workers: 1, worker: 5 }],
    ["an option nobody knows", { workers: 1, threads: 2 }],
    ["a capacity nobody knows", { workers: 1, capacity: { rings: 2 } }],
    ["a scheduler nobody knows", { workers: 1, scheduler: "rr" }],
    ["a link type nobody knows", { workers: 1, linkType: "token-ring" }],
  ];
  test.each(hostile)("%s", async (_, options) => {
    const rejected = createDataplanePool(options as PoolOptions);
    await expect(rejected).rejects.toMatchObject({ code: "bad-option" });
  });

  test("more memory than there is", async () => {
    const capacity = {
      connections: 2 ** 24,
      slots: 2 ** 28,
      backends: 2 ** 24,
      frontends: 2 ** 22,
    };
    const rejected = createDataplanePool({ workers: 1, capacity });
    await expect(rejected).rejects.toMatchObject({ code: "capacity" });
  });

  test("a module that is none of ours, or whose memory is not shared", async () => {
    const empty = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
    for (const bytes of [empty, readFileSync("generated/dataplane.wasm")]) {
      const module = await WebAssembly.compile(bytes);
      const rejected = createDataplanePool({ workers: 1, module });
      await expect(rejected).rejects.toMatchObject({ code: "bad-module" });
    }
  });

  test("a module that was compiled before, and a worker with an address", async () => {
    const bytes = withSharedMemory(readFileSync("generated/dataplane.wasm"));
    const module = await WebAssembly.compile(bytes);
    const worker = pathToFileURL("generated/worker.js");
    const pool = await createPool({ module, worker });
    const [event] = await send(pool.batches[0], [REQUEST]);
    expect(event).toMatchObject({ action: "dnat", conntrack: "new" });
  });
});

describe("batches", () => {
  test("a worker's part that is full takes no more, others do", async () => {
    const pool = await createPool();
    const [batch] = pool.batches;
    expect(batch.capacity).toBe(24);
    const full = build(REQUEST);
    for (let count = 0; count < 8; count++) batch.push(full);
    expect(codeOf(() => batch.push(full))).toBe("batch-full");
    const others = [40001, 40002, 40003, 40004].map((sport) => build({ ...REQUEST, sport }));
    const other = others.find((frame) => pool.shardOf(frame) !== pool.shardOf(full))!;
    expect(batch.push(other)).toBe(8);
    await batch.process(0);
    expect(batch.verdict(8)).toBe("PASS");
    batch.clear();
    expect(batch.push(full)).toBe(0);
  });

  test("a frame too large, and what is no frame", async () => {
    const [batch] = (await createPool()).batches;
    expect(codeOf(() => batch.push(new Uint8Array(1985)))).toBe("frame-too-large");
    expect(codeOf(() => batch.push([] as never))).toBe("bad-option");
    expect(codeOf(() => batch.shards[0]!.commit(1985))).toBe("frame-too-large");
    expect(codeOf(() => batch.shards[0]!.commit(-1))).toBe("frame-too-large");
    expect(codeOf(() => batch.shards[0]!.frameAt(10_000))).toBe("bad-option");
    expect(batch.length).toBe(0);
  });

  test("an interface that is no name", async () => {
    const pool = await createPool();
    const [batch] = pool.batches;
    const device = { interface: 5 as never };
    const refusal = expect.objectContaining({
      code: "bad-option",
      message: "interface is 5: it must be the name of a device",
    });
    expect(() => batch.push(build(REQUEST), device)).toThrow(refusal);
    expect(() => batch.shards[0]!.commit(64, device)).toThrow(refusal);
    expect(() => pool.shardOf(build(REQUEST), device)).toThrow(refusal);
    expect(batch.length).toBe(0);
  });

  test("what has not been processed cannot be read", async () => {
    const [batch] = (await createPool()).batches;
    batch.push(build(REQUEST));
    expect(codeOf(() => batch.verdict(0))).toBe("bad-option");
    expect(codeOf(() => batch.verdict(1))).toBe("bad-option");
    await batch.process(0);
    expect(batch.verdict(0)).toBe("PASS");
    expect(codeOf(() => batch.event(0))).toBe("events-off");
    await expect(batch.process(Number.NaN)).rejects.toMatchObject({ code: "bad-option" });
  });

  test("with the workers it is left alone, and the other one can be filled", async () => {
    const [first, second] = (await createPool()).batches;
    first.push(build(REQUEST));
    const done = first.process(0, { events: true });
    expect(codeOf(() => first.push(build(REQUEST)))).toBe("in-flight");
    expect(codeOf(() => first.clear())).toBe("in-flight");
    expect(codeOf(() => first.shards[0]!.commit(60))).toBe("in-flight");
    await expect(first.process(0)).rejects.toMatchObject({ code: "in-flight" });
    expect(second.push(build({ ...REQUEST, flags: "A" }))).toBe(0);
    await done;
    expect(first.event(0).conntrack).toBe("new");
  });

  test("frames that are pushed later are processed alone", async () => {
    const [batch] = (await createPool()).batches;
    batch.push(build(REQUEST));
    await batch.process(0);
    const before = batch.packet(0).slice();
    batch.push(build(answer({ ...DELIVERED, flags: "SA" })));
    await batch.process(1, { events: true });
    expect(batch.packet(0)).toEqual(before);
    expect(batch.event(1)).toMatchObject({ conntrack: "reply", verdict: "PASS" });
    expect(codeOf(() => batch.event(0))).toBe("events-off");
  });

  test("a flow keeps its order, whichever batch its packets are in and whatever is awaited", async () => {
    const pool = await createPool();
    const [first, second] = pool.batches;
    const [syn, synAck] = [build(REQUEST), build({ ...answer(DELIVERED), flags: "SA" })];
    first.push(syn);
    first.push(synAck);
    second.push(build({ ...REQUEST, flags: "A" }));
    const done = [
      first.process(0, { events: true }),
      second.process(0, { events: true }),
      pool.flush(),
    ];
    await Promise.all(done);
    expect([first.event(0), first.event(1), second.event(0)].map((each) => each.conntrack)).toEqual(
      ["new", "reply", "established"],
    );
    expect(pool.counters().connections).toMatchObject({ created: 1, closed: 1, ipv4: 0 });
  });

  test("frames written into the workers' memory go the same way", async () => {
    const pool = await createPool();
    const [batch] = pool.batches;
    for (const sport of [40000, 40001, 40002, 40003]) {
      const frame = build({ ...REQUEST, sport });
      const queue = batch.shards[pool.shardOf(frame)]!;
      queue.memory.set(frame, queue.frameAt(queue.length));
      expect(queue.commit(frame.length)).toBe(sport - 40000);
    }
    await batch.process(0, { events: true });
    for (let index = 0; index < 4; index++) {
      const delivered = build({ ...DELIVERED, sport: 40000 + index });
      expect(Uint8Array.from(batch.packet(index))).toEqual(delivered);
    }
  });
});

describe("the worker of a frame", () => {
  test("is one for both directions, before translation and after, and for errors about it", async () => {
    const pool = await createPool();
    const [batch] = pool.batches;
    const shards = new Set<number>();
    for (let sport = 50000; sport < 50040; sport++) {
      const asked: Frame = { ...REQUEST, saddr: CLIENT, sport, daddr: NODE_IPV4, dport: 30080 };
      const [event] = await send(batch, [asked]);
      expect(event).toMatchObject({ masquerade: true, action: "dnat" });
      const { saddr, daddr, dport, sport: port } = event!.after!;
      const back = { saddr: daddr, daddr: saddr, sport: dport, dport: port, proto: "tcp" } as const;
      expect(pool.shardOf(build(back))).toBe(pool.shardOf(build(asked)));
      shards.add(pool.shardOf(build(asked)));
    }
    expect([...shards].sort()).toEqual([0, 1, 2]);
  });

  test("of a fragment is that of its datagram, once that is known", async () => {
    const pool = await createPool();
    const [batch] = pool.batches;
    const frame: Frame = { ...REQUEST, sport: 40002, proto: "udp", payload: new Uint8Array(50) };
    const [first, second, third] = pieces(frame, 16, 40) as [Uint8Array, Uint8Array, Uint8Array];
    const shard = pool.shardOf(build(frame));
    expect(pool.shardOf(second)).toBe(-1);
    expect(pool.shardOf(first)).toBe(shard);
    batch.push(third);
    expect(pool.shardOf(third)).toBe(-1);
    batch.push(first);
    expect(pool.shardOf(second)).toBe(shard);
  });

  test("by address is one for all connections of a client", async () => {
    const pool = await createPool({ steering: "address" });
    for (const saddr of [CLIENT, POD, "203.0.113.77", "10.244.1.99"]) {
      const sports = Array.from({ length: 20 }, (_, index) => 40000 + index);
      const shards = sports.map((sport) => pool.shardOf(build({ ...REQUEST, saddr, sport })));
      expect(new Set(shards).size).toBe(1);
    }
  });
});

describe("apply", () => {
  const EMPTY = scene();

  test("is all or nothing", async () => {
    const pool = await createPool({ capacity: { backends: 60 } });
    const before = pool.statistics();
    const many = Array.from({ length: 70 }, (_, i) => ({ address: `10.244.9.${i}`, node: NODE }));
    const objects = parseObjects(scene({ ...SERVICES.web, endpoints: many }));
    await expect(pool.apply(objects)).rejects.toMatchObject({ code: "capacity" });
    expect(pool.statistics()).toEqual(before);
    const [event] = await send(pool.batches[0], [REQUEST]);
    expect(event).toMatchObject({ verdict: "PASS", action: "dnat" });
    await expect(pool.apply({} as never)).rejects.toMatchObject({ code: "bad-option" });
    const options = { stale: true } as never;
    await expect(pool.apply(objects, options)).rejects.toMatchObject({ code: "bad-option" });
  });

  test("is the transaction of one dataplane", async () => {
    const { workers: _, ...options } = OPTIONS;
    const alone = await createDataplane(options);
    const pool = await createDataplanePool(OPTIONS);
    pools.push(pool);
    for (const objects of [OBJECTS, EMPTY, scene(SERVICES.web, SERVICES.far), OBJECTS]) {
      const transaction = await pool.apply(parseObjects([...objects]));
      expect(String(transaction)).toBe(String(alone.apply(parseObjects([...objects]))));
    }
  });

  test("comes behind the batches under way, and before those that follow", async () => {
    const pool = await createPool();
    const [first, second] = pool.batches;
    first.push(build(REQUEST));
    second.push(build({ ...REQUEST, sport: 40001 }));
    const done = [
      first.process(0, { events: true }),
      pool.apply(parseObjects(EMPTY)),
      second.process(0, { events: true }),
    ];
    await Promise.all(done);
    expect(first.event(0)).toMatchObject({ action: "dnat" });
    expect(second.event(0)).toMatchObject({ action: "pass" });
  });

  test("leaves connections alone whose Service is gone, and finds their packets", async () => {
    const pool = await createPool();
    const [batch] = pool.batches;
    // Ports lower than the Service's: without what is remembered of it, it would be taken for the client.
    const flows = Array.from({ length: 6 }, (_, index) => ({ sport: 30 + index }));
    const there = (flags: string) => flows.map((flow) => ({ ...REQUEST, ...flow, flags }));
    const back = flows.map((flow) => ({ ...answer({ ...DELIVERED, ...flow }), flags: "SA" }));
    await send(batch, there("S"));
    await pool.apply(parseObjects(EMPTY));
    for (const event of await send(batch, back)) {
      expect(event).toMatchObject({ conntrack: "reply", action: "reply" });
    }
    for (const event of await send(batch, there("A"))) {
      expect(event).toMatchObject({ conntrack: "established", action: "dnat" });
    }
  });

  test("ends UDP connections to endpoints that are gone, on every worker", async () => {
    const pool = await createPool();
    const [batch] = pool.batches;
    const move = (to: string, options?: ApplyOptions) => {
      const endpoints = [{ address: to, node: NODE }];
      return pool.apply(parseObjects(scene({ ...SERVICES.web, endpoints })), options);
    };
    const frames = Array.from({ length: 6 }, (_, index) => {
      return { ...REQUEST, sport: 40000 + index, proto: "udp" } as const;
    });
    await send(batch, frames);
    await move("10.244.1.11");
    expect(pool.counters().connections).toMatchObject({ created: 6, ipv4: 0, closed: 6 });
    const events = await send(batch, frames);
    expect(new Set(events.map(({ backend }) => backend))).toEqual(new Set(["10.244.1.11:8080"]));
    await move("10.244.1.12", { keepStaleFlows: true });
    expect(pool.counters().connections).toMatchObject({ created: 12, ipv4: 6, closed: 6 });
  });

  test("warns of session affinity unless clients are steered by address", async () => {
    const port = await createPool();
    const address = await createPool({ steering: "address" });
    const sticky = parseObjects(scene(SERVICES.sticky));
    const warned = (await port.apply(sticky)).warnings;
    expect(warned).toEqual([expect.stringContaining('steering "address"')]);
    expect((await address.apply(sticky)).warnings).toEqual([]);
    expect((await port.apply(parseObjects(EMPTY))).warnings).toEqual([]);
  });

  test("session affinity holds when clients are steered by address", async () => {
    const pool = await createPool({ steering: "address" });
    const [batch] = pool.batches;
    for (const saddr of ["203.0.113.9", "203.0.113.10", "203.0.113.11", POD]) {
      const sports = [40000, 40001, 40002, 40003, 40004, 40005];
      const dialled = sports.map((sport) => ({ ...REQUEST, saddr, sport, daddr: "10.96.0.30" }));
      const events = await send(batch, dialled);
      expect(new Set(events.map(({ backend }) => backend)).size).toBe(1);
    }
  });

  test("an interface named for the first time has its row when its packet comes", async () => {
    const proxy = {
      apiVersion: "kubeproxy.config.k8s.io/v1alpha1",
      kind: "KubeProxyConfiguration",
      detectLocalMode: "InterfaceNamePrefix",
      detectLocal: { interfaceNamePrefix: "veth" },
    };
    const [node, , ...rest] = scene(SERVICES.web);
    const pool = await createPool({ capacity: { interfaces: 2 } });
    await pool.apply(parseObjects([node!, proxy, ...rest]));
    const [batch] = pool.batches;
    batch.push(build(REQUEST), { interface: "veth0" });
    batch.push(build({ ...REQUEST, sport: 40001 }), { interface: "eth0" });
    await batch.process(0, { events: true });
    expect([batch.event(0).masquerade, batch.event(1).masquerade]).toEqual([false, true]);
    expect(codeOf(() => batch.push(build(REQUEST), { interface: "veth1" }))).toBe("capacity");
  });
});

test("random choices of workers are not the same choice", async () => {
  const pool = await createPool({ workers: 4 });
  const [batch] = pool.batches;
  const first = new Map<number, string | null>();
  for (let sport = 40000; first.size < 4; sport++) {
    const asked = { ...REQUEST, sport, daddr: "10.96.0.20" };
    const shard = pool.shardOf(build(asked));
    if (!first.has(shard)) first.set(shard, (await send(batch, [asked]))[0]!.backend);
  }
  expect(new Set(first.values()).size).toBeGreaterThan(1);
});
