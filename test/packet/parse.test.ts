import { describe, expect, test } from "vitest";
import { LINK_ETHERNET, LINK_RAW } from "../../abi/limits.ts";
import { type ExtensionSpec, type PacketSpec, packet } from "../../src/packet/build.ts";
import { LINK_TYPES } from "../../src/packet/link.ts";
import { type Parsed, parse, tupleOf } from "../../src/packet/parse.ts";

const V4 = { saddr: "192.0.2.1", sport: 1234, daddr: "10.96.0.10", dport: 80 } as const;
const V6 = { saddr: "2001:db8::1", sport: 1234, daddr: "fd00:96::10", dport: 80 } as const;
const FAMILIES = [
  { family: "ipv4", ends: V4 },
  { family: "ipv6", ends: V6 },
] as const;
const TUPLE = { ...V4, proto: "tcp" };

/** The frame between foreign bytes, so that whoever looks outside of it finds something. */
function windowed(frame: Uint8Array): Uint8Array {
  const window = new Uint8Array(frame.length + 64).fill(0xa5);
  window.set(frame, 32);
  return window.subarray(32, 32 + frame.length);
}

function read(spec: PacketSpec, change: (frame: Uint8Array) => void = () => {}): Parsed {
  const frame = windowed(packet(spec));
  change(frame);
  return parse(frame, LINK_TYPES[spec.link ?? "ethernet"]);
}

/** A raw frame with some bytes set: `[offset, value]`. */
function patched(spec: PacketSpec, ...bytes: readonly [number, number][]): Parsed {
  return read({ ...spec, link: "raw" }, (frame) => {
    for (const [at, value] of bytes) frame[at] = value;
  });
}

describe("link layers", () => {
  const headers = { ethernet: 14, raw: 0, null: 4, loop: 4, "linux-sll": 16, "linux-sll2": 20 };
  const links = Object.entries(headers) as [keyof typeof headers, number][];

  for (const { family, ends } of FAMILIES) {
    test.each(links)(`${family} over %s`, (link, at) => {
      expect(read({ ...ends, link })).toMatchObject({
        found: "flow",
        ip: { family, at, transport: at + (family === "ipv4" ? 20 : 40) },
        tuple: { ...ends, proto: "tcp" },
      });
    });
  }

  test.each([12, 14, 101, 228, 229])("LINKTYPE_ number %i is raw IP", (link) => {
    expect(tupleOf(packet({ ...V4, link: "raw" }), link)).toEqual(TUPLE);
    expect(tupleOf(packet({ ...V6, link: "raw" }), link)).toEqual({ ...V6, proto: "tcp" });
  });

  test.each([
    [[5], 18],
    [[5, 6], 22],
    [[{ id: 5, etherType: 0x9100 }, 6], 22],
  ])("%j VLAN tags are looked through", (vlan, at) => {
    expect(read({ ...V4, vlan })).toMatchObject({ found: "flow", ip: { at }, tuple: TUPLE });
  });

  test.each([
    ["big", 2, "ipv4"],
    ["little", 2, "ipv4"],
    ["little", 10, "ipv6"],
    ["little", 24, "ipv6"],
    ["big", 28, "ipv6"],
    ["little", 30, "ipv6"],
  ] as const)("NULL has %s-endian family %i for %s", (byteOrder, addressFamily, family) => {
    const ends = family === "ipv4" ? V4 : V6;
    const parsed = read({ ...ends, link: "null", byteOrder, addressFamily });
    expect(parsed).toMatchObject({ found: "flow", ip: { family } });
  });

  test("LOOP has its family in network order only", () => {
    const frame = packet({ ...V4, link: "null", byteOrder: "little" });
    expect(parse(frame, LINK_TYPES.loop).found).toBe("not-ip");
  });

  test.each([
    ["a third VLAN tag", { vlan: [5, 6, 7] }],
    ["ARP", { etherType: 0x0806 }],
    ["an 802.3 length", { etherType: 0x0026 }],
    ["an address family of something else", { link: "null", addressFamily: 17 }],
    ["a cooked frame of something else", { link: "linux-sll", etherType: 0x0004 }],
  ] as const)("%s is not for us", (_, spec) => {
    expect(read({ ...V4, ...spec })).toEqual({ found: "not-ip" });
  });

  test("raw frames of another version, and unknown link types, are not for us", () => {
    expect(parse(Uint8Array.of(0x55, 0xa5), LINK_RAW).found).toBe("not-ip");
    expect(parse(packet(V4), 147).found).toBe("not-ip");
    expect(parse(new Uint8Array(0), -1).found).toBe("not-ip");
  });
});

