/** Ring buffers: what programs emit, and those who read it. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { runs } from "../fuzz/runs.ts";
import { type Engine, engines } from "./engines.ts";
import { play, recordOf } from "./operation.ts";
import { records } from "./records.ts";
import { codeOf } from "./refusal.ts";

const SIZE = 4096;
const [EAGAIN, EINVAL] = [11, 22];

function emit(engine: Engine, ...bytes: number[]): number {
  const { helpers, memory, spare } = engine;
  memory.set(bytes, spare);
  return helpers.ringbuf_output(recordOf(engine, "ring").bytes.handle, spare, bytes.length);
}

function bytesOf(words: readonly Uint8Array[]): number[][] {
  return words.map((word) => [...word]);
}

test("both engines do the same to any records", async () => {
  const property = fc.asyncProperty(records, async (operations) => {
    const results = await Promise.all(
      engines.map(async ([, create]) => play(await create(), operations)),
    );
    expect(results[0]).toEqual(results[1]);
  });
  await fc.assert(property, runs(60));
});

describe.each(engines)("%s", (_name, create) => {
  async function withRing() {
    const engine = await create();
    const ring = engine.maps.create({ name: "ring", type: "ringbuf", maxEntries: SIZE });
    const { handle } = recordOf(engine, "ring").bytes;
    return { engine, ring, handle, ...engine };
  }

  test("records come out in the order in which they were reserved", async () => {
    const { ring, handle, helpers, memory } = await withRing();
    const [first, second, third] = [1, 2, 3].map(() => helpers.ringbuf_reserve(handle, 3) >>> 0);
    for (const [index, at] of [first, second, third].entries()) memory[at as number] = index + 1;
    helpers.ringbuf_submit(third as number);
    expect(ring.read()).toEqual([]);
    helpers.ringbuf_discard(second as number);
    helpers.ringbuf_submit(first as number);
    expect(bytesOf(ring.read())).toEqual([
      [1, 0, 0],
      [3, 0, 0],
    ]);
    expect([ring.length, ring.lost]).toEqual([0, 0]);
  });

  test("a record is submitted once", async () => {
    const { ring, handle, helpers } = await withRing();
    const record = helpers.ringbuf_reserve(handle, 8);
    helpers.ringbuf_submit(record);
    helpers.ringbuf_discard(record);
    expect(ring.read().length).toBe(1);
    helpers.ringbuf_discard(record);
    helpers.ringbuf_submit(record + 8);
    helpers.ringbuf_submit(0);
    helpers.ringbuf_submit(-1);
    expect([ring.read(), ring.length]).toEqual([[], 0]);
  });

  test("what finds no room is lost, and counted", async () => {
    const { ring, engine, handle, helpers } = await withRing();
    expect(helpers.ringbuf_reserve(handle, SIZE - 8)).toBe(0);
    expect(helpers.ringbuf_reserve(handle, -1)).toBe(0);
    expect(helpers.ringbuf_output(handle, engine.spare, -1)).toBe(-EAGAIN);
    expect(ring.lost).toBe(3);
    expect(helpers.ringbuf_reserve(handle, SIZE - 16)).not.toBe(0);
    expect(emit(engine, 1)).toBe(-EAGAIN);
    expect([ring.lost, ring.length]).toEqual([4, SIZE - 8]);
    expect(helpers.ringbuf_query(handle, 4)).toBe(0n);
    ring.close();
    expect([ring.lost, ring.length]).toEqual([4, 0]);
  });

  test("a record behind the end stands in one piece", async () => {
    const { ring, engine } = await withRing();
    for (let round = 0; round < 500; round++) {
      const record = Array.from(
        { length: 1 + ((round * 37) % 900) },
        (_, at) => (at + round) & 255,
      );
      expect(emit(engine, ...record)).toBe(0);
      expect(bytesOf(ring.read())).toEqual([record]);
    }
  });

  test("a length that a program has overwritten leads nowhere", async () => {
    const { ring, engine, handle, helpers, memory } = await withRing();
    const record = helpers.ringbuf_reserve(handle, 8) >>> 0;
    emit(engine, 9);
    memory.set([0xff, 0xff, 0xff, 0x0f], record - 8);
    expect(ring.read().length).toBe(1);
    expect([ring.read(), ring.length]).toEqual([[], 0]);
    emit(engine, 7);
    expect(bytesOf(ring.read())).toEqual([[7]]);
  });

  test("read takes as many as it is told", async () => {
    const { ring, engine } = await withRing();
    for (let record = 1; record <= 5; record++) emit(engine, record);
    expect(bytesOf([...ring.read(0), ...ring.read(2)])).toEqual([[1], [2]]);
    expect(bytesOf(ring.read(Number.POSITIVE_INFINITY))).toEqual([[3], [4], [5]]);
    for (const no of [-1, 1.5, Number.NaN, "1"]) {
      expect(codeOf(() => ring.read(no as never))).toBe("EINVAL");
    }
  });

  test("records have fields; short ones are filled up, long ones cut", async () => {
    const engine = await create();
    const value = { port: "be16", name: { text: 4 } } as const;
    const ring = engine.maps.create({ name: "ring", type: "ringbuf", maxEntries: SIZE, value });
    emit(engine, 0, 53, 0x61, 0x62, 0, 0);
    emit(engine, 0, 53);
    emit(engine);
    emit(engine, 0, 53, 0x61, 0x62, 0x63, 0x64, 0x65);
    expect(ring.read()).toEqual([
      { port: 53, name: "ab" },
      { port: 53, name: "" },
      { port: 0, name: "" },
      { port: 53, name: "abcd" },
    ]);
  });

  test("it has no keys", async () => {
    const { ring } = await withRing();
    const refused = [
      () => ring.lookup(0 as never),
      () => ring.update(0 as never, 0 as never),
      () => ring.delete(0 as never),
      () => ring.entries(),
      () => ring.batch.lookup(1),
    ];
    expect(refused.map(codeOf)).toEqual(refused.map(() => "EOPNOTSUPP"));
    const { key, value, valueSize, length } = ring.info();
    expect([key, value, valueSize, length]).toEqual([undefined, undefined, 0, 0]);
  });

  describe("async iterators", () => {
    test("give what is there, and wait for what comes", async () => {
      const { ring, engine, maps } = await withRing();
      emit(engine, 1);
      const reader = ring[Symbol.asyncIterator]();
      expect((await reader.next()).value).toEqual(Uint8Array.of(1));
      const next = reader.next();
      let isThere = false;
      next.then(() => {
        isThere = true;
      });
      emit(engine, 2);
      await new Promise((resolve) => setTimeout(resolve, 5));
      expect(isThere).toBe(false);
      maps.notify();
      expect(await next).toEqual({ done: false, value: Uint8Array.of(2) });
    });

    test("of several readers, each record goes to the one that has waited longest", async () => {
      const { ring, engine, maps } = await withRing();
      const [one, two] = [ring[Symbol.asyncIterator](), ring[Symbol.asyncIterator]()];
      const waiting = [one.next(), two.next(), one.next()];
      for (let record = 1; record <= 4; record++) emit(engine, record);
      expect(bytesOf(ring.read())).toEqual([[4]]);
      maps.notify();
      const results = await Promise.all(waiting);
      expect(results.map(({ value }) => value?.[0])).toEqual([1, 2, 3]);
    });

    test("end when the map is closed", async () => {
      const { ring, engine } = await withRing();
      const met: number[] = [];
      const reading = (async () => {
        for await (const [first] of ring) met.push(first as number);
      })();
      emit(engine, 1);
      engine.maps.notify();
      await new Promise((resolve) => setTimeout(resolve, 5));
      emit(engine, 2);
      ring.close();
      await reading;
      expect(met).toEqual([1]);
      expect(await ring[Symbol.asyncIterator]().next()).toEqual({ done: true, value: undefined });
      expect(codeOf(() => ring.read())).toBe("EBADF");
    });

    test("leave the rest to others when they stop", async () => {
      const { ring, engine, maps } = await withRing();
      emit(engine, 1);
      emit(engine, 2);
      for await (const _ of ring) break;
      const stopped = ring[Symbol.asyncIterator]();
      const other = ring[Symbol.asyncIterator]();
      expect((await other.next()).value).toEqual(Uint8Array.of(2));
      const [left, taken] = [stopped.next(), other.next()];
      await stopped.return?.();
      emit(engine, 3);
      maps.notify();
      expect((await left).done).toBe(true);
      expect((await taken).value).toEqual(Uint8Array.of(3));
      expect((await stopped.next()).done).toBe(true);
    });
  });

  test("helpers want a ring buffer", async () => {
    const engine = await create();
    engine.maps.create({ name: "ring", type: "array", value: "u32", maxEntries: 1 });
    expect(emit(engine, 1)).toBe(-EINVAL);
    expect(engine.helpers.ringbuf_reserve(recordOf(engine, "ring").bytes.handle, 8)).toBe(0);
  });
});
