/** The walk of the Wasm engine, where it differs from the model's: places of packets, memory, links and what is kept. */
import { beforeEach, describe, expect, test } from "vitest";
import { CTX_ENDED, CTX_MARK, EINVAL } from "../../abi/program.ts";
import { VERDICT_DROP } from "../../abi/verdict.ts";
import type { DataplaneOptions } from "../../src/dataplane/dataplane.ts";
import { capacityOf } from "../../src/dataplane/options.ts";
import type { Step } from "../../src/dataplane/runtime.ts";
import { createEngine } from "../../src/dataplane/wasm.ts";
import { build } from "../conformance/frame.ts";
import { createLab, type Lab, NAT } from "../conformance/programs/lab.ts";
import { ctx, field, forEach, i32, packetForm, setField } from "../conformance/programs/wat.ts";
import { REQUEST } from "../conformance/scene.ts";

const NEXT = i32(-1);
const MARKED = { mark: 7, priority: 3 };
const create = (options: DataplaneOptions) =>
  createEngine({ capacity: capacityOf(options), seed: options.seed ?? 0 });

let lab: Lab;
beforeEach(async () => {
  lab = await createLab(create);
});

const noop = (link: number): Step => lab.step(link, packetForm(NEXT));
const drop = (link: number): Step => lab.step(link, packetForm(i32(VERDICT_DROP)));
const frameOf = (sport: number): Uint8Array => build({ ...REQUEST, sport });

/** Puts frames behind those in the batch, and takes them through. */
function add(...sports: number[]): void {
  const { batch } = lab.engine;
  for (const frame of sports.map(frameOf)) {
    batch.memory.set(frame, batch.frameAt(batch.length));
    const input = {
      interface: 0,
      link: 0,
      local: false,
      backend: 0,
      mark: frame[35]!,
      priority: 1,
    };
    batch.commit(frame.length, { ...input, wireLength: frame.length });
  }
  batch.process(0);
}

const marksOf = (...indices: number[]) =>
  indices.map((index) => lab.engine.batch.outcome(index).programs?.mark);

describe("outcomes of a batch", () => {
  test("stay when others are added, and when a frame goes alone", () => {
    lab.install({ ingress: [noop(2), NAT] });
    add(0x4001, 0x4002);
    add(0x4003);
    lab.send(frameOf(0x4009), MARKED);
    expect(marksOf(0, 1, 2)).toEqual([1, 2, 3]);
  });

  test("stay when some of those added have ended, and are moved", () => {
    lab.install({ ingress: [noop(2), NAT] });
    add(0x4001, 0x4002);
    const odd = `(i32.sub (i32.shl (i32.and ${field(CTX_MARK)} (i32.const 1)) (i32.const 1)) (i32.const 1))`;
    lab.install({ ingress: [lab.step(3, packetForm(odd)), NAT] });
    add(0x4003, 0x4004, 0x4005, 0x4006);
    expect(marksOf(0, 1, 2, 3, 4, 5)).toEqual([1, 2, 3, 4, 5, 6]);
    const links = [0, 1, 2, 3, 4, 5].map((i) => lab.engine.batch.outcome(i).programs?.link);
    expect(links).toEqual([0, 0, 3, 0, 3, 0]);
  });

  test("say nothing of programs once chains are inactive, nor of frames that came before", () => {
    add(0x4001);
    lab.install({ ingress: [noop(2), NAT] });
    add(0x4002);
    lab.install({});
    add(0x4003);
    expect(marksOf(0, 1, 2)).toEqual([undefined, 2, undefined]);
    lab.engine.batch.clear();
    add(0x4004, 0x4005);
    expect(marksOf(0, 1)).toEqual([undefined, undefined]);
  });

  test("are not told of a frame that has not been through, in the place of one that has", () => {
    const { batch } = lab.engine;
    lab.install({ ingress: [noop(2), NAT] });
    add(0x4001);
    batch.clear();
    batch.memory.set([1, 2, 3], batch.frameAt(0));
    const input = { interface: 0, link: 0, local: false, backend: 0, mark: 9, priority: 0 };
    batch.commit(3, { ...input, wireLength: 3 });
    expect([...batch.packet(0)]).toEqual([1, 2, 3]);
  });

  test("are those of the frames, however many have ended in between", () => {
    const each = `(if (i32.eq ${field(CTX_MARK)} (i32.const 2)) (then ${setField(CTX_ENDED, i32(2))}))`;
    lab.install({ ingress: [lab.step(2, forEach(each)), NAT], egress: [noop(3)] });
    add(0x4001, 0x4002, 0x4003);
    const verdicts = [0, 1, 2].map((index) => lab.engine.batch.outcome(index).verdict);
    expect(verdicts).toEqual([2, 1, 2]);
    expect(lab.runtime.tally(3)).toMatchObject({ runs: 2, verdicts: { NEXT: 2 } });
  });
});