describe("where captured bytes end", () => {
  const specs: readonly PacketSpec[] = [
    { ...V4, vlan: [5, 6] },
    { ...V4, link: "linux-sll2", proto: "udp" },
    { ...V4, link: "null", proto: "sctp", ipOptions: Uint8Array.of(1, 1, 1, 0) },
    { ...V6, extensions: [{ type: "hop-by-hop" }, { type: "authentication" }] },
  ];

  test.each(specs)("no header may be cut off: %j", (spec) => {
    const whole = packet({ ...spec, payload: "payload" });
    const link = LINK_TYPES[spec.link ?? "ethernet"];
    const { ip } = parse(whole, link) as Extract<Parsed, { found: "flow" }>;
    const header = { tcp: 20, udp: 8, sctp: 12 }[(spec.proto ?? "tcp") as "tcp"];
    for (let length = 0; length < whole.length; length++) {
      const expected = length < ip.transport + header ? "truncated" : "flow";
      const cut = windowed(whole.subarray(0, length));
      expect(parse(cut, link, whole.length).found, `${length} bytes`).toBe(expected);
    }
  });

  test("the IP length may not reach behind the bytes on the wire", () => {
    for (const { ends } of FAMILIES) {
      const frame = packet({ ...ends, payload: "payload" });
      expect(parse(frame.subarray(0, -1), LINK_ETHERNET)).toEqual({
        found: "truncated",
        layer: "ip",
      });
    }
  });

  test("a wire length below the captured one counts as that", () => {
    expect(parse(packet(V4), LINK_ETHERNET, 3).found).toBe("flow");
  });

  test("bytes behind the IP length are padding", () => {
    expect(read({ ...V4, padding: 6 })).toMatchObject({ found: "flow", ip: { end: 14 + 40 } });
  });
});

describe("IPv4", () => {
  test.each([
    ["another version", [0, 0x55], "not-ip"],
    ["a header below 20 bytes", [0, 0x44], "malformed"],
    ["a total length below the header", [3, 19], "malformed"],
    ["a total length below a long header", [0, 0x4f], "malformed"],
  ] as const)("%s", (_, patch, found) => {
    expect(patched(V4, [...patch]).found).toBe(found);
  });

  test("another version behind Ethernet is malformed", () => {
    const parsed = read(V4, (frame) => {
      frame[14] = 0x65;
    });
    expect(parsed).toEqual({ found: "malformed", layer: "ip" });
  });

  test("options are stepped over", () => {
    const ipOptions = new Uint8Array(40).fill(1);
    expect(read({ ...V4, ipOptions })).toMatchObject({ ip: { transport: 14 + 60 }, tuple: TUPLE });
  });

  test.each([
    ["the first fragment has ports", { more: true }, { ...V4, proto: "tcp" }],
    ["a later one has none", { offset: 24 }, { ...V4, sport: 0, dport: 0, proto: "tcp" }],
    ["nor has one in the middle", { offset: 24, more: true }, { ...V4, sport: 0, dport: 0 }],
  ])("%s", (_, fragment, tuple) => {
    const parsed = read({ ...V4, fragment, payload: new Uint8Array(24) });
    expect(parsed).toMatchObject({ found: "fragment", tuple });
  });

  test("a first fragment too short for ports shows none", () => {
    const spec = { ...V4, fragment: { more: true }, ipLength: 23, link: "raw" } as const;
    expect(read(spec)).toMatchObject({ found: "fragment", tuple: { sport: 0, dport: 0 } });
  });

  test("a fragment has its place in its datagram", () => {
    const fragment = { id: 0xabcd, offset: 24, more: true };
    const parsed = read({ ...V4, dontFragment: true, fragment, payload: "8 bytes!" });
    expect(parsed).toMatchObject({ ip: { fragment, transport: 34, end: 42 } });
  });

  test("don't-fragment is no fragment", () => {
    expect(read({ ...V4, dontFragment: true })).toMatchObject({
      found: "flow",
      ip: { fragment: null },
    });
  });

  test.each([
    ["icmpv6", "icmpv6"],
    [47, "47"],
    [0, "0"],
  ] as const)("protocol %s has no ports", (proto, name) => {
    const tuple = { saddr: V4.saddr, sport: 0, daddr: V4.daddr, dport: 0, proto: name };
    expect(read({ ...V4, proto, payload: "?" })).toMatchObject({ found: "protocol", tuple });
  });
});

