import { describe, expect, test } from "vitest";
import {
  CaptureError,
  createReader,
  type Packet,
  readBytes,
  readCapture,
} from "../../src/pcap/index.ts";
import {
  block,
  bytesOf,
  description,
  enhanced,
  join,
  type Order,
  option,
  pcapHeader,
  pcapRecord,
  section,
} from "./files.ts";

const DATA = Uint8Array.of(1, 2, 3, 4, 5);
const ORDERS: Order[] = ["little", "big"];
const utf8 = (text: string) => new TextEncoder().encode(text);

function read(file: Uint8Array): Packet[] {
  return [...readBytes(file)];
}

describe.each(ORDERS)("pcap written by a %s-endian machine", (order) => {
  test.each([
    {
      name: "microseconds",
      magic: 0xa1b2c3d4,
      fraction: 999_999,
      time: 7_999_999_000n,
      resolution: "us",
    },
    {
      name: "nanoseconds",
      magic: 0xa1b23c4d,
      fraction: 999_999_999,
      time: 7_999_999_999n,
      resolution: "ns",
    },
  ])("counts $name", ({ magic, fraction, time, resolution }) => {
    const reader = createReader();
    const file = join(
      pcapHeader(order, { magic, link: 113 }),
      pcapRecord(order, 7, fraction, DATA, 60),
    );
    expect([...readBytes(file, reader)]).toEqual([
      { time, data: DATA, wireLength: 60, interface: 0, linkType: 113, offset: 24 },
    ]);
    expect(reader).toMatchObject({ format: "pcap", resolution });
  });

  test("skips the eight bytes more that records of the modified format have", () => {
    const record = bytesOf(
      order,
      { u32: 1 },
      { u32: 2 },
      { u32: 5 },
      { u32: 5 },
      { u32: 9 },
      { u32: 9 },
      DATA,
    );
    const file = join(pcapHeader(order, { magic: 0xa1b2cd34 }), record, record);
    expect(read(file).map(({ time, data, offset }) => ({ time, data, offset }))).toEqual([
      { time: 1_000_002_000n, data: DATA, offset: 24 },
      { time: 1_000_002_000n, data: DATA, offset: 53 },
    ]);
  });

  test("tells the link type from the length of the frame check sequence", () => {
    const reader = createReader();
    const file = join(pcapHeader(order, { link: 0x2400_0001 }), pcapRecord(order, 0, 0, DATA));
    expect([...readBytes(file, reader)]).toMatchObject([{ linkType: 1 }]);
    expect(reader.interfaces).toMatchObject([{ linkType: 1, fcsLength: 4 }]);
  });

  test("never calls a frame shorter on the wire than it was captured", () => {
    const file = join(pcapHeader(order), pcapRecord(order, 0, 0, DATA, 2));
    expect(read(file)).toMatchObject([{ wireLength: 5 }]);
  });
});