test("a mark is the frame's, not its slot's", () => {
  lab.install({ ingress: [noop(2), NAT] });
  const marks = (given: object) =>
    lab
      .sendAll([REQUEST, REQUEST], given)
      .map(({ programs }) => [programs?.mark, programs?.priority]);
  expect(marks(MARKED)).toEqual([
    [7, 3],
    [7, 3],
  ]);
  expect(marks({})).toEqual([
    [0, 0],
    [0, 0],
  ]);
  expect(
    [lab.send(REQUEST, MARKED), lab.send(REQUEST)].map(({ programs }) => programs?.mark),
  ).toEqual([7, 0]);
});

test("a backend that was wanted is forgotten with its packet", () => {
  const pool = { ...REQUEST, daddr: "10.96.0.20" };
  const wanted = lab.backend("10.244.2.1");
  const wanting = lab.step(
    2,
    packetForm(`(drop (call $set_backend ${ctx} ${i32(wanted)})) ${NEXT}`),
  );
  lab.install({ ingress: [wanting, NAT] });
  const sports = Array.from({ length: 16 }, (_, index) => 41000 + index);
  const frames = sports.map((sport) => ({ ...pool, sport }));
  expect(lab.sendAll(frames).every(({ backend }) => backend === wanted)).toBe(true);
  lab.install({});
  const drawn = lab.sendAll(frames.map((frame) => ({ ...frame, sport: frame.sport + 100 })));
  expect(new Set(drawn.map(({ backend }) => backend)).size).toBeGreaterThan(1);
});

describe("memory", () => {
  test("never grows, and views of it last", () => {
    const { runtime, engine } = lab;
    const { buffer } = runtime.memory;
    lab.install({ ingress: [noop(2), NAT], egress: [noop(3)] });
    lab.sendAll([REQUEST]);
    expect(runtime.memory.buffer).toBe(buffer);
    expect(engine.batch.memory.buffer).toBe(buffer);
  });

  test.each([64, 128, 4096])(
    "has %i bytes of headroom in front of every frame",
    async (headroom) => {
      lab = await createLab(create, { capacity: { headroom } });
      const at = lab.room(16);
      const moves = (delta: number, to: number) =>
        `(i32.store ${i32(to)} (call $adjust_head ${ctx} ${i32(delta)}))`;
      const tries = (most: number, to: number) =>
        `${moves(-most, to)} ${moves(-1, to + 4)} (drop (call $adjust_head ${ctx} ${i32(most)})) ${NEXT}`;
      const before = lab.step(2, packetForm(tries(headroom - 64, at)));
      const after = lab.step(3, packetForm(tries(headroom, at + 8)));
      lab.install({ ingress: [before, NAT, after] });
      for (const send of [() => lab.send(REQUEST), () => lab.sendAll([REQUEST, REQUEST])]) {
        send();
        const said = [0, 4, 8, 12].map((to) => lab.word(at + to) | 0);
        expect(said).toEqual([0, -EINVAL, 0, -EINVAL]);
      }
    },
  );

  test("may have no arena at all", async () => {
    lab = await createLab(create, { capacity: { arena: 0 } });
    expect(lab.runtime.arena.take(8)).toBeUndefined();
    expect(
      lab.runtime.createMap({ type: 2, keySize: 4, valueSize: 4, maxEntries: 1, flags: 0 }),
    ).toBe(undefined);
    lab.install({ ingress: [] });
    expect(lab.send(REQUEST)).toMatchObject({ verdict: "PASS", action: "pass", conntrack: "none" });
  });

  test("that 32 bits cannot address is refused", async () => {
    const capacity = { arena: 2 ** 31, slots: 2 ** 28, batch: 65536, frame: 16384 };
    await expect(createLab(create, { capacity })).rejects.toThrow(/more than 4 GiB of memory/);
  });
});

