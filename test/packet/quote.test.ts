import { describe, expect, test } from "vitest";
import { LINK_RAW } from "../../abi/limits.ts";
import { fragments, type PacketSpec, packet } from "../../src/packet/build.ts";
import { type Icmp, parse } from "../../src/packet/parse.ts";
import { isError, type Quote, readQuote } from "../../src/packet/quote.ts";

const ENDS4 = { saddr: "192.0.2.1", sport: 1234, daddr: "10.96.0.10", dport: 80 } as const;
const ENDS6 = { saddr: "2001:db8::1", sport: 1234, daddr: "fd00:96::10", dport: 80 } as const;
const V4: PacketSpec = { ...ENDS4, link: "raw" };
const V6: PacketSpec = { ...ENDS6, link: "raw" };
const UNUSABLE = { found: "unusable" };

/** What an error quotes of `bytes`, when so many of them are quoted and captured. */
function quoteOf(bytes: Uint8Array, quoted = bytes.length, captured = quoted): Quote {
  const v6 = bytes[0]! >>> 4 === 6;
  const ends = v6 ? { ...V6, proto: "icmpv6" as const } : { ...V4, proto: "icmp" as const };
  const icmp = { type: v6 ? 1 : 3 };
  const error = packet({ ...ends, icmp, payload: bytes.subarray(0, quoted) });
  const frame = error.subarray(0, error.length - quoted + captured);
  return readQuote(frame, parse(frame, LINK_RAW, error.length) as Icmp);
}

function patched(spec: PacketSpec, ...bytes: readonly (readonly [number, number])[]): Uint8Array {
  const frame = packet(spec);
  for (const [at, value] of bytes) frame[at] = value;
  return frame;
}

test.each([
  ["IPv4", V4, ENDS4, 28, 28 + 20],
  ["IPv6", V6, ENDS6, 48, 48 + 40],
] as const)("a packet of %s is quoted with its tuple", (_, spec, ends, at, transport) => {
  for (const proto of ["tcp", "udp", "sctp"] as const) {
    const quote = quoteOf(packet({ ...spec, proto, payload: "payload" }));
    expect(quote).toMatchObject({
      found: "flow",
      ip: { at, transport },
      tuple: { ...ends, proto },
    });
  }
});

describe("how much is quoted", () => {
  test.each([
    ["IPv4", V4, 28],
    ["IPv6", V6, 48],
  ] as const)(
    "eight bytes behind the header of %s are enough, seven are not",
    (_, spec, enough) => {
      const bytes = packet(spec);
      expect(quoteOf(bytes, enough).found).toBe("flow");
      for (let quoted = 0; quoted < enough; quoted++) {
        expect(quoteOf(bytes, quoted), `${quoted} bytes`).toEqual(UNUSABLE);
      }
    },
  );

  test("what the capture has cut off is not there", () => {
    expect(quoteOf(packet(V4), 40, 28).found).toBe("flow");
    expect(quoteOf(packet(V4), 40, 27)).toEqual(UNUSABLE);
  });

  test("the length that the quoted header states does not matter", () => {
    expect(quoteOf(packet({ ...V4, ipLength: 5 })).found).toBe("flow");
    expect(quoteOf(packet({ ...V6, ipLength: 9999 })).found).toBe("flow");
  });

  test("options and extension headers are stepped over, when all of them are there", () => {
    const v4 = packet({ ...V4, ipOptions: new Uint8Array(8).fill(1) });
    expect(quoteOf(v4, 36).found).toBe("flow");
    expect(quoteOf(v4, 27)).toEqual(UNUSABLE);
    const v6 = packet({ ...V6, extensions: [{ type: "destination" }, { type: "routing" }] });
    expect(quoteOf(v6, 64).found).toBe("flow");
    expect(quoteOf(v6, 55)).toEqual(UNUSABLE);
  });
});

describe("what is quoted", () => {
  test.each([
    ["another version", patched(V4, [0, 0x65])],
    ["an IPv4 header below 20 bytes", patched(V4, [0, 0x44])],
    ["IPv4 within ICMPv6", patched(V6, [0, 0x45])],
    ["an ICMP error", packet({ ...V4, proto: "icmp", icmp: { type: 3 }, payload: packet(V4) })],
    ["an ICMPv6 error", packet({ ...V6, proto: "icmpv6", icmp: { type: 127 } })],
  ])("%s is unusable", (_, bytes) => {
    expect(quoteOf(bytes)).toEqual(UNUSABLE);
  });

  test.each([V4, V6])(
    "the first fragment of a packet is usable, a later one is not (%j)",
    (spec) => {
      const [first, second] = fragments({ ...spec, payload: new Uint8Array(40) }, 24);
      expect(quoteOf(first!)).toMatchObject({ found: "flow", tuple: { sport: 1234 } });
      expect(quoteOf(second!)).toEqual(UNUSABLE);
    },
  );

  test("a first fragment within a first fragment is unusable", () => {
    const extensions = [{ type: "fragment", more: true } as const];
    expect(quoteOf(packet({ ...V6, extensions })).found).toBe("flow");
    const twice = [...extensions, ...extensions];
    expect(quoteOf(packet({ ...V6, extensions: twice }))).toEqual(UNUSABLE);
  });

  test.each([
    ["an echo", packet({ ...V4, proto: "icmp" })],
    ["an ICMPv6 echo", packet({ ...V6, proto: "icmpv6" })],
    ["GRE", packet({ ...V4, proto: 47, payload: "?" })],
    ["ICMP's number over IPv6", packet({ ...V6, proto: 1, payload: Uint8Array.of(3) })],
    ["nothing of an ICMP message", packet({ ...V4, proto: 1 })],
  ])("%s is of another protocol", (_, bytes) => {
    expect(quoteOf(bytes)).toEqual({ found: "other" });
  });
});

test("which messages are errors", () => {
  const types = Array.from({ length: 256 }, (_, type) => type);
  expect(types.filter((type) => isError("ipv4", type))).toEqual([3, 4, 5, 11, 12]);
  expect(types.filter((type) => isError("ipv6", type))).toEqual(types.slice(0, 128));
});
