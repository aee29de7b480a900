/** How a pool begins and ends: on purpose, by accident, and by being forgotten. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build as bundle } from "esbuild";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import {
  createDataplanePool,
  type DataplanePool,
  type PoolBatch,
  parseObjects,
} from "../../src/index.ts";
import { build } from "../conformance/frame.ts";
import { NODE, OBJECTS, REQUEST, scene } from "../conformance/scene.ts";

const OPTIONS = { workers: 3, node: NODE, seed: 7, capacity: { slots: 65536, batch: 16 } };

const pools: DataplanePool[] = [];
afterEach(async () => {
  for (const pool of pools.splice(0)) await pool.close();
});

async function createPool(workers = 3): Promise<DataplanePool> {
  const pool = await createDataplanePool({ ...OPTIONS, workers });
  pools.push(pool);
  await pool.apply(parseObjects([...OBJECTS]));
  return pool;
}

/** A frame for each worker. */
function fill(pool: DataplanePool, batch: PoolBatch): void {
  const shards = new Set<number>();
  for (let sport = 40000; shards.size < pool.workers; sport++) {
    const frame = build({ ...REQUEST, sport });
    shards.add(pool.shardOf(frame));
    batch.push(frame);
  }
}

describe("a pool that is closed", () => {
  const REFUSED: [string, (pool: DataplanePool) => unknown][] = [
    ["push", ({ batches: [batch] }) => batch.push(build(REQUEST))],
    ["commit", ({ batches: [batch] }) => batch.shards[0]!.commit(60)],
    ["clear", ({ batches: [batch] }) => batch.clear()],
    ["verdict", ({ batches: [batch] }) => batch.verdict(0)],
    ["packet", ({ batches: [batch] }) => batch.packet(0)],
    ["event", ({ batches: [batch] }) => batch.event(0)],
    ["released", ({ batches: [batch] }) => batch.released()],
    ["shardOf", (pool) => pool.shardOf(build(REQUEST))],
    ["counters", (pool) => pool.counters()],
    ["statistics", (pool) => pool.statistics()],
    ["process", ({ batches: [batch] }) => batch.process(0)],
    ["apply", (pool) => pool.apply(parseObjects(scene()))],
    ["flush", (pool) => pool.flush()],
  ];

  test.each(REFUSED)("refuses %s", async (_, call) => {
    const pool = await createPool(1);
    await pool.close();
    const refused = (async () => call(pool))();
    await expect(refused).rejects.toMatchObject({ code: "closed" });
  });

  test("may be closed again", async () => {
    const pool = await createPool();
    await Promise.all([pool.close(), pool.close()]);
    await pool.close();
    await pool[Symbol.asyncDispose]();
  });

  test("has done what was under way", async () => {
    const pool = await createPool();
    const [first, second] = pool.batches;
    for (const batch of pool.batches) fill(pool, batch);
    const done = [
      first.process(0),
      pool.apply(parseObjects(scene())),
      second.process(0),
      pool.flush(),
      pool.close(),
    ];
    await Promise.all(done);
  });
});

describe("a worker that dies", () => {
  /** Makes a frame of a worker lie where there is no memory, which ends the worker. */
  function sabotage(batch: PoolBatch, shard: number): void {
    const { memory } = batch.shards[shard]!;
    const words = new Uint32Array(memory.buffer);
    const descriptor = words.indexOf(memory.byteOffset);
    expect(descriptor).toBeGreaterThan(0);
    words[descriptor] = 0xffff_0000;
  }

  test("is named, and closes the pool", async () => {
    const pool = await createPool();
    const [first, second] = pool.batches;
    for (const batch of pool.batches) fill(pool, batch);
    sabotage(first, 1);
    const [one, two, three] = await Promise.allSettled([
      first.process(0),
      second.process(0),
      pool.apply(parseObjects(scene())),
    ]);
    for (const each of [one, two, three]) {
      expect(each).toMatchObject({ reason: { code: "worker-died" } });
    }
    expect((one as PromiseRejectedResult).reason.message).toMatch(
      /^worker 2 of 3 has died: .*memory/,
    );
    expect(() => pool.counters()).toThrow(expect.objectContaining({ code: "closed" }));
    expect(() => pool.counters()).toThrow(/worker 2 of 3/);
    await expect(first.process(0)).rejects.toMatchObject({ code: "closed" });
    await pool.close();
    await pool.close();
  });

  test("before it has started lets no pool come to be", async () => {
    const rejected = createDataplanePool({ ...OPTIONS, worker: "/nowhere/worker.js" });
    await expect(rejected).rejects.toMatchObject({ code: "worker-died" });
    await expect(rejected).rejects.toThrow(/worker [1-3] of 3/);
  });
});

