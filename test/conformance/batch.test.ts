/** A batch is its packets one after another: whatever its length, the same bytes, events, counters and memory. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Dataplane, Released } from "../../src/dataplane/dataplane.ts";
import { DataplaneError } from "../../src/dataplane/error.ts";
import type { PacketEvent } from "../../src/dataplane/event.ts";
import { createModel } from "../../src/index.ts";
import { aim, type Packet, packetOf, sending, type Target, targetsOf } from "../fuzz/packets.ts";
import { dataplanes } from "./dataplanes.ts";
import { build, type Frame } from "./frame.ts";
import { pieces } from "./pieces.ts";
import { answer, DELIVERED, REQUEST } from "./scene.ts";
import { EPOCH, prepare } from "./walk.ts";

const SIZES = [1, 2, 63, 64, 65, 256];
const BATCH_CAPACITY = 256;
const OPTIONS = {
  capacity: { batch: BATCH_CAPACITY, connections: 64, connections6: 64, affinity: 4 },
};
/** Packets that share a moment: a multiple of every size but 63 and 65, which leave rests. */
const MOMENT = 256;

interface Outcome {
  readonly event: PacketEvent;
  readonly packet: Uint8Array;
  readonly released: readonly Released[];
}

/** Random packets, and between them connections whose packets meet in one batch. */
function traffic(targets: readonly Target[]): Packet[] {
  const sendings = fc.sample(sending, { seed: 42, numRuns: 768 });
  const strangers = sendings.map((one, i) => packetOf(aim(one, targets, i)));
  return strangers.flatMap((stranger, i) => [stranger, ...(i % 3 === 0 ? exchange(1024 + i) : [])]);
}

function exchange(sport: number): Packet[] {
  const to = { ...DELIVERED, sport };
  const steps: Frame[] = [
    { ...REQUEST, sport },
    { ...answer(to), flags: "SA" },
    { ...REQUEST, sport, flags: "A" },
    { ...answer(to), flags: "R" },
    { ...REQUEST, sport },
  ];
  return [...steps.map((frame) => build(frame)), ...datagram(sport)].map((bytes) => ({
    bytes,
    options: {},
  }));
}

/** In fragments, of which the first comes last. */
function datagram(sport: number): Uint8Array[] {
  const saddr = `10.244.${sport % 4}.${sport % 251}`;
  const payload = new Uint8Array(30).fill(sport);
  return pieces({ ...REQUEST, saddr, sport, proto: "udp", payload }, 8, 24).reverse();
}

/** Moments of packets: time stands still within one. */
const MOMENTS = chunks(traffic(targetsOf((await prepare(createModel, {})).maps)), MOMENT);

function chunks<T>(items: readonly T[], length: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / length) }, (_, i) =>
    items.slice(i * length, (i + 1) * length),
  );
}

function oneByOne(dataplane: Dataplane): Outcome[] {
  return MOMENTS.flatMap((packets, i) =>
    packets.map(({ bytes, options }) => {
      const result = dataplane.process(bytes, { ...options, now: momentAt(i) });
      return { event: result.event, packet: result.packet, released: result.released };
    }),
  );
}

function momentAt(index: number): number {
  return EPOCH + index * 40_000;
}

function inBatches(dataplane: Dataplane, size: number): Outcome[] {
  return MOMENTS.flatMap((packets, i) =>
    chunks(packets, size).flatMap((some) => oneBatch(dataplane, some, momentAt(i))),
  );
}

function oneBatch({ batch }: Dataplane, packets: readonly Packet[], now: number): Outcome[] {
  for (const { bytes, options } of packets) batch.push(bytes, options);
  batch.process(now, { events: true });
  const outcomes = packets.map((_, i) => {
    const event = batch.event(i);
    expect(batch.verdict(i)).toBe(event.verdict);
    return { event, packet: batch.packet(i).slice(), released: releasedBy(batch, i) };
  });
  batch.clear();
  return outcomes;
}

function releasedBy({ released }: Dataplane["batch"], index: number): Released[] {
  return released()
    .filter(({ by }) => by === index)
    .map(({ event, packet }) => ({ event, packet: packet.slice() }));
}

function memoryOf({ maps, counters, statistics }: Dataplane): unknown {
  const connections = new Map(
    [...maps.conntrack.entries()].map(([key, value]) => [JSON.stringify(key), value]),
  );
  return { counters: counters(), statistics: statistics(), connections };
}

for (const { name, create } of dataplanes) {
  describe(name, () => {
    test.each(SIZES)("batches of %i", async (size) => {
      const [single, batched] = [
        await prepare(create, { options: OPTIONS }),
        await prepare(create, { options: OPTIONS }),
      ];
      expect(inBatches(batched, size)).toEqual(oneByOne(single));
      expect(memoryOf(batched)).toEqual(memoryOf(single));
      expect(batched.counters().fragments.released).toBeGreaterThan(100);
    });

    test("frames may be written in place", async () => {
      const { batch } = await prepare(create, { options: OPTIONS });
      const frame = build(REQUEST);
      batch.memory.set(frame, batch.frameAt(0));
      expect(batch.commit(frame.length)).toBe(0);
      batch.process(0);
      expect(batch.packet(0)).toEqual(build(DELIVERED));
    });

    test("an empty batch changes nothing", async () => {
      const dataplane = await prepare(create, { options: OPTIONS });
      dataplane.batch.process(0);
      expect(dataplane.batch.length).toBe(0);
      expect(dataplane.counters().packets).toBe(0);
    });

    test("a frame goes through once, however often the batch is processed", async () => {
      const dataplane = await prepare(create, { options: OPTIONS });
      const { batch } = dataplane;
      const refused = build({ ...REQUEST, daddr: "10.96.0.40" });
      batch.push(refused);
      batch.process(0, { events: true });
      const answered = batch.packet(0).slice();
      batch.packet(0).set(refused);
      batch.push(build(REQUEST));
      batch.process(0);
      expect([batch.verdict(0), batch.verdict(1)]).toEqual(["TX", "PASS"]);
      expect(batch.packet(0)).toEqual(Uint8Array.of(...refused, ...answered.slice(refused.length)));
      expect(batch.packet(1)).toEqual(build(DELIVERED));
      expect(batch.event(0).verdict).toBe("TX");
      expect(() => batch.event(1)).toThrow(expect.objectContaining({ code: "events-off" }));
      expect(dataplane.counters()).toMatchObject({ packets: 2, verdicts: { TX: 1, PASS: 1 } });
    });

    test("a full batch and too large a frame are refused", async () => {
      const { batch } = await prepare(create, { options: OPTIONS });
      const refusal = (code: string) =>
        expect.objectContaining({ constructor: DataplaneError, code });
      expect(() => batch.push(new Uint8Array(batch.frameCapacity + 1))).toThrow(
        refusal("frame-too-large"),
      );
      expect(batch.push(new Uint8Array(batch.frameCapacity))).toBe(0);
      for (let i = 1; i < batch.capacity; i++) batch.push(new Uint8Array(0));
      expect(batch.length).toBe(BATCH_CAPACITY);
      expect(() => batch.push(new Uint8Array(0))).toThrow(refusal("batch-full"));
    });
  });
}
