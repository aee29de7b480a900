import { describe, expect, test } from "vitest";
import { fragments, type PacketSpec, packet } from "../../src/packet/build.ts";
import { verify } from "../../src/packet/checksum.ts";
import { fieldsOf } from "../../src/packet/fields.ts";
import { LINK_TYPES } from "../../src/packet/link.ts";

const V4 = { saddr: "10.0.0.1", sport: 4000, daddr: "10.96.0.1", dport: 80 } as const;
const V6 = { saddr: "2001:db8::1", sport: 4000, daddr: "2001:db8::2", dport: 80 } as const;

const bytes = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ""), "hex"));

/** Values of the fields named, by "layer.field". */
function values(
  frame: Uint8Array,
  names: readonly string[],
  link?: number,
): Record<string, string> {
  const all = new Map(fieldsOf(frame, link).map((one) => [`${one.layer}.${one.field}`, one.value]));
  return Object.fromEntries(names.map((name) => [name, all.get(name) ?? "(absent)"]));
}

describe("packet", () => {
  test("is, byte for byte, what RFC 791 and RFC 9293 draw", () => {
    const frame = packet({ ...V4, flags: "S", seq: 1, window: 512, id: 7, payload: "hi" });
    expect(frame).toEqual(
      bytes(`
        020000000002 020000000001 0800
        4500 002a 0007 0000 4006 6666 0a000001 0a600001
        0fa0 0050 00000001 00000000 5002 0200 2125 0000
        6869`),
    );
  });

  test("is, byte for byte, what RFC 8200 and RFC 768 draw", () => {
    const frame = packet({
      ...V6,
      proto: "udp",
      link: "raw",
      payload: "hi",
      tos: 0x12,
      flowLabel: 0x34567,
    });
    expect(frame).toEqual(
      bytes(`
        61234567 000a 11 40 20010db8000000000000000000000001 20010db8000000000000000000000002
        0fa0 0050 000a 2c0c 6869`),
    );
  });

  const kinds: PacketSpec["proto"][] = ["tcp", "udp", "sctp", "icmp", "icmpv6"];
  test.each(kinds.flatMap((proto) => [V4, V6].map((flow) => ({ ...flow, proto }))))(
    "has right checksums for $proto from $saddr",
    (flow) => {
      for (const payload of ["", "a", "ab", new Uint8Array(1460).fill(0xff)]) {
        const checks = verify(packet({ ...flow, payload }), LINK_TYPES.ethernet);
        expect(checks).toMatchObject({ transport: "good" });
      }
    },
  );

  test.each<{ name: string; spec: Partial<PacketSpec>; has: Record<string, string> }>([
    {
      name: "a VLAN tag",
      spec: { vlan: [5] },
      has: { "ethernet.etherType": "0x8100", "vlan.id": "5", "vlan.etherType": "0x0800" },
    },
    {
      name: "a QinQ pair",
      spec: { vlan: [{ id: 4095, priority: 7, dropEligible: true }, 6] },
      has: {
        "ethernet.etherType": "0x88a8",
        "vlan.id": "4095",
        "vlan.priority": "7",
        "vlan.dropEligible": "1",
        "vlan.etherType": "0x8100",
        "vlan[2].id": "6",
        "vlan[2].etherType": "0x0800",
      },
    },
    {
      name: "a tag of another EtherType",
      spec: { vlan: [{ id: 1, etherType: 0x9100 }] },
      has: { "ethernet.etherType": "0x9100" },
    },
    {
      name: "an EtherType that is not true",
      spec: { etherType: 0x0806 },
      has: { "ethernet.etherType": "0x0806", "ipv4.saddr": "(absent)" },
    },
    {
      name: "IP fields",
      spec: { ttl: 3, tos: 0xb8, id: 77, dontFragment: true },
      has: { "ipv4.ttl": "3", "ipv4.tos": "0xb8", "ipv4.id": "77", "ipv4.dontFragment": "1" },
    },
    {
      name: "IP options, padded",
      spec: { ipOptions: Uint8Array.of(1, 1, 1) },
      has: { "ipv4.headerLength": "24", "ipv4.options": "01010100" },
    },
    {
      name: "a length and a checksum that are wrong",
      spec: { ipLength: 9999, ipChecksum: 0x1234 },
      has: { "ipv4.length": "9999", "ipv4.checksum": "0x1234" },
    },
    { name: "every TCP flag", spec: { flags: "FSRPAUEW" }, has: { "tcp.flags": "FSRP.UEW" } },
    {
      name: "TCP fields",
      spec: { seq: 0xffffffff, ack: 5, window: 6, urgent: 7, flags: "" },
      has: {
        "tcp.seq": "4294967295",
        "tcp.ack": "5",
        "tcp.window": "6",
        "tcp.urgent": "7",
        "tcp.flags": "none",
      },
    },
    {
      name: "TCP options",
      spec: {
        tcpOptions: { mss: 1460, windowScale: 7, sackPermitted: true, timestamps: [0xffffffff, 1] },
      },
      has: {
        "tcp.headerLength": "40",
        // mss; SACK permitted; timestamps; window scale; end of options
        "tcp.options": ["020405b4", "0402", "080affffffff00000001", "030307", "00"].join(""),
      },
    },
    {
      name: "no UDP checksum",
      spec: { proto: "udp", checksum: 0 },
      has: { "udp.checksum": "0x0000" },
    },
    {
      name: "a wrong UDP length",
      spec: { proto: "udp", udpLength: 7 },
      has: { "udp.length": "7" },
    },
    {
      name: "SCTP chunks, padded",
      spec: {
        proto: "sctp",
        verificationTag: 9,
        chunks: [{ type: "DATA", flags: 3, value: Uint8Array.of(1) }, { type: 200 }],
      },
      has: {
        "sctp.verificationTag": "0x00000009",
        "chunk.type": "DATA",
        "chunk.flags": "0x03",
        "chunk.length": "5",
        "chunk.value": "01000000",
        "chunk[2].type": "200",
        "chunk[2].length": "4",
      },
    },
    {
      name: "an echo request",
      spec: { proto: "icmp", icmp: { type: 8, id: 0xffff, sequence: 2 } },
      has: { "icmp.type": "8", "icmp.rest": "0xffff0002" },
    },
    {
      name: "an MTU",
      spec: { proto: "icmp", icmp: { type: 3, code: 4, rest: 1400 } },
      has: { "icmp.code": "4", "icmp.rest": "0x00000578" },
    },
    {
      name: "a protocol by number",
      spec: { proto: 47, payload: "gre" },
      has: { "ipv4.protocol": "47", "payload.bytes": "677265" },
    },
    { name: "padding", spec: { padding: 3 }, has: { "padding.bytes": "000000" } },
  ])("takes $name", ({ spec, has }) => {
    expect(values(packet({ ...V4, ...spec }), Object.keys(has))).toEqual(has);
  });

  test("chains extension headers in the order given", () => {
    const types = ["hop-by-hop", "destination", "routing", "authentication", "mobility"] as const;
    const frame = packet({
      ...V6,
      extensions: types.map((type) => ({ type })),
      fragment: { more: true, id: 9 },
    });
    const layers = [...new Set(fieldsOf(frame).map(({ layer }) => layer))];
    expect(layers).toEqual(["ethernet", "ipv6", ...types, "fragment", "tcp"]);
    expect(
      values(frame, [
        "ipv6.nextHeader",
        "authentication.length",
        "fragment.nextHeader",
        "fragment.id",
      ]),
    ).toEqual({
      "ipv6.nextHeader": "0",
      "authentication.length": "4",
      "fragment.nextHeader": "6",
      "fragment.id": "9",
    });
  });

  test("has the link layer asked for", () => {
    const sizes = Object.keys(LINK_TYPES).map((link) => {
      const frame = packet({ ...V6, link: link as keyof typeof LINK_TYPES });
      return [link, frame.length - 60];
    });
    expect(Object.fromEntries(sizes)).toEqual({
      ethernet: 14,
      raw: 0,
      null: 4,
      loop: 4,
      "linux-sll": 16,
      "linux-sll2": 20,
    });
    expect(packet({ ...V6, link: "null" }).subarray(0, 4)).toEqual(bytes("1e000000"));
    expect(
      packet({ ...V6, link: "null", byteOrder: "big", addressFamily: 10 }).subarray(0, 4),
    ).toEqual(bytes("0000000a"));
    expect(packet({ ...V4, link: "loop" }).subarray(0, 4)).toEqual(bytes("00000002"));
  });

  test.each<{ says: RegExp; spec: Partial<PacketSpec> }>([
    { says: /different families/, spec: { daddr: "::1" } },
    { says: /not an IP address/, spec: { saddr: "10.0.0.256" } },
    { says: /not a MAC address/, spec: { smac: "02:00" } },
    { says: /unknown TCP flag X/, spec: { flags: "SX" } },
    { says: /multiple of 8/, spec: { fragment: { offset: 7 } } },
    { says: /40 is the most/, spec: { ipOptions: new Uint8Array(41) } },
    { says: /40 is the most/, spec: { tcpOptions: new Uint8Array(41) } },
    { says: /unknown protocol/, spec: { proto: "gre" as "tcp" } },
    { says: /unknown link layer/, spec: { link: "sll" as "raw" } },
  ])("refuses what cannot be: $says", ({ says, spec }) => {
    expect(() => packet({ ...V4, ...spec })).toThrow(says);
  });
});

