import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fragments, type PacketSpec, packet } from "../../src/packet/build.ts";
import { LINK_TYPES } from "../../src/packet/link.ts";
import {
  type Field,
  fieldsOf,
  formatBytes,
  formatFields,
  formatFrame,
} from "../../src/packet/print.ts";

const V4 = { saddr: "10.0.0.1", sport: 4000, daddr: "10.96.0.1", dport: 80 } as const;
const V6 = { saddr: "2001:db8::1", sport: 4000, daddr: "2001:db8::2", dport: 80 } as const;
const quote = packet({ ...V4, proto: "udp", link: "raw", payload: "0123456789" });
const FLOW = "10.0.0.1.4000 > 10.96.0.1.80:";

describe("one line", () => {
  test.each<{ name: string; spec: PacketSpec; line: string }>([
    {
      name: "a SYN with options",
      spec: {
        ...V4,
        flags: "S",
        tcpOptions: { mss: 1460, windowScale: 7, sackPermitted: true, timestamps: [1, 2] },
      },
      line: `IP ${FLOW} Flags [S], seq 0, win 65535, options [mss 1460,sackOK,TS val 1 ecr 2,wscale 7,eol], length 0`,
    },
    {
      name: "data behind a VLAN tag",
      spec: { ...V4, flags: "PA", seq: 5, ack: 9, vlan: [5], payload: "abc" },
      line: `vlan 5, IP ${FLOW} Flags [P.], seq 5, ack 9, win 65535, length 3`,
    },
    {
      name: "UDP over IPv6",
      spec: { ...V6, proto: "udp", payload: "abc" },
      line: "IP6 2001:db8::1.4000 > 2001:db8::2.80: UDP, length 3",
    },
    {
      name: "SCTP",
      spec: { ...V4, proto: "sctp", chunks: [{ type: "SACK" }, { type: "DATA" }] },
      line: `IP ${FLOW} SCTP [SACK] [DATA]`,
    },
    {
      name: "an echo",
      spec: { ...V4, proto: "icmp", icmp: { type: 0, id: 7, sequence: 8 } },
      line: "IP 10.0.0.1 > 10.96.0.1: ICMP echo reply, id 7, seq 8, length 0",
    },
    {
      name: "an ICMP error with what it quotes",
      spec: { ...V4, proto: "icmp", icmp: { type: 3, code: 3 }, payload: quote.subarray(0, 28) },
      line: `IP 10.0.0.1 > 10.96.0.1: ICMP destination unreachable, code 3 (IP ${FLOW} UDP, length 0)`,
    },
    {
      name: "a wrong checksum",
      spec: { ...V4, flags: "R", checksum: 0 },
      line: `IP ${FLOW} Flags [R], seq 0, win 65535, length 0, bad checksum`,
    },
    {
      name: "a wrong IP checksum",
      spec: { ...V4, proto: "udp", ipChecksum: 0 },
      line: `IP ${FLOW} UDP, length 0, bad IP checksum`,
    },
    {
      name: "another protocol",
      spec: { ...V6, proto: 47, payload: "x", extensions: [{ type: "hop-by-hop" }] },
      line: "IP6 2001:db8::1 > 2001:db8::2: protocol 47, length 1",
    },
    { name: "ARP", spec: { ...V4, etherType: 0x0806 }, line: "ethertype 0x0806, length 54" },
    {
      name: "damaged options",
      spec: { ...V4, tcpOptions: Uint8Array.of(1, 2, 0, 9) },
      line: `IP ${FLOW} Flags [.], seq 0, ack 0, win 65535, options [nop,bad 020009], length 0`,
    },
    {
      name: "options it does not know",
      spec: { ...V4, tcpOptions: Uint8Array.of(253, 4, 1, 2) },
      line: `IP ${FLOW} Flags [.], seq 0, ack 0, win 65535, options [unknown-253 0102], length 0`,
    },
  ])("of $name", ({ spec, line }) => {
    expect(formatFrame(packet(spec))).toBe(line);
  });

  test("of fragments says where they belong", () => {
    const lines = fragments({ ...V4, proto: "udp", payload: new Uint8Array(40) }, 24).map((frame) =>
      formatFrame(frame),
    );
    expect(lines).toEqual([
      `IP ${FLOW} UDP, length 16, fragment 1@0+`,
      "IP 10.0.0.1 > 10.96.0.1: protocol 17, length 24, fragment 1@24",
    ]);
  });

  test("of a frame cut off within its headers says so", () => {
    expect(formatFrame(packet(V4).subarray(0, 38))).toBe(
      "IP 10.0.0.1 > 10.96.0.1: protocol 6, length 0, truncated tcp [0fa00050]",
    );
    expect(formatFrame(new Uint8Array(0))).toBe("unknown, length 0, truncated ethernet []");
  });
});

