/**
 * Damaged and hostile files: what stands before the damage is delivered, then one error says where
 * it is.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  CaptureError,
  createReader,
  type Packet,
  readCapture,
  writeBytes,
} from "../../src/pcap/index.ts";
import {
  block,
  bytesOf,
  description,
  enhanced,
  join,
  option,
  pcapHeader,
  pcapRecord,
  section,
} from "./files.ts";

const DATA = Uint8Array.of(1, 2, 3, 4, 5);

interface Read {
  readonly packets: Packet[];
  readonly error: CaptureError | undefined;
}

/** Reads to the end or the error; anything but a CaptureError fails the test. */
async function read(chunks: Iterable<Uint8Array>): Promise<Read> {
  const packets: Packet[] = [];
  try {
    for await (const packet of readCapture(chunks)) packets.push(packet);
  } catch (error) {
    if (!(error instanceof CaptureError)) throw error;
    return { packets, error };
  }
  return { packets, error: undefined };
}

/**
 * Where each record begins, with the number of packets in front of it; the last row is the file's
 * end.
 */
interface Layout {
  readonly file: Uint8Array;
  readonly records: readonly { readonly offset: number; readonly packets: number }[];
}

function layout(...records: { bytes: Uint8Array; packet: boolean }[]): Layout {
  let offset = 0;
  let packets = 0;
  const rows = [{ offset, packets }];
  for (const { bytes, packet } of records) {
    offset += bytes.length;
    packets += packet ? 1 : 0;
    rows.push({ offset, packets });
  }
  return { file: join(...records.map(({ bytes }) => bytes)), records: rows };
}

const plain = (bytes: Uint8Array) => ({ bytes, packet: false });
const packet = (bytes: Uint8Array) => ({ bytes, packet: true });

const LAYOUTS: Record<string, Layout> = {
  "pcap, little-endian": layout(
    plain(pcapHeader("little")),
    packet(pcapRecord("little", 1, 0, DATA)),
    packet(pcapRecord("little", 2, 0, new Uint8Array(0))),
    packet(pcapRecord("little", 3, 0, DATA)),
  ),
  "pcap, big-endian, nanoseconds": layout(
    plain(pcapHeader("big", { magic: 0xa1b23c4d })),
    packet(pcapRecord("big", 1, 0, DATA)),
    packet(pcapRecord("big", 2, 0, DATA)),
  ),
  "pcapng with every kind of block": layout(
    plain(section("little")),
    plain(description("little", 1, 0, option(2, DATA))),
    packet(enhanced("little", 0, 1n, DATA)),
    plain(block("little", 5, [new Uint8Array(12)])),
    packet(block("little", 3, [{ u32: 5 }, DATA])),
    packet(block("little", 2, [{ u32: 0 }, { u32: 0 }, { u32: 9 }, { u32: 5 }, { u32: 5 }, DATA])),
    plain(section("big")),
    plain(description("big", 113, 0)),
    packet(enhanced("big", 0, 1n, DATA)),
  ),
};

describe.each(Object.entries(LAYOUTS))("%s", (_, { file, records }) => {
  test("cut after any byte gives the whole packets, then the place of the cut one", async () => {
    for (let length = 0; length < file.length; length++) {
      const begun = records.findLast(({ offset }) => offset <= length) as Layout["records"][number];
      const { packets, error } = await read([file.subarray(0, length)]);
      expect(packets).toHaveLength(begun.packets);
      if (begun.offset === length && length > 0) expect(error).toBeUndefined();
      else expect(error).toMatchObject({ code: "truncated", offset: begun.offset });
    }
  });

  test("reads the same however it is chunked", async () => {
    const whole = await read([file]);
    for (let size = 1; size <= file.length; size++) {
      const chunks: Uint8Array[] = [];
      for (let at = 0; at < file.length; at += size) chunks.push(file.slice(at, at + size));
      expect(await read(chunks)).toEqual(whole);
    }
  });

  test("with any one byte changed reads or says where it stopped", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(file.length - 1),
        fc.integer({ min: 1, max: 255 }),
        async (at, bits) => {
          const damaged = Uint8Array.from(file);
          damaged[at] = (damaged[at] as number) ^ bits;
          const { error } = await read([damaged]);
          if (error) expect(error.offset).toBeLessThanOrEqual(file.length);
        },
      ),
      { numRuns: 2000, seed: 1 },
    );
  });
});