describe("options that are refused", () => {
  test.each([
    { linkType: "carrier-pigeon" as never },
    { seed: -1 },
    { workers: 65 },
    { steering: "x" as never },
    { capacity: { frame: 2 ** 18, batch: 2 ** 16 } },
  ])("start no worker: %o", async (option) => {
    const threads = process.getBuiltinModule("node:worker_threads");
    const { Worker } = threads;
    let started = 0;
    const construct = (made: typeof Worker, args: ConstructorParameters<typeof Worker>) => {
      started++;
      return new made(...args);
    };
    threads.Worker = new Proxy(Worker, { construct });
    try {
      const rejected = createDataplanePool({ ...OPTIONS, ...option });
      await expect(rejected).rejects.toMatchObject({ name: "DataplaneError" });
      expect(started).toBe(0);
      await (await createPool(1)).close();
      expect(started).toBe(1);
    } finally {
      threads.Worker = Worker;
    }
  });

  test.each(["worker.js", new URL("https://example.com/worker.js")])(
    "name an address that no worker comes from: %s",
    async (worker) => {
      const rejected = createDataplanePool({ ...OPTIONS, worker });
      await expect(rejected).rejects.toMatchObject({ code: "bad-option" });
      await expect(rejected).rejects.toThrow(/^worker is ".*worker\.js": /);
    },
  );
});

test("options of frames and of batches that are no objects are refused", async () => {
  const pool = await createPool(1);
  const [batch] = pool.batches;
  const refused = expect.objectContaining({
    code: "bad-option",
    message: expect.stringMatching(/^the options of (a frame|process) are null: /),
  });
  const [frame, none] = [build(REQUEST), null as never];
  expect(() => batch.push(frame, none)).toThrow(refused);
  expect(() => batch.shards[0]!.commit(frame.length, none)).toThrow(refused);
  expect(() => pool.shardOf(frame, none)).toThrow(refused);
  await expect(batch.process(0, none)).rejects.toEqual(refused);
  expect(batch.length).toBe(0);
});

test("without Atomics.waitAsync workers tell when they are done", async () => {
  const atomics = Atomics as { waitAsync?: unknown };
  const { waitAsync } = atomics;
  atomics.waitAsync = undefined;
  try {
    const pool = await createPool();
    for (let round = 0; round < 20; round++) {
      for (const batch of pool.batches) {
        batch.clear();
        fill(pool, batch);
      }
      await Promise.all(pool.batches.map((batch) => batch.process(round)));
    }
    await pool.flush();
    expect(pool.counters().connections.ipv4).toBe(0);
    await pool.close();
  } finally {
    atomics.waitAsync = waitAsync;
  }
});

test("time that passes without packets ends connections on every worker", async () => {
  const pool = await createPool();
  const [batch] = pool.batches;
  fill(pool, batch);
  await batch.process(0);
  expect(pool.counters().connections.ipv4).toBeGreaterThanOrEqual(3);
  batch.clear();
  await batch.process(200_000);
  expect(pool.counters().connections.ipv4).toBe(0);
});

describe("a process", () => {
  let folder: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "waxdp-"));
    await bundle({
      entryPoints: ["src/index.ts"],
      outfile: join(folder, "waxdp.mjs"),
      bundle: true,
      format: "esm",
      logLevel: "warning",
    });
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  function run(program: string) {
    writeFileSync(
      join(folder, "program.mjs"),
      `import { createDataplanePool } from "./waxdp.mjs";
       const pool = await createDataplanePool({ workers: 2, capacity: { slots: 64 } });
       const [batch] = pool.batches;
       ${program}`,
    );
    const { status, stdout, stderr } = spawnSync("node", [join(folder, "program.mjs")], {
      encoding: "utf8",
      timeout: 20_000,
    });
    return { status, stdout, stderr };
  }

  test("ends when its pool is closed", () => {
    const program = "await batch.process(0); await pool.close(); console.log('closed');";
    expect(run(program)).toEqual({ status: 0, stdout: "closed\n", stderr: "" });
  });

  test("ends when its pool is forgotten", () => {
    expect(run("await batch.process(0); console.log('done');")).toEqual({
      status: 0,
      stdout: "done\n",
      stderr: "",
    });
  });

  test("lives on while a batch is under way", () => {
    const program = "batch.process(0).then(() => console.log('done'));";
    expect(run(program)).toEqual({ status: 0, stdout: "done\n", stderr: "" });
  });

  test("says what a worker died of, once", () => {
    const { status, stderr } = run(`
      batch.push(new Uint8Array(60));
      const { memory } = batch.shards[0];
      const words = new Uint32Array(memory.buffer);
      words[words.indexOf(memory.byteOffset)] = 0xffff0000;
      await batch.process(0);`);
    expect(status).toBe(1);
    expect(stderr.match(/worker 1 of 2 has died/g)).toHaveLength(1);
  });
});