describe.each([V4, V6])("fragments of a packet from $saddr", (flow) => {
  const spec: PacketSpec = {
    ...flow,
    proto: "udp",
    link: "raw",
    payload: new Uint8Array(100).map((_, at) => at),
  };
  const header = flow === V4 ? 20 : 48;

  test("join to the packet again", () => {
    const pieces = fragments(spec, 48).map((frame) => frame.subarray(header));
    expect(pieces.map(({ length }) => length)).toEqual([48, 48, 12]);
    const whole = packet(spec).subarray(flow === V4 ? 20 : 40);
    expect(Buffer.concat(pieces)).toEqual(Buffer.from(whole));
  });

  test("say where they belong", () => {
    const layer = flow === V4 ? "ipv4" : "fragment";
    const names = [`${layer}.fragmentOffset`, `${layer}.moreFragments`, `${layer}.id`];
    const rows = fragments(spec, 48).map((frame) =>
      Object.values(values(frame, names, LINK_TYPES.raw)),
    );
    expect(rows).toEqual([
      ["0", "1", "1"],
      ["48", "1", "1"],
      ["96", "0", "1"],
    ]);
  });

  test("are cut at multiples of eight only", () => {
    expect(() => fragments(spec, 50)).toThrow(/multiple of 8/);
  });
});
