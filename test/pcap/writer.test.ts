import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  CaptureError,
  createReader,
  createWriter,
  formatNamed,
  type PacketInput,
  readBytes,
  type WriterOptions,
  writeBytes,
} from "../../src/pcap/index.ts";

const FORMATS: WriterOptions[] = (["pcap", "pcapng"] as const).flatMap((format) =>
  (["us", "ns"] as const).flatMap((resolution) =>
    (["little", "big"] as const).map((byteOrder) => ({ format, resolution, byteOrder })),
  ),
);

const time = fc.bigInt({ min: 0n, max: 0xffff_ffffn * 1_000_000_000n });
const data = fc.uint8Array({ maxLength: 200 });
const extra = fc.nat(2000);

/** Chunks of the sizes given, over and over. */
function* cut(file: Uint8Array, sizes: readonly number[]): Generator<Uint8Array> {
  let at = 0;
  for (let turn = 0; at < file.length; turn++) {
    const size = sizes[turn % sizes.length] as number;
    yield file.slice(at, at + size);
    at += size;
  }
}

function readAll(file: Uint8Array, sizes: readonly number[]) {
  const reader = createReader();
  const packets = [...cut(file, sizes)].flatMap((chunk) => reader.push(chunk));
  reader.end();
  return { reader, packets };
}

describe.each(FORMATS)("$format in $resolution, $byteOrder-endian", (options) => {
  const unit = options.resolution === "ns" ? 1n : 1000n;

  test("comes back as it was written, however it is chunked", () => {
    const packet = fc.record({ time, data, extra });
    const sizes = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(fc.array(packet, { maxLength: 12 }), sizes, (list, chunkSizes) => {
        const packets = list.map((one) => ({
          ...one,
          wireLength: one.data.length + one.extra,
          linkType: 101,
        }));
        const read = readAll(writeBytes(packets, options), chunkSizes);
        expect(read.packets).toMatchObject(
          packets.map((one) => ({
            time: one.time - (one.time % unit),
            data: one.data,
            wireLength: one.wireLength,
            linkType: 101,
          })),
        );
        expect(read.reader.format).toBe(options.format);
        if (packets.length > 0) expect(read.reader.resolution).toBe(options.resolution);
      }),
      { numRuns: 100, seed: 3 },
    );
  });

  test("without packets is a file all the same", () => {
    const reader = createReader();
    expect([...readBytes(writeBytes([], options), reader)]).toEqual([]);
    expect(reader.format).toBe(options.format);
  });
});

describe("pcapng", () => {
  test("keeps interfaces, names, link types and comments apart", () => {
    const name = fc.option(fc.string({ maxLength: 12 }), { nil: undefined });
    const source = fc.record({
      interface: fc.nat(4),
      linkType: fc.constantFrom(1, 101, 113, 276),
      interfaceName: name,
    });
    const comments = fc.option(fc.array(fc.string(), { minLength: 1, maxLength: 3 }), {
      nil: undefined,
    });
    fc.assert(
      fc.property(fc.array(fc.tuple(source, time, data, comments), { maxLength: 10 }), (rows) => {
        const packets = rows.map(([from, at, bytes, said]) => ({
          ...from,
          time: at,
          data: bytes,
          comments: said,
        }));
        const { packets: read, reader } = readAll(
          writeBytes(packets, { format: "pcapng", resolution: "ns" }),
          [64],
        );
        expect(read).toMatchObject(
          packets.map(({ linkType, interfaceName, comments: said }) => ({
            linkType,
            interfaceName,
            comments: said,
          })),
        );
        const kinds = new Set(
          packets.map(
            (one) => `${one.interface} ${one.linkType} ${JSON.stringify(one.interfaceName)}`,
          ),
        );
        expect(reader.interfaces).toHaveLength(kinds.size);
      }),
      { numRuns: 200, seed: 4 },
    );
  });

  test("describes an interface once, in front of its first packet", () => {
    const writer = createWriter({ format: "pcapng" });
    const [first, again, other] = [0, 0, 1].map((number) =>
      writer.packet({
        time: 0n,
        data: new Uint8Array(4),
        interface: number,
        interfaceName: `eth${number}`,
      }),
    );
    expect(again).toHaveLength(36);
    expect(other).toHaveLength(36 + 40);
    expect(first).toHaveLength(28 + 40 + 36);
  });
});

describe("pcap", () => {
  test("takes its link type from the first packet and refuses any other", () => {
    const writer = createWriter({ format: "pcap" });
    const one: PacketInput = { time: 0n, data: new Uint8Array(4), linkType: 113 };
    const file = writer.packet(one);
    expect([...readBytes(file)]).toMatchObject([{ linkType: 113 }]);
    expect(() => writer.packet({ ...one, linkType: 1 })).toThrow(
      expect.objectContaining({
        code: "mixed-link-types",
        message: expect.stringContaining("write pcapng"),
      }),
    );
    expect(() => writer.packet({ time: 0n, data: new Uint8Array(4) })).not.toThrow();
  });

  test("refuses times that 32 bits of seconds cannot hold", () => {
    const late: PacketInput = { time: 0x1_0000_0000n * 1_000_000_000n, data: new Uint8Array(0) };
    expect(() => writeBytes([late], { format: "pcap" })).toThrow(
      expect.objectContaining({ code: "bad-time" }),
    );
    expect(() => writeBytes([late], { format: "pcapng" })).not.toThrow();
  });
});

describe.each(["pcap", "pcapng"] as const)("a writer of %s", (format) => {
  test("writes the header once, by itself or with the first packet", () => {
    const packet: PacketInput = { time: 1n, data: Uint8Array.of(1) };
    const apart = createWriter({ format });
    const joined = createWriter({ format });
    const parts = [apart.header(), apart.header(), apart.packet(packet)];
    expect(Buffer.concat(parts)).toEqual(Buffer.from(joined.packet(packet)));
    expect(joined.header()).toHaveLength(0);
  });

  test("refuses what a reader would refuse", () => {
    const writer = createWriter({ format });
    const huge: PacketInput = { time: 0n, data: new Uint8Array(262_145) };
    expect(() => writer.packet(huge)).toThrow(CaptureError);
    expect(() => writer.packet({ time: -1n, data: new Uint8Array(1) })).toThrow(
      expect.objectContaining({ code: "bad-time" }),
    );
    const file = writer.packet({ time: 0n, data: huge.data.subarray(1) });
    expect([...readBytes(file)]).toMatchObject([{ wireLength: 262_144 }]);
  });
});

test.each([
  ["out.pcap", "pcap"],
  ["OUT.PCAPNG", "pcapng"],
  ["a.pcapng.cap", "pcap"],
  ["out", undefined],
  ["-", undefined],
  ["out.pcap.gz", undefined],
] as const)("the name %s asks for %s", (name, format) => {
  expect(formatNamed(name)).toBe(format);
});