describe("a damaged file", () => {
  const pcap = join(pcapHeader("little"), pcapRecord("little", 1, 0, DATA));
  const pcapng = join(
    section("little"),
    description("little", 1, 0),
    enhanced("little", 0, 1n, DATA),
  );
  const record = (captured: number) =>
    bytesOf("little", { u32: 0 }, { u32: 0 }, { u32: captured }, { u32: captured });
  const fields = (captured: number, number = 0) =>
    [number, 0, 0, captured, captured].map((u32) => ({ u32 }));
  const rest = new Uint8Array(64).fill(0xa5);

  test.each([
    {
      name: "a record beyond 256 KiB",
      start: pcap,
      bad: record(262_145),
      says: /262145 captured bytes/,
    },
    {
      name: "a record of 4 GiB",
      start: pcap,
      bad: record(0xffff_ffff),
      says: /4294967295 captured bytes/,
    },
    {
      name: "a block of length 0",
      start: pcapng,
      bad: block("little", 6, [], { length: 0 }),
      says: /a block of 0 bytes/,
    },
    {
      name: "a block shorter than its frame",
      start: pcapng,
      bad: block("little", 6, [], { length: 8 }),
      says: /8 bytes/,
    },
    {
      name: "a block of odd length",
      start: pcapng,
      bad: block("little", 9, [rest], { length: 77 }),
      says: /77 bytes/,
    },
    {
      name: "a block of 4 GiB",
      start: pcapng,
      bad: block("little", 9, [rest], { length: 0xffff_fffc }),
      says: /4294967292 bytes/,
    },
    {
      name: "a packet block whose lengths differ",
      start: pcapng,
      bad: block("little", 6, [...fields(4), DATA], { tail: 44 }),
      says: /begins with length 40 and ends with 44/,
    },
    {
      name: "an unknown block whose lengths differ",
      start: pcapng,
      bad: block("little", 9, [rest], { tail: 12 }),
      says: /begins with length 76 and ends with 12/,
    },
    {
      name: "a packet longer than its block",
      start: pcapng,
      bad: block("little", 6, fields(1)),
      says: /packet of 1 captured/,
    },
    {
      name: "a packet beyond 256 KiB in a block that has it",
      start: pcapng,
      bad: block("little", 6, [...fields(262_148), new Uint8Array(262_148)]),
      says: /packet of 262148 captured/,
    },
    {
      name: "a packet block too short for its fields",
      start: pcapng,
      bad: block("little", 6, [{ u32: 0 }]),
      says: /room/,
    },
    {
      name: "an old packet block too short",
      start: pcapng,
      bad: block("little", 2, [{ u32: 0 }]),
      says: /room/,
    },
    {
      name: "an empty Simple Packet Block",
      start: pcapng,
      bad: block("little", 3, []),
      says: /room/,
    },
    {
      name: "a Simple Packet Block that says more than it has",
      start: pcapng,
      bad: block("little", 3, [{ u32: 9 }, DATA]),
      says: /9 captured/,
    },
    {
      name: "an interface description too short",
      start: pcapng,
      bad: block("little", 1, [{ u32: 0 }]),
      says: /room/,
    },
    {
      name: "an option longer than its block",
      start: pcapng,
      bad: block("little", 1, [
        { u32: 1 },
        { u32: 0 },
        { u16: 2 },
        { u16: 5 },
        DATA.subarray(0, 4),
      ]),
      says: /option 2 is longer/,
    },
    {
      name: "a packet of interface 1 of 1",
      start: pcapng,
      bad: block("little", 6, [...fields(4, 1), DATA]),
      says: /not described/,
    },
    {
      name: "a packet in a section without interfaces",
      start: join(pcapng, section("big")),
      bad: block("big", 6, [...fields(4), DATA]),
      says: /not described/,
    },
    {
      name: "a section without the byte-order magic",
      start: pcapng,
      bad: block("little", 0x0a0d0d0a, [{ u32: 1 }, { u32: 1 }, { i64: -1n }]),
      says: /byte-order magic/,
    },
    {
      name: "a section header too short",
      start: pcapng,
      bad: block("little", 0x0a0d0d0a, [{ u32: 0x1a2b3c4d }, { u32: 1 }, { u32: 0 }]),
      says: /section header of 24 bytes/,
    },
  ])("with $name is corrupt there", async ({ start, bad, says }) => {
    const { packets, error } = await read([join(start, bad, rest)]);
    expect(packets).toHaveLength(1);
    expect(error).toMatchObject({ code: "corrupt", offset: start.length });
    expect(error?.message).toMatch(says);
  });

  test("of another version is not read", async () => {
    expect((await read([pcapHeader("big", { major: 3 })])).error).toMatchObject({
      code: "unsupported",
    });
    const later = join(pcapng, section("little", 2));
    expect((await read([later])).error).toMatchObject({
      code: "unsupported",
      offset: pcapng.length,
    });
  });

  test.each([
    {
      name: "text",
      bytes: new TextEncoder().encode("kind: Service"),
      says: "begins with 6b 69 6e 64",
    },
    { name: "a gzip file", bytes: Uint8Array.of(0x1f, 0x8b, 8, 0, 0), says: "decompress it first" },
  ])("that is $name has a bad magic", async ({ bytes, says }) => {
    const { error } = await read([bytes]);
    expect(error).toMatchObject({
      code: "bad-magic",
      offset: 0,
      message: expect.stringContaining(says),
    });
  });

  test("cannot describe interfaces without end", async () => {
    const many = new Uint8Array(20 * 65_537);
    for (let at = 0; at < many.length; at += 20) many.set(description("little", 1, 0), at);
    const { error } = await read([section("little"), many]);
    expect(error).toMatchObject({ code: "corrupt", offset: 28 + 20 * 65_536 });
  });

  test("stays damaged: nothing more is read, and the end throws", () => {
    const reader = createReader();
    expect(reader.push(join(pcap, record(0xffff_ffff)))).toHaveLength(1);
    expect(reader.error).toMatchObject({ code: "corrupt", offset: pcap.length });
    expect(reader.push(pcapRecord("little", 9, 9, DATA))).toEqual([]);
    expect(() => reader.end()).toThrow(CaptureError);
  });

  test("is refused by its lengths before their bytes come", async () => {
    const claims = record(262_144);
    const reader = createReader();
    expect(reader.push(join(pcap, claims))).toHaveLength(1);
    expect(reader.error).toBeUndefined();
    expect(() => reader.end()).toThrow(`byte ${pcap.length}: the file ends within the record`);
  });
});

