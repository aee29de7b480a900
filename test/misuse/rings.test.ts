/** Readers of ring buffers that stop early, fail, wait side by side, and read while packets flow. */
import { beforeAll, describe, expect, test } from "vitest";
import { Program, type RingBuffer } from "../../src/index.ts";
import { packet } from "../../src/testing.ts";
import { SCENES, type Scene } from "../program/scene.ts";

const SOURCE = `import { Context, ringbuf, NEXT } from "waxdp/program";
@unmanaged class Record { mark: u32; }
const records = ringbuf<Record>("records", 4096);
export function program(ctx: Context): i32 {
  const record = records.reserve();
  if (record == null) return NEXT;
  record.mark = ctx.mark;
  records.submit(record);
  return NEXT;
}`;
const FRAME = packet({ saddr: "10.0.0.1", sport: 1, daddr: "10.0.0.2", dport: 2, flags: "S" });

interface Marked {
  readonly mark: number;
}

let program: Program;
beforeAll(async () => {
  program = await Program.compile(SOURCE, { name: "emit" });
});

async function open({ dataplane }: Scene) {
  const loaded = await dataplane.programs.load(program);
  const link = dataplane.hooks.ingress.attach(loaded);
  const ring = loaded.map("records") as unknown as RingBuffer<Marked>;
  const send = (...marks: number[]) => {
    for (const mark of marks) dataplane.process(FRAME, { now: 1, mark });
  };
  const close = () => {
    link.detach();
    loaded.unload();
    ring.close();
  };
  return { ring, send, close };
}

const marksOf = (records: readonly Marked[]) => records.map(({ mark }) => mark);
const turn = () => new Promise((resolve) => setTimeout(resolve, 1));

describe.each(SCENES)("misuse of ring buffers: $engine", ({ create }) => {
  test("a loop that is left takes no more than it has seen", async () => {
    const { ring, send } = await open(await create());
    send(1, 2, 3, 4);
    const seen: number[] = [];
    for await (const { mark } of ring) {
      seen.push(mark);
      if (mark === 2) break;
    }
    expect([seen, marksOf(ring.read())]).toEqual([
      [1, 2],
      [3, 4],
    ]);
  });

  test("a loop that throws does so, too", async () => {
    const { ring, send } = await open(await create());
    send(1, 2);
    const reading = (async () => {
      for await (const { mark } of ring) throw new Error(`at ${mark}`);
    })();
    await expect(reading).rejects.toThrow("at 1");
    expect(marksOf(ring.read())).toEqual([2]);
  });

  test("a reader that returns while it waits loses nothing to nobody", async () => {
    const { ring, send } = await open(await create());
    const reader = ring[Symbol.asyncIterator]();
    const waiting = reader.next();
    expect(await reader.return?.()).toEqual({ done: true, value: undefined });
    expect((await waiting).done).toBe(true);
    send(1);
    expect(marksOf(ring.read())).toEqual([1]);
  });

  test("two that wait take turns; closing ends both", async () => {
    const { ring, send, close } = await open(await create());
    const seen: [string, number][] = [];
    const readers = ["a", "b"].map(async (name) => {
      for await (const { mark } of ring) seen.push([name, mark]);
      return name;
    });
    for (const mark of [1, 2, 3, 4]) {
      send(mark);
      await turn();
    }
    expect(seen).toEqual([
      ["a", 1],
      ["b", 2],
      ["a", 3],
      ["b", 4],
    ]);
    close();
    expect(await Promise.all(readers)).toEqual(["a", "b"]);
  });

  test("a reader that sends packets itself, and closes all in the end", async () => {
    const scene = await create();
    const before = scene.runtime.arena.used;
    const { ring, send, close } = await open(scene);
    send(1);
    let count = 0;
    for await (const { mark } of ring) {
      count = mark;
      if (mark < 50) send(mark + 1);
      else close();
    }
    expect(count).toBe(50);
    expect(scene.runtime.arena.used).toBe(before);
    expect(scene.dataplane.maps.list()).toEqual([]);
  });

  test("what is no number of records", async () => {
    const { ring } = await open(await create());
    for (const most of [-1, 1.5, "1", null, Number.NaN, 1n, {}]) {
      expect(() => ring.read(most as never)).toThrow(expect.objectContaining({ code: "EINVAL" }));
    }
    for (const misuse of ["lookup", "update", "delete", "entries"] as const) {
      expect(() => ring[misuse](0 as never, 0 as never)).toThrow(
        expect.objectContaining({ code: "EOPNOTSUPP" }),
      );
    }
  });
});
