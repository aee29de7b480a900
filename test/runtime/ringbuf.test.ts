/** Ring buffers in Wasm: what programs emit and the host reads. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  EAGAIN,
  EINVAL,
  MAP_TYPE_RINGBUF,
  RINGBUF_AVAIL_DATA,
  RINGBUF_CONSUMER,
  RINGBUF_PRODUCER,
  RINGBUF_RECORD_HEADER_SIZE,
  RINGBUF_SIZE,
  UPDATE_ANY,
} from "../../abi/program.ts";
import { hex, padTo8, u32 } from "./bytes.ts";
import { type Alone, createAlone } from "./module.ts";

const SIZE = 4096;
const SHAPE = { type: MAP_TYPE_RINGBUF, keySize: 0, valueSize: 0, maxEntries: SIZE };

function sampleOf(number: number, size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => (number + i) & 0xff);
}

function output({ exports, bytes, spare }: Alone, map: number, sample: Uint8Array): number {
  bytes.set(sample, spare);
  return exports.ringbuf_output(map, spare, sample.length);
}

/** By the specification: positions and records in the order in which they were taken. */
function createQueue() {
  const records: { size: number; state: "busy" | "whole" | "discarded"; sample: Uint8Array }[] = [];
  const sizeOf = (size: number) => padTo8(size + RINGBUF_RECORD_HEADER_SIZE);
  const used = () => records.reduce((sum, { size }) => sum + sizeOf(size), 0);
  return {
    records,
    used,
    fits: (size: number) => used() + sizeOf(size) <= SIZE - 1,
    consume(most: number): Uint8Array[] {
      const samples: Uint8Array[] = [];
      while (records[0] && records[0].state !== "busy" && samples.length < most) {
        const { state, sample } = records.shift() as (typeof records)[number];
        if (state === "whole") samples.push(sample);
      }
      return samples;
    },
  };
}

describe("ringbuf", () => {
  it("is a queue with a capacity in bytes", async () => {
    const alone = await createAlone();
    const { exports, bytes } = alone;
    const size = fc.oneof(fc.nat(100), fc.nat(SIZE + 8));
    const step = fc.oneof(
      fc.record({ verb: fc.constant("output" as const), size }),
      fc.record({ verb: fc.constant("emit" as const), size }),
      fc.record({ verb: fc.constant("reserve" as const), size }),
      fc.record({ verb: fc.constantFrom("submit" as const, "discard" as const), which: fc.nat(3) }),
      fc.record({ verb: fc.constant("consume" as const), most: fc.nat(5) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
        const map = alone.createMap(SHAPE);
        const queue = createQueue();
        const open: { address: number; record: (typeof queue.records)[number] }[] = [];
        let lost = 0;
        let number = 0;
        for (const each of steps) {
          if (each.verb === "consume") {
            expect(map.consume(each.most)).toEqual(queue.consume(each.most));
            if (each.most > 0) queue.consume(0);
          } else if ("which" in each) {
            const [one] = open.splice(each.which, 1);
            if (!one) continue;
            one.record.state = each.verb === "submit" ? "whole" : "discarded";
            if (each.verb === "submit") exports.ringbuf_submit(one.address);
            else exports.ringbuf_discard(one.address);
          } else {
            const sample = sampleOf(number++, each.size);
            const fits = queue.fits(each.size);
            if (!fits) lost++;
            if (each.verb === "reserve") {
              const address = exports.ringbuf_reserve(map.handle, each.size) >>> 0;
              expect(address !== 0).toBe(fits);
              if (!fits) continue;
              expect(address % 8).toBe(0);
              bytes.set(sample, address);
              const record = { size: each.size, state: "busy" as const, sample };
              queue.records.push(record);
              open.push({ address, record });
            } else {
              const result =
                each.verb === "emit" ? map.emit(sample) : output(alone, map.handle, sample);
              expect(result).toBe(fits ? 0 : -EAGAIN);
              if (fits) queue.records.push({ size: each.size, state: "whole", sample });
            }
          }
          expect(map.lost).toBe(lost);
        }
        const rest = [...map.entries()].map(([key, sample]) => [key.length, hex(sample)]);
        expect(rest).toEqual(map.consume(1000).map((sample) => [0, hex(sample)]));
        map.free();
      }),
      { numRuns: 150 },
    );
  });

  it("stops at a record that is still being written", async () => {
    const alone = await createAlone();
    const map = alone.createMap(SHAPE);
    const first = alone.exports.ringbuf_reserve(map.handle, 8);
    output(alone, map.handle, u32(2));
    expect(map.consume(10)).toEqual([]);
    alone.bytes.set(sampleOf(1, 8), first);
    alone.exports.ringbuf_submit(first);
    expect(map.consume(10)).toEqual([sampleOf(1, 8), u32(2)]);
  });

  it("keeps a record whole that goes past the end", async () => {
    const alone = await createAlone();
    const map = alone.createMap(SHAPE);
    for (let round = 0; round < 50; round++) {
      for (const number of [0, 1]) {
        expect(output(alone, map.handle, sampleOf(round + number, 1500))).toBe(0);
      }
      expect(map.consume(9)).toEqual([sampleOf(round, 1500), sampleOf(round + 1, 1500)]);
    }
  });

  it.each([
    ["all but one header fits", SIZE - 16, 0],
    ["a record as large as the ring does not", SIZE - 8, -EAGAIN],
    ["nor does what no ring would hold", 0x40000000, -EAGAIN],
    ["nor what would wrap to something small", 0xffffffff, -EAGAIN],
  ])("%s", async (_, size, result) => {
    const alone = await createAlone();
    const map = alone.createMap(SHAPE);
    expect(alone.exports.ringbuf_reserve(map.handle, size) !== 0).toBe(result === 0);
    expect(map.lost).toBe(result === 0 ? 0 : 1);
  });

  it("says where producer and consumer are", async () => {
    const alone = await createAlone();
    const map = alone.createMap(SHAPE);
    output(alone, map.handle, u32(1));
    output(alone, map.handle, sampleOf(2, 20));
    map.consume(1);
    const query = (what: number) => Number(alone.exports.ringbuf_query(map.handle, what));
    expect(query(RINGBUF_AVAIL_DATA)).toBe(32);
    expect(query(RINGBUF_SIZE)).toBe(SIZE);
    expect(query(RINGBUF_CONSUMER)).toBe(16);
    expect(query(RINGBUF_PRODUCER)).toBe(48);
    expect(query(4)).toBe(0);
    expect(map.length).toBe(32);
  });

  it("has no keys", async () => {
    const alone = await createAlone();
    const map = alone.createMap(SHAPE);
    map.emit(u32(1));
    expect(map.lookup(u32(0))).toBeUndefined();
    expect(map.update(u32(0), u32(0), UPDATE_ANY)).toBe(-EINVAL);
    expect(map.remove(u32(0))).toBe(-EINVAL);
    expect(map.next(undefined)).toBeUndefined();
    expect(alone.exports.map_lookup(map.handle, alone.spare)).toBe(0);
    expect(alone.exports.map_update(map.handle, alone.spare, alone.spare, 0)).toBe(-EINVAL);
  });

  it("goes on through its records while they are read", async () => {
    const alone = await createAlone();
    const map = alone.createMap(SHAPE);
    for (let i = 0; i < 6; i++) map.emit(u32(i));
    const met: (number | undefined)[] = [];
    for (const [, sample] of map.entries()) {
      met.push(sample[0]);
      map.consume(1);
    }
    expect(met).toEqual([0, 1, 2, 3, 4, 5]);
  });
});