test("random bytes behind any beginning never hang and never throw anything else", async () => {
  const beginnings = [
    new Uint8Array(0),
    pcapHeader("little"),
    pcapHeader("big", { magic: 0xa1b2cd34 }),
    section("little"),
    section("big"),
    join(section("little"), description("little", 1, 0)),
    join(section("big"), bytesOf("big", { u32: 6 }, { u32: 64 })),
  ];
  const chunk = fc.uint8Array({ maxLength: 300 });
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...beginnings),
      fc.array(chunk, { maxLength: 4 }),
      async (start, chunks) => {
        await read([start, ...chunks]);
      },
    ),
    { numRuns: 3000, seed: 2 },
  );
});

test("a block of 16 MiB in small chunks costs time in proportion to its length", async () => {
  const total = 16 * 1024 * 1024;
  const head = bytesOf("little", { u32: 6 }, { u32: total });
  const chunk = new Uint8Array(997);
  function* chunks() {
    yield join(section("little"), description("little", 1, 0), head);
    for (let sent = 8; sent + chunk.length < total; sent += chunk.length) yield chunk;
  }
  expect((await read(chunks())).error).toMatchObject({ code: "truncated", offset: 48 });
}, 20_000);

test("what a writer wrote and somebody cut is told like any other damage", async () => {
  const file = writeBytes([{ time: 0n, data: DATA }], { format: "pcapng" });
  expect((await read([file.subarray(0, -1)])).error).toMatchObject({ code: "truncated" });
});
