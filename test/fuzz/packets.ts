/** Random packets, biased to what the random clusters serve, and damaged in a part of the cases. */
import fc from "fast-check";
import type { FrameOptions, Maps } from "../../src/dataplane/dataplane.ts";
import type { Proto } from "../../src/dataplane/entries.ts";
import { build, type Frame, type Link } from "../conformance/frame.ts";
import {
  EXTERNAL,
  INTERFACES,
  NODE_IPS,
  NODE_PORTS,
  PODS_IPV4,
  PODS_IPV6,
  PORTS,
  VIPS_IPV4,
  VIPS_IPV6,
} from "./clusters.ts";

export interface Packet {
  readonly bytes: Uint8Array;
  readonly options: FrameOptions;
}

/** How a well-formed frame is spoiled. */
export interface Damage {
  readonly flips: readonly (readonly [at: number, bits: number])[];
  /** Bytes kept. */
  readonly keep: number;
  /** Bytes the wire had beyond those kept. */
  readonly unseen: number;
}

export const isIPv4 = (address: string): boolean => !address.includes(":");
export const SOURCES = [
  ...PODS_IPV4,
  ...PODS_IPV6,
  ...NODE_IPS,
  "203.0.113.9",
  "203.0.113.200",
  "2001:db8:f::9",
  "127.0.0.1",
  "::1",
  "224.0.0.1",
  "240.0.0.1",
  "0.0.0.0",
  "::",
  "fe80::1",
  "ff02::1",
  "::ffff:a00:1",
];
export const TARGETS = [
  ...VIPS_IPV4,
  ...VIPS_IPV6,
  ...EXTERNAL,
  ...NODE_IPS,
  "127.0.0.1",
  "::1",
  "10.244.1.1",
];
export const SOURCE_PORTS = [0, 1, 511, 512, 600, 1023, 1024, 30000, 40000, 65535];
const LINKS: Link[] = ["ethernet", "raw", "null", "loop", "linux-sll", "linux-sll2"];

/** Any 4-byte multiple of options, end and no-operation included. */
const padded = (words: number) => fc.uint8Array({ minLength: 4 * words, maxLength: 4 * words });
const optionBytes = fc.integer({ min: 1, max: 10 }).chain(padded);
const extension = fc
  .tuple(fc.constantFrom(0, 43, 60, 135, 51, 44), fc.uint8Array({ minLength: 16, maxLength: 16 }))
  .map(([type, bytes]): [number, Uint8Array] => [type, sizedExtension(type, bytes)]);

/** The length byte fits the 16 bytes: RFC 8200 section 4, RFC 4302 section 2.2. */
function sizedExtension(type: number, bytes: Uint8Array): Uint8Array {
  if (type === 44)
    return Uint8Array.of(0, 0, 0, bytes[3]! & bytes[4]! & bytes[5]! & 9, ...bytes.subarray(4, 8));
  bytes[1] = type === 51 ? 2 : 1;
  return bytes;
}

const endpoints = fc.constantFrom(true, false).chain((v4) =>
  fc.record({
    saddr: fc.constantFrom(...SOURCES.filter((address) => isIPv4(address) === v4)),
    daddr: fc.constantFrom(...TARGETS.filter((address) => isIPv4(address) === v4)),
  }),
);

export const tcpFlags = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom("S", "A", "SA", "FA", "R", "PA", "RA") },
  { weight: 1, arbitrary: fc.subarray([..."FSRPAUEC"]).map((letters) => letters.join("")) },
);

