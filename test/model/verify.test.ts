import { describe, expect, test } from "vitest";
import { LINK_SLOT_ETHERNET } from "../../abi/layout.ts";
import { LINK_ETHERNET } from "../../abi/limits.ts";
import type { Config } from "../../src/dataplane/entries.ts";
import { createStore } from "../../src/model/store.ts";
import { hasDamagedHeader, isDamaged } from "../../src/model/verify.ts";
import type { Passage } from "../../src/model/walk.ts";
import * as address from "../../src/packet/address.ts";
import { type PacketSpec, packet } from "../../src/packet/build.ts";
import { concat } from "../../src/packet/bytes.ts";
import * as checksum from "../../src/packet/checksum.ts";
import { parse, TCP, UDP } from "../../src/packet/parse.ts";
import { CLIENT, CLIENT6, INVALID, SYN, VIP, VIP6, web } from "./scene.ts";
import { CAPACITY, CONFIG, createWorld, UNMARKED } from "./world.ts";

const V4 = { saddr: CLIENT, daddr: VIP } as const;
const V6 = { saddr: CLIENT6, daddr: VIP6 } as const;

interface Change {
  readonly config?: Partial<Config>;
  readonly local?: boolean;
  readonly wireLength?: number;
}

function passage(frame: Uint8Array, { config, local, wireLength }: Change = {}): Passage {
  const store = createStore(CAPACITY, 1);
  store.control.config.update("config", { ...CONFIG, checksum: true, ...config });
  const input = {
    interface: 0,
    ...UNMARKED,
    link: LINK_SLOT_ETHERNET,
    local: local ?? false,
    wireLength: wireLength ?? frame.length,
  };
  return { store, frame, input };
}

function damaged(frame: Uint8Array, change: Change = {}): boolean {
  const way = passage(frame, change);
  const parsed = parse(frame, LINK_ETHERNET, way.input.wireLength);
  if (!("tuple" in parsed)) throw new Error(`the frame is ${parsed.found}`);
  return isDamaged(way, parsed.ip);
}

function damagedHeader(frame: Uint8Array, change: Change = {}): boolean {
  const way = passage(frame, change);
  return hasDamagedHeader(way, parse(frame, LINK_ETHERNET, way.input.wireLength));
}

/** The sum over the pseudo-header, as it stands in a checksum field that a device is to finish. */
function partial({ saddr, daddr }: PacketSpec, protocol: number, length: number): number {
  const addresses = concat([address.parse(saddr), address.parse(daddr)]);
  return checksum.pseudoHeader(addresses, protocol, length);
}

const MESSAGES: readonly (readonly [string, PacketSpec])[] = [
  ["TCP over IPv4", { ...V4, proto: "tcp" }],
  ["TCP over IPv6", { ...V6, proto: "tcp" }],
  ["UDP over IPv4", { ...V4, proto: "udp" }],
  ["UDP over IPv6", { ...V6, proto: "udp" }],
  ["SCTP over IPv4", { ...V4, proto: "sctp" }],
  ["SCTP over IPv6", { ...V6, proto: "sctp" }],
  ["ICMP", { ...V4, proto: "icmp" }],
  ["ICMPv6", { ...V6, proto: "icmpv6" }],
];

describe.each(MESSAGES)("the checksum of %s", (_, spec) => {
  const good = packet({ ...spec, payload: "odd", padding: 5 });
  const bad = good.slice();
  bad[bad.length - 6]! ^= 1;

  test("is right, or wrong by a bit", () => {
    expect(damaged(good)).toBe(false);
    expect(damaged(bad)).toBe(true);
  });

  test("does not cover what stands behind the packet", () => {
    expect(damaged(good.slice().fill(0xa5, -5))).toBe(false);
  });

  test("is not asked for when nf_conntrack_checksum is off", () => {
    expect(damaged(bad, { config: { checksum: false } })).toBe(false);
  });

  test("is not asked for in what the node itself sends", () => {
    expect(damaged(bad, { local: true })).toBe(false);
  });

  test("is trusted where the capture has cut the packet", () => {
    const cut = bad.subarray(0, bad.length - 7);
    expect(damaged(cut, { wireLength: bad.length })).toBe(false);
  });

  test("is not asked for in a piece of a packet", () => {
    const piece = packet({ ...spec, fragment: { more: true }, checksum: 1, payload: "8 bytes!" });
    expect(damaged(piece)).toBe(false);
  });
});