describe("IPv6", () => {
  const chain = (...extensions: ExtensionSpec[]) => read({ ...V6, link: "raw", extensions });

  test.each([
    ["hop-by-hop options", "hop-by-hop", 48],
    ["a routing header", "routing", 48],
    ["destination options", "destination", 48],
    ["a mobility header", "mobility", 48],
    ["an authentication header, counted in words of four bytes", "authentication", 64],
    ["an atomic fragment (RFC 6946)", "fragment", 48],
  ] as const)("%s is stepped over", (_, type, transport) => {
    expect(chain({ type })).toMatchObject({
      found: "flow",
      ip: { transport },
      tuple: { ...V6, proto: "tcp" },
    });
  });

  test("a chain of them is, in any order", () => {
    const types = ["destination", "fragment", "authentication", "routing", "hop-by-hop"] as const;
    expect(chain(...types.map((type) => ({ type })))).toMatchObject({ found: "flow" });
  });

  test("eight are walked, nine are malformed", () => {
    const many = (length: number) =>
      Array.from({ length }, () => ({ type: "destination" }) as const);
    expect(chain(...many(8)).found).toBe("flow");
    expect(chain(...many(9))).toEqual({ found: "malformed", layer: "ip" });
  });

  test.each([
    ["the first fragment has ports", { more: true }, 1234],
    ["a later one has none", { offset: 24 }, 0],
  ])("%s", (_, fragment, sport) => {
    const parsed = read({ ...V6, fragment, payload: new Uint8Array(24) });
    expect(parsed).toMatchObject({ found: "fragment", tuple: { sport, proto: "tcp" } });
  });

  test("a fragment has its place in its datagram", () => {
    const fragment = { id: 0xfedc_ba98, offset: 24, more: true };
    const parsed = read({ ...V6, fragment, payload: "8 bytes!" });
    expect(parsed).toMatchObject({ ip: { fragment, transport: 62, end: 70 } });
  });

  test("what stands behind the header of a fragment is left to whoever has all of it", () => {
    const extensions = [{ type: "fragment", more: true }, { type: "destination" }] as const;
    const parsed = read({ ...V6, extensions });
    expect(parsed).toMatchObject({ found: "fragment", ip: { protocol: 60, transport: 62 } });
  });

  test("another version behind Ethernet is malformed", () => {
    const parsed = read(V6, (frame) => {
      frame[14] = 0x45;
    });
    expect(parsed).toEqual({ found: "malformed", layer: "ip" });
  });

  test.each([
    ["a header longer than the payload", [41, 200]],
    ["a payload too short for a header", [5, 7]],
  ] as const)("%s is malformed", (_, patch) => {
    const parsed = patched({ ...V6, extensions: [{ type: "hop-by-hop" }] }, [...patch]);
    expect(parsed).toEqual({ found: "malformed", layer: "ip" });
  });

  test("a header longer than the packet is malformed, captured whole or not", () => {
    const whole = packet({ ...V6, link: "raw", extensions: [{ type: "routing" }] });
    whole[41] = 200;
    const cut = whole.subarray(0, 48);
    expect(parse(cut, LINK_RAW, whole.length).found).toBe("malformed");
  });

  test.each([
    [1, "icmp"],
    [50, "50"],
    [59, "59"],
  ] as const)("protocol %i has no ports", (proto, name) => {
    const parsed = read({ ...V6, proto, payload: "?" });
    expect(parsed).toMatchObject({ found: "protocol", tuple: { sport: 0, proto: name } });
  });
});