test("the fields are listed with offset, length and value", () => {
  expect(
    formatFields(packet({ ...V4, proto: "udp", link: "raw", payload: "hi", tos: 3 }), {
      link: LINK_TYPES.raw,
    }),
  ).toBe(
    `    0     1  ipv4.version         4
    0     1  ipv4.headerLength    20
    1     1  ipv4.tos             0x03
    2     2  ipv4.length          30
    4     2  ipv4.id              0
    6     1  ipv4.reserved        0
    6     1  ipv4.dontFragment    0
    6     1  ipv4.moreFragments   0
    6     2  ipv4.fragmentOffset  0
    8     1  ipv4.ttl             64
    9     1  ipv4.protocol        17
   10     2  ipv4.checksum        0x666b
   12     4  ipv4.saddr           10.0.0.1
   16     4  ipv4.daddr           10.96.0.1
   20     2  udp.sport            4000
   22     2  udp.dport            80
   24     2  udp.length           10
   26     2  udp.checksum         0x731f
   28     2  payload.bytes        6869`,
  );
});

test("a quoted packet is listed one level deep", () => {
  const inner = packet({ ...V4, proto: "icmp", link: "raw", icmp: { type: 3 }, payload: quote });
  const frame = packet({ ...V4, proto: "icmp", icmp: { type: 11 }, payload: inner });
  const layers = [...new Set(fieldsOf(frame).map(({ layer }) => layer))];
  expect(layers).toEqual([
    "ethernet",
    "ipv4",
    "icmp",
    "quoted ipv4",
    "quoted icmp",
    "quoted payload",
  ]);
});

test("bytes are shown sixteen a line", () => {
  expect(formatBytes(new Uint8Array(19).fill(0xab))).toBe(
    "0x0000:  abab abab abab abab abab abab abab abab\n0x0010:  abab ab",
  );
});

/** Bytes that no field stands for. */
function uncovered(frame: Uint8Array, fields: readonly Field[]): number[] {
  const covered = new Set(
    fields.flatMap(({ offset, length }) => Array.from({ length }, (_, at) => offset + at)),
  );
  return [...frame.keys()].filter((at) => !covered.has(at));
}

const LINKS = [...Object.values(LINK_TYPES), 12, 14, 228, 229, 147];
const whole = fc.constantFrom(
  ...[V4, V6].flatMap((flow) =>
    (["tcp", "udp", "sctp", "icmp", "icmpv6"] as const).map((proto) =>
      packet({
        ...flow,
        proto,
        payload: quote,
        vlan: [1, 2],
        extensions: [{ type: "routing" }, { type: "authentication" }],
      }),
    ),
  ),
);
const damaged = fc
  .tuple(whole, fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 4 }), fc.nat(200))
  .map(([frame, changes, length]) => {
    const copy = Uint8Array.from(frame);
    for (const [at, value] of changes) copy[at % copy.length] = value;
    return copy.subarray(0, length);
  });

test("any bytes are listed in order and whole, and printed on one line", () => {
  const frames = fc.oneof(fc.uint8Array({ maxLength: 120 }), damaged);
  fc.assert(
    fc.property(frames, fc.constantFrom(...LINKS), (frame, link) => {
      const fields = fieldsOf(frame, link);
      expect(uncovered(frame, fields)).toEqual([]);
      for (const { offset, length } of fields)
        expect(offset + length).toBeLessThanOrEqual(frame.length);
      expect(formatFrame(frame, { link, wireLength: frame.length + 9 })).not.toContain("\n");
      formatFields(frame, { link });
    }),
    { numRuns: 5000, seed: 5 },
  );
});