describe("records that are none", () => {
  it("are left alone", async () => {
    const alone = await createAlone();
    const { exports, bytes, view } = alone;
    const rings = [alone.createMap(SHAPE), alone.createMap(SHAPE), alone.createMap(SHAPE)];
    const other = alone.createMap({ maxEntries: 100 });
    rings[1]?.free();
    const [ring] = rings;
    const address = exports.ringbuf_reserve(ring?.handle as number, 64);
    bytes.fill(0xff, address, address + 64);
    bytes.fill(0xff, alone.spare, alone.spare + 64);
    const before = bytes.slice();
    const wrong = [0, 1, 7, 8, 64, alone.spare + 8, address + 4, address + 72, -8, -1, 2 ** 31];
    const others = [other.handle + 8, (ring?.handle as number) + 8, bytes.length, bytes.length + 8];
    for (const each of [...wrong, ...others]) {
      exports.ringbuf_submit(each);
      exports.ringbuf_discard(each);
    }
    expect(Buffer.compare(bytes, before)).toBe(0);
    exports.ringbuf_submit(address);
    exports.ringbuf_discard(address);
    expect(ring?.consume(9)).toEqual([new Uint8Array(64).fill(0xff)]);
    expect(view.getUint32(other.handle, true)).toBe(1);
  });

  it("whose lengths were overwritten neither hang nor reach past the ring", async () => {
    const alone = await createAlone();
    const map = alone.createMap(SHAPE);
    for (const length of [0, 9, 4095, 0x3fffffff, 0x3ffffff9]) {
      for (let i = 0; i < 3; i++) map.emit(u32(i));
      const record = alone.exports.peekRing(map.handle);
      alone.view.setUint32(record, length, true);
      for (const [, sample] of map.entries()) expect(sample.length).toBeLessThan(SIZE);
      for (const sample of map.consume(1000)) expect(sample.length).toBeLessThan(SIZE);
      expect(map.length).toBeLessThan(SIZE);
      map.consume(1000);
    }
  });
});