describe("UDP", () => {
  test.each([V4, V6])("needs no checksum (%j)", (ends) => {
    expect(damaged(packet({ ...ends, proto: "udp", checksum: 0 }))).toBe(false);
  });

  test.each([V4, V6])("is added up to IP's length, not to its own (%j)", (ends) => {
    const spec = { ...ends, proto: "udp", payload: "rest" } as const;
    const whole = packet({ ...spec, udpLength: 8 });
    expect(damaged(whole)).toBe(false);
    const own = packet({ ...ends, proto: "udp" });
    const field = own.subarray(-2);
    const shorter = packet({ ...spec, udpLength: 8, checksum: field[0]! * 256 + field[1]! });
    expect(damaged(shorter)).toBe(true);
  });
});

describe("a checksum that is left to the device", () => {
  const payload = "payload";

  test.each([V4, V6])("is the sum of the pseudo-header (%j)", (ends) => {
    const tcp = { ...ends, proto: "tcp", payload } as const;
    expect(damaged(packet({ ...tcp, checksum: partial(tcp, TCP, 27) }))).toBe(false);
    const udp = { ...ends, proto: "udp", payload } as const;
    expect(damaged(packet({ ...udp, checksum: partial(udp, UDP, 15) }))).toBe(false);
  });

  test("is not any other sum", () => {
    const tcp = { ...V4, proto: "tcp", payload } as const;
    expect(damaged(packet({ ...tcp, checksum: partial(tcp, TCP, 28) }))).toBe(true);
    expect(damaged(packet({ ...tcp, checksum: partial(tcp, TCP, 27) ^ 0xffff }))).toBe(true);
  });

  test("is nothing that ICMPv6 has", () => {
    const icmp = { ...V6, proto: "icmpv6", payload } as const;
    expect(damaged(packet({ ...icmp, checksum: partial(icmp, 58, 15) }))).toBe(true);
  });
});

describe("the IPv4 header checksum", () => {
  const wrong: PacketSpec = { ...V4, ipChecksum: 0x1234 };

  test("is right, or wrong", () => {
    expect(damagedHeader(packet(V4))).toBe(false);
    expect(damagedHeader(packet(wrong))).toBe(true);
  });

  test("covers the options", () => {
    const frame = packet({ ...V4, ipOptions: Uint8Array.of(7, 3, 4, 0) });
    expect(damagedHeader(frame)).toBe(false);
    frame[14 + 22]! ^= 1;
    expect(damagedHeader(frame)).toBe(true);
  });

  test.each([
    ["of a fragment", { fragment: { more: true }, payload: "8 bytes!" }],
    ["of a malformed segment", { ipLength: 39 }],
    ["of another protocol", { proto: 47 }],
  ] as const)("counts %s too", (_, change) => {
    expect(damagedHeader(packet({ ...wrong, ...change }))).toBe(true);
  });

  test("counts where the capture ends behind the header", () => {
    const frame = packet(wrong);
    expect(damagedHeader(frame.subarray(0, 34), { wireLength: frame.length })).toBe(true);
  });

  test("is not asked for by the two that ask for none", () => {
    expect(damagedHeader(packet(wrong), { local: true })).toBe(false);
    expect(damagedHeader(packet(wrong), { config: { checksum: false } })).toBe(false);
  });

  test("is nothing that IPv6 has, or a frame of something else", () => {
    expect(damagedHeader(packet(V6))).toBe(false);
    expect(damagedHeader(packet({ ...V4, etherType: 0x0806 }))).toBe(false);
  });
});

describe("on the way", () => {
  const DAMAGED = { ...INVALID, reason: "checksum" };
  const config = [["config", { ...CONFIG, checksum: true }]] as const;

  test("a wrong header checksum is the end of a packet, known or not", () => {
    const world = createWorld({ ...web(), config });
    world.send(packet(SYN));
    const outcome = world.send(packet({ ...SYN, ipChecksum: 1 }));
    expect(outcome).toMatchObject({ ...DAMAGED, conntrack: "none", service: 0, backend: 0 });
  });

  test("a damaged packet of a service opens nothing, and names it", () => {
    const world = createWorld({ ...web(), config });
    const outcome = world.send(packet({ ...SYN, checksum: 1 }));
    expect(outcome).toMatchObject({ ...DAMAGED, service: 1, backend: 0 });
    expect(world.engine.counters().connections.created).toBe(0);
  });

  test("with checksums switched off it is translated, and stays as wrong as it was", () => {
    const world = createWorld({ ...web(), config: [["config", { ...CONFIG, checksum: false }]] });
    const right = world.send(packet(SYN)).packet;
    const frame = packet(SYN);
    frame[14 + 20 + 16]! ^= 0x40;
    const wrong = world.send(frame).packet;
    right[14 + 20 + 16]! ^= 0x40;
    expect(wrong).toEqual(right);
  });
});