describe("ICMP", () => {
  const ECHO = { icmp: { type: 8, code: 0 } };

  test.each([
    ["ICMP", { ...V4, ...ECHO, proto: "icmp" }, 8, "icmp"],
    ["ICMPv6", { ...V6, ...ECHO, proto: "icmpv6" }, 8, "icmpv6"],
    ["an error", { ...V4, proto: "icmp", icmp: { type: 3, code: 1 }, payload: "?" }, 3, "icmp"],
  ] as const)("%s is found by its type, and has no ports", (_, spec, type, proto) => {
    const tuple = { saddr: spec.saddr, sport: 0, daddr: spec.daddr, dport: 0, proto };
    expect(read(spec)).toMatchObject({ found: "icmp", type, tuple });
  });

  test.each([
    ["icmp", { ...V4, proto: "icmp", ipLength: 27 }],
    ["icmpv6", { ...V6, proto: "icmpv6", ipLength: 7 }],
  ] as const)("a message of %s below its header is malformed", (_, spec) => {
    expect(read(spec)).toMatchObject({ found: "malformed", layer: "transport" });
  });

  test("its header may not be cut off", () => {
    const whole = packet({ ...V4, proto: "icmp", payload: "payload" });
    const cut = windowed(whole.subarray(0, 41));
    expect(parse(cut, LINK_ETHERNET, whole.length)).toMatchObject({ found: "truncated" });
    expect(parse(whole.subarray(0, 42), LINK_ETHERNET, whole.length).found).toBe("icmp");
  });
});

describe("transport", () => {
  const malformed = { found: "malformed", layer: "transport", ip: { at: expect.any(Number) } };

  test.each([
    ["a TCP header that does not fit", { ...V4, ipLength: 39 }],
    ["a UDP header that does not fit", { ...V4, proto: "udp", ipLength: 27 }],
    ["an SCTP header that does not fit", { ...V4, proto: "sctp", ipLength: 31 }],
    ["a UDP length below its header", { ...V4, proto: "udp", udpLength: 7 }],
    ["a UDP length of zero", { ...V6, proto: "udp", udpLength: 0 }],
    ["a UDP length above the payload", { ...V4, proto: "udp", udpLength: 9 }],
    ["no transport header at all", { ...V6, ipLength: 0 }],
  ] as const)("%s is malformed", (_, spec) => {
    expect(read(spec)).toMatchObject(malformed);
  });

  test.each([
    ["below 20", 0x4f],
    ["above the payload", 0x60],
  ])("a TCP data offset %s is malformed", (_, value) => {
    expect(patched(V4, [32, value])).toMatchObject(malformed);
  });

  test("a UDP length below the payload is in order", () => {
    expect(read({ ...V4, proto: "udp", udpLength: 8, payload: "rest" }).found).toBe("flow");
  });

  test("a segment ends with its packet, or where the capture does", () => {
    const frame = packet({ ...V4, proto: "udp", payload: "payload", padding: 3 });
    const segment = frame.subarray(34, 49);
    expect(parse(frame, LINK_ETHERNET)).toMatchObject({ segment });
    const cut = parse(frame.subarray(0, 45), LINK_ETHERNET, frame.length);
    expect(cut).toMatchObject({ segment: segment.subarray(0, 11) });
  });

  test("TCP flags are read, and others have none", () => {
    expect(read({ ...V4, flags: "SEW" })).toMatchObject({ flags: 0xc2 });
    expect(read({ ...V4, proto: "udp" })).toMatchObject({ flags: 0 });
  });
});

test("a frame that cannot be read has no tuple", () => {
  expect(tupleOf(packet(V4), LINK_ETHERNET)).toEqual(TUPLE);
  expect(tupleOf(packet(V4).subarray(0, 30), LINK_ETHERNET, 54)).toBeNull();
  expect(tupleOf(packet({ ...V4, ipLength: 39 }), LINK_ETHERNET)).toBeNull();
  expect(tupleOf(packet({ ...V4, etherType: 0x0806 }), LINK_ETHERNET)).toBeNull();
});