function mostly<T>(usual: T, arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T> {
  return fc.oneof({ weight: 9, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary });
}

const rarely = <T>(arbitrary: fc.Arbitrary<T>) => mostly<T | undefined>(undefined, arbitrary);

const shape = fc.record({
  link: mostly<Link>("ethernet", fc.constantFrom(...LINKS)),
  tags: rarely(
    fc.array(fc.tuple(fc.constantFrom(0x8100, 0x88a8, 0x9100), fc.nat(0xffff)), { maxLength: 3 }),
  ),
  options: rarely(optionBytes),
  tcpOptions: rarely(optionBytes),
  extensions: rarely(fc.array(extension, { maxLength: 9 })),
  unsummed: fc.boolean(),
  payload: fc.uint8Array({ maxLength: 33 }),
  padding: fc.constantFrom(0, 0, 6),
  tos: fc.nat(255),
  ttl: fc.nat(255),
  fragment: mostly(0x4000, fc.constantFrom(0, 0x8000, 0x2000, 7)),
});

export type Shape = Partial<Frame>;

const request: fc.Arbitrary<Frame> = fc
  .tuple(
    endpoints,
    fc.record({
      sport: fc.constantFrom(...SOURCE_PORTS),
      dport: fc.constantFrom(...PORTS, ...NODE_PORTS, 9),
      proto: fc.oneof(
        { weight: 6, arbitrary: fc.constantFrom("tcp", "udp", "sctp") },
        { weight: 1, arbitrary: fc.constant("icmp") },
      ) as fc.Arbitrary<Frame["proto"]>,
      flags: fc.oneof(
        { weight: 2, arbitrary: fc.constant("S") },
        { weight: 1, arbitrary: tcpFlags },
      ),
    }),
    shape,
  )
  .map(([addresses, ports, rest]) => ({ ...rest, ...addresses, ...ports }));

export const damage: fc.Arbitrary<Damage> = fc.record({
  flips: fc.array(fc.tuple(fc.nat(80), fc.integer({ min: 1, max: 255 })), { maxLength: 4 }),
  keep: fc.oneof(fc.constant(4096), fc.nat(90)),
  unseen: fc.constantFrom(0, 0, 1, 60),
});

export const INTACT: Damage = { flips: [], keep: 4096, unseen: 0 };
const mostlyIntact = mostly(INTACT, damage);

const arrival: fc.Arbitrary<FrameOptions> = fc.record(
  { interface: fc.constantFrom(...INTERFACES), local: fc.boolean() },
  { requiredKeys: [] },
);

/** A frame, how it is spoiled, how it comes in: `packetOf` makes the packet. */
export interface Sending {
  readonly frame: Frame;
  readonly damage: Damage;
  readonly arrival: FrameOptions;
}

export const sending: fc.Arbitrary<Sending> = fc.record({
  frame: request,
  damage: mostlyIntact,
  arrival,
});
/** The same but for tuple and flags, which a connection gives. */
export const echo = fc.record({ flags: tcpFlags, shape, damage: mostlyIntact, arrival });
export type Echo = typeof echo extends fc.Arbitrary<infer T> ? T : never;

/** What can be dialled. */
export interface Target {
  readonly address: string;
  readonly port: number;
  readonly proto: Proto;
}

/** Every frontend the dataplane has; of the addresses that serve nodePorts, each one. */
export function targetsOf({ services, addresses }: Maps): Target[] {
  const nodes = [...addresses.entries()]
    .map(([key]) => key)
    .concat({ family: "ipv4", address: "127.0.0.1" });
  return [...services.entries()].flatMap(([{ family, address, port, proto }]) => {
    const dialled = address === "" ? nodes.filter((node) => node.family === family) : [{ address }];
    return dialled.map((one) => ({ address: one.address, port, proto }));
  });
}

/** The same sent to one of the targets, by a source of its family. */
export function aim(
  { frame, ...rest }: Sending,
  targets: readonly Target[],
  which: number,
): Sending {
  const target = targets[which % targets.length];
  if (target === undefined) return { frame, ...rest };
  const { address, port, proto } = target;
  const sources = SOURCES.filter((source) => isIPv4(source) === isIPv4(address));
  const saddr =
    isIPv4(frame.saddr) === isIPv4(address) ? frame.saddr : sources[which % sources.length]!;
  return { ...rest, frame: { ...frame, saddr, daddr: address, dport: port, proto } };
}

export function packetOf({ frame, damage, arrival }: Sending): Packet {
  const bytes = spoil(build(frame), damage);
  return {
    bytes,
    options: { ...arrival, linkType: frame.link, wireLength: bytes.length + damage.unseen },
  };
}

export function spoil(whole: Uint8Array, { flips, keep }: Damage): Uint8Array {
  const bytes = whole.slice(0, keep);
  for (const [at, bits] of flips) if (at < bytes.length) bytes[at]! ^= bits;
  return bytes;
}