describe("links", () => {
  test("come and go without end", () => {
    const entry = (noop(2) as { entry: number }).entry;
    for (let link = 2; link < 2000; link++) {
      const step: Step = { kind: "program", link, form: "packet", entry };
      lab.install({ ingress: [step, NAT] });
      if (link % 100 === 0) lab.send(REQUEST);
      expect(lab.runtime.tally(link).runs).toBe(link % 100 === 0 ? 1 : 0);
    }
  });

  test("keep what was counted while they stay, and start at 0 when they come again", () => {
    const [first, second] = [noop(2), drop(3)];
    lab.install({ ingress: [first, NAT] });
    lab.send(REQUEST);
    lab.install({ ingress: [second, first, NAT] });
    lab.send(REQUEST);
    expect(lab.runtime.tally(2).runs).toBe(1);
    expect(lab.runtime.tally(3)).toMatchObject({ runs: 1, verdicts: { DROP: 1, NEXT: 0 } });
    lab.install({ ingress: [first, NAT] });
    lab.install({ ingress: [second, first, NAT] });
    expect(lab.runtime.tally(3).runs).toBe(0);
    expect(lab.runtime.tally(99)).toMatchObject({ runs: 0, runTime: 0 });
  });

  test("are 256 at most, and one too many changes nothing", () => {
    const entry = (drop(2) as { entry: number }).entry;
    const many = (count: number): Step[] =>
      Array.from({ length: count }, (_, i) => ({
        kind: "program",
        link: i + 2,
        form: "packet",
        entry,
      }));
    expect(() => lab.install({ ingress: [NAT, ...many(256)] })).toThrow(RangeError);
    expect(lab.send(REQUEST)).toMatchObject({ verdict: "PASS", programs: undefined });
    lab.install({ ingress: [NAT, ...many(255)] });
    expect(lab.send(REQUEST)).toMatchObject({ verdict: "DROP", programs: { link: 2 } });
  });

  test("are timed by the clock that is given", () => {
    let now = 0;
    lab.install({ ingress: [noop(2), NAT], egress: [noop(3)], clock: () => (now += 5) });
    lab.sendAll([REQUEST, REQUEST]);
    lab.send(REQUEST);
    expect([1, 2, 3].map((link) => lab.runtime.tally(link).runTime)).toEqual([10, 10, 10]);
  });
});

test("what a trap leaves behind is whole, at any depth of the stack", () => {
  const endless = `(module
    (func $f (export "program") (param i32) (result i32) (i32.add (call $f (local.get 0)) (i32.const 1))))`;
  const traps: unknown[] = [];
  const trapped = (_: number, error: unknown) => traps.push(error) < 3;
  lab.install({ ingress: [lab.step(2, endless), noop(3), NAT], trapped });
  const fates = lab.sendAll(Array.from({ length: 5 }, (_, i) => frameOf(0x4000 + i)));
  expect(fates.map(({ verdict }) => verdict)).toEqual([
    "ABORTED",
    "ABORTED",
    "ABORTED",
    "PASS",
    "PASS",
  ]);
  expect(traps.every((error) => error instanceof RangeError)).toBe(true);
  expect(lab.runtime.tally(2)).toMatchObject({ runs: 3, verdicts: { ABORTED: 3 } });
  expect(lab.runtime.tally(3)).toMatchObject({ runs: 2, verdicts: { NEXT: 2 } });
  const { packets, verdicts, reasons } = lab.engine.counters();
  expect([packets, verdicts.ABORTED, reasons.trap]).toEqual([5, 3, 3]);
});

test("sizes of rings that programs are told follow the rings", () => {
  const at = lab.room(64);
  const ask = `(if (call $tuple ${ctx} ${i32(at)}) (then (drop (call $service ${i32(at)} ${i32(at + 40)})))) ${NEXT}`;
  lab.install({ ingress: [lab.step(2, packetForm(ask)), NAT] });
  const pool = { ...REQUEST, daddr: "10.96.0.20" };
  lab.send(pool);
  expect(lab.word(at + 44)).toBe(5);
  const service = lab.service("10.96.0.20");
  const key = { service, ring: "cluster" } as const;
  const ring = lab.engine.maps.rings.lookup(key)!;
  lab.engine.maps.rings.update(key, {
    ...ring,
    slots: [...ring.slots.slice(0, 2), ring.slots[0]!],
  });
  lab.send({ ...pool, sport: 40001 });
  expect([lab.word(at + 40), lab.word(at + 44)]).toEqual([service, 2]);
});