describe.each(ORDERS)("pcapng written by a %s-endian machine", (order) => {
  const start = join(section(order), description(order, 1, 0));

  test.each([
    { name: "microseconds when nothing is said", options: [], ticks: 5n, time: 5_000n },
    { name: "10^-9 s", options: [option(9, Uint8Array.of(9))], ticks: 5n, time: 5n },
    { name: "10^-3 s", options: [option(9, Uint8Array.of(3))], ticks: 5n, time: 5_000_000n },
    {
      name: "whole seconds",
      options: [option(9, Uint8Array.of(0))],
      ticks: 5n,
      time: 5_000_000_000n,
    },
    { name: "10^-12 s, cut", options: [option(9, Uint8Array.of(12))], ticks: 5_999n, time: 5n },
    {
      name: "2^-10 s",
      options: [option(9, Uint8Array.of(0x8a))],
      ticks: 1536n,
      time: 1_500_000_000n,
    },
    { name: "2^-127 s", options: [option(9, Uint8Array.of(0xff))], ticks: 1n << 63n, time: 0n },
    { name: "10^-127 s", options: [option(9, Uint8Array.of(0x7f))], ticks: 1n << 63n, time: 0n },
    {
      name: "an offset of seconds",
      options: [option(9, Uint8Array.of(6)), option(14, bytesOf(order, { i64: -3n }))],
      ticks: 5_000_000n,
      time: 2_000_000_000n,
    },
    {
      name: "more than 53 bits",
      options: [option(9, Uint8Array.of(9))],
      ticks: 1_700_000_000_123_456_789n,
      time: 1_700_000_000_123_456_789n,
    },
  ])("counts $name", ({ options, ticks, time }) => {
    const file = join(
      section(order),
      description(order, 1, 0, ...options),
      enhanced(order, 0, ticks, DATA),
    );
    expect(read(file)).toMatchObject([{ time, data: DATA }]);
  });

  test("names interfaces and gives each its link type", () => {
    const file = join(
      section(order),
      description(order, 1, 0, option(2, utf8("eth0"))),
      description(order, 101, 0, option(9, Uint8Array.of(9)), option(2, utf8("tun7"))),
      enhanced(order, 1, 1n, DATA),
      enhanced(order, 0, 1n, DATA, 900),
    );
    expect(read(file)).toMatchObject([
      { interface: 1, interfaceName: "tun7", linkType: 101, time: 1n, wireLength: 5 },
      { interface: 0, interfaceName: "eth0", linkType: 1, time: 1000n, wireLength: 900 },
    ]);
  });

  test("begins every section anew, in its own byte order, and numbers interfaces on", () => {
    const other = order === "little" ? "big" : "little";
    const first = join(start, enhanced(order, 0, 1n, DATA));
    const second = join(section(other), description(other, 113, 0), enhanced(other, 0, 2n, DATA));
    expect(read(join(first, second))).toMatchObject([
      { interface: 0, linkType: 1, time: 1000n },
      { interface: 1, linkType: 113, time: 2000n, offset: first.length + 28 + 20 },
    ]);
  });

  test("cuts a Simple Packet Block at the snap length of the first interface", () => {
    const simple = block(order, 3, [{ u32: 900 }, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)]);
    const file = join(section(order), description(order, 1, 6), simple);
    expect(read(file)).toMatchObject([
      { time: 0n, data: Uint8Array.of(1, 2, 3, 4, 5, 6), wireLength: 900, interface: 0 },
    ]);
  });

  test("takes all of a Simple Packet Block without a snap length, its padding left out", () => {
    const simple = block(order, 3, [{ u32: 5 }, DATA]);
    expect(read(join(start, simple))).toMatchObject([{ data: DATA, wireLength: 5 }]);
  });

  test("reads the obsolete Packet Block", () => {
    const old = block(order, 2, [
      { u16: 0 },
      { u16: 77 },
      { u32: 0 },
      { u32: 9 },
      { u32: 5 },
      { u32: 60 },
      DATA,
    ]);
    expect(read(join(start, old))).toMatchObject([
      { time: 9000n, data: DATA, wireLength: 60, interface: 0 },
    ]);
  });

  test("passes over blocks it does not know, as long as they may be", () => {
    const unknown = block(order, 0x0bad, [new Uint8Array(300_000).fill(0xa5)]);
    const empty = block(order, 5, []);
    const file = join(start, unknown, empty, enhanced(order, 0, 1n, DATA), unknown);
    expect(read(file)).toMatchObject([{ offset: start.length + 300_012 + 12 }]);
  });

  test("keeps the comments of a packet", () => {
    const commented = block(order, 6, [
      { u32: 0 },
      { u32: 0 },
      { u32: 1 },
      { u32: 4 },
      { u32: 4 },
      Uint8Array.of(1, 2, 3, 4),
      ...option(1, utf8("retransmitted?")),
      ...option(2, new Uint8Array(4)),
      ...option(1, utf8("ja")),
      ...option(0, new Uint8Array(0)),
      ...option(1, utf8("behind the end")),
    ]);
    expect(read(join(start, commented))).toMatchObject([{ comments: ["retransmitted?", "ja"] }]);
  });
});

describe("a reader", () => {
  const file = join(
    pcapHeader("little"),
    pcapRecord("little", 1, 0, DATA),
    pcapRecord("little", 2, 0, DATA),
  );

  test("gives packets as soon as their last byte has come", () => {
    const reader = createReader();
    const counts = Array.from(file, (byte) => reader.push(Uint8Array.of(byte)).length);
    const at = counts.flatMap((count, index) => (count ? [index + 1] : []));
    expect(at).toEqual([45, 66]);
    reader.end();
  });

  test("reads what async and plain iterables give", async () => {
    async function* later() {
      yield file.subarray(0, 30);
      yield new Uint8Array(0);
      yield file.subarray(30);
    }
    const times = async (chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>) => {
      const found: bigint[] = [];
      for await (const { time } of readCapture(chunks)) found.push(time);
      return found;
    };
    expect(await times(later())).toEqual([1_000_000_000n, 2_000_000_000n]);
    expect(await times([file])).toEqual([1_000_000_000n, 2_000_000_000n]);
  });

  test("gives plain byte arrays whatever kind of array came in", () => {
    const [packet] = createReader().push(Buffer.from(file));
    expect(Object.getPrototypeOf(packet?.data)).toBe(Uint8Array.prototype);
  });

  test("does not copy a packet that came in one chunk", () => {
    const [packet] = createReader().push(file);
    expect(packet?.data.buffer).toBe(file.buffer);
  });

  test("leaves packets alone that it has given out, whatever comes next", () => {
    const reader = createReader();
    const packets: Packet[] = [];
    const many = join(file, ...Array.from({ length: 50 }, () => pcapRecord("little", 3, 0, DATA)));
    for (let at = 0; at < many.length; at += 7)
      packets.push(...reader.push(many.slice(at, at + 7)));
    expect(packets).toHaveLength(52);
    for (const { data } of packets) expect(data).toEqual(DATA);
  });

  test("tells a header without packets from an empty file", () => {
    expect(read(pcapHeader("big"))).toEqual([]);
    expect(read(section("big"))).toEqual([]);
    expect(() => read(new Uint8Array(0))).toThrow(CaptureError);
    expect(() => read(new Uint8Array(0))).toThrow("byte 0: the file is empty");
  });
});
