/**
 * IPv4 (RFC 791) and IPv6 (RFC 8200) headers, with options, extension headers and fragment fields.
 */
import type { Proto } from "../dataplane/entries.ts";
import * as address from "./address.ts";
import { concat, viewOf } from "./bytes.ts";
import * as checksum from "./checksum.ts";
import { ICMP, ICMPV6, SCTP, TCP, UDP } from "./parse.ts";

export interface NetworkSpec {
  readonly saddr: string;
  readonly daddr: string;
  /**
   * By name, or any IP protocol number, whose payload then stands right behind IP. Default "tcp".
   */
  readonly proto?: Proto | "icmp" | "icmpv6" | number;
  /** Time to live, or hop limit. Default 64. */
  readonly ttl?: number;
  /** Type of service, or traffic class. */
  readonly tos?: number;
  /** IPv4's identification. */
  readonly id?: number;
  readonly dontFragment?: boolean;
  readonly fragment?: FragmentSpec;
  /** IPv4 options; zeros are put behind them up to 32 bits. */
  readonly ipOptions?: Uint8Array;
  /** Total length (IPv4) or payload length (IPv6), when not the true one. */
  readonly ipLength?: number;
  readonly ipChecksum?: number;
  readonly flowLabel?: number;
  readonly extensions?: readonly ExtensionSpec[];
}

/** IPv4's fragment fields, or an IPv6 fragment header behind the other extension headers. */
export interface FragmentSpec {
  /** In bytes, a multiple of eight. */
  readonly offset?: number;
  readonly more?: boolean;
  readonly id?: number;
}

/** One IPv6 extension header. */
export type ExtensionSpec =
  | {
      readonly type: "hop-by-hop" | "routing" | "destination" | "mobility" | "authentication";
      /**
       * What follows next header and length; zeros are put behind it up to the unit of the length.
       */
      readonly data?: Uint8Array;
    }
  | ({ readonly type: "fragment" } & FragmentSpec);

/** IANA "Assigned Internet Protocol Numbers". */
const PROTOCOLS = { tcp: TCP, udp: UDP, sctp: SCTP, icmp: ICMP, icmpv6: ICMPV6 } as const;
const EXTENSIONS = {
  "hop-by-hop": 0,
  routing: 43,
  fragment: 44,
  authentication: 51,
  destination: 60,
  mobility: 135,
} as const;
/** PadN over four bytes, RFC 8200 section 4.2. */
const PADDING_OPTION = Uint8Array.of(1, 4, 0, 0, 0, 0);

export function protocolNumber({ proto = "tcp" }: NetworkSpec): number {
  const number = typeof proto === "number" ? proto : PROTOCOLS[proto];
  if (number === undefined) throw new RangeError(`unknown protocol ${JSON.stringify(proto)}`);
  return number;
}

/** An IP packet around `payload`. */
export function writeNetwork(spec: NetworkSpec, payload: Uint8Array): Uint8Array {
  const family = address.family(spec.saddr);
  if (address.family(spec.daddr) !== family) {
    throw new RangeError(`${spec.saddr} and ${spec.daddr} are of different families`);
  }
  return family === "ipv4" ? writeIpv4(spec, payload) : writeIpv6(spec, payload);
}

function writeIpv4(spec: NetworkSpec, payload: Uint8Array): Uint8Array {
  const options = spec.ipOptions ?? new Uint8Array(0);
  const header = new Uint8Array(20 + ((options.length + 3) & ~3));
  if (header.length > 60)
    throw new RangeError(`${options.length} bytes of IPv4 options; 40 is the most`);
  const view = viewOf(header);
  view.setUint8(0, 0x40 | (header.length / 4));
  view.setUint8(1, spec.tos ?? 0);
  view.setUint16(2, spec.ipLength ?? header.length + payload.length);
  view.setUint16(4, spec.fragment?.id ?? spec.id ?? 0);
  view.setUint16(6, (spec.dontFragment ? 0x4000 : 0) | fragmentField(spec.fragment, 0x2000, 8));
  view.setUint8(8, spec.ttl ?? 64);
  view.setUint8(9, protocolNumber(spec));
  header.set(address.parse(spec.saddr), 12);
  header.set(address.parse(spec.daddr), 16);
  header.set(options, 20);
  view.setUint16(10, spec.ipChecksum ?? checksum.compute(header));
  return concat([header, payload]);
}

/**
 * The more-fragments bit and the offset in units of eight bytes, which `scale` moves to their
 * place.
 */
function fragmentField(fragment: FragmentSpec | undefined, more: number, scale: 1 | 8): number {
  const offset = fragment?.offset ?? 0;
  if (offset % 8 !== 0) throw new RangeError(`fragment offset ${offset}; take a multiple of 8`);
  return (fragment?.more ? more : 0) | (offset / scale);
}

function writeIpv6(spec: NetworkSpec, payload: Uint8Array): Uint8Array {
  const { first, bytes } = writeExtensions(spec);
  const header = new Uint8Array(40);
  const view = viewOf(header);
  view.setUint32(0, 0x6000_0000 | ((spec.tos ?? 0) << 20) | (spec.flowLabel ?? 0));
  view.setUint16(4, spec.ipLength ?? bytes.length + payload.length);
  view.setUint8(6, first);
  view.setUint8(7, spec.ttl ?? 64);
  header.set(address.parse(spec.saddr), 8);
  header.set(address.parse(spec.daddr), 24);
  return concat([header, bytes, payload]);
}

/**
 * The chain of extension headers, and the number that announces its first (or the transport
 * itself).
 */
function writeExtensions(spec: NetworkSpec): { first: number; bytes: Uint8Array } {
  const list = [...(spec.extensions ?? [])];
  if (spec.fragment) list.push({ type: "fragment", ...spec.fragment });
  const parts: Uint8Array[] = [];
  let next = protocolNumber(spec);
  for (const extension of list.reverse()) {
    parts.unshift(writeExtension(extension, next));
    next = EXTENSIONS[extension.type];
  }
  return { first: next, bytes: concat(parts) };
}

function writeExtension(extension: ExtensionSpec, next: number): Uint8Array {
  if (extension.type === "fragment") return writeFragment(extension, next);
  const data = extension.data ?? usualData(extension.type);
  const authentication = extension.type === "authentication";
  const unit = authentication ? 4 : 8;
  const bytes = new Uint8Array(Math.ceil((2 + data.length) / unit) * unit);
  bytes[0] = next;
  bytes[1] = authentication ? bytes.length / 4 - 2 : bytes.length / 8 - 1;
  bytes.set(data, 2);
  return bytes;
}

function usualData(type: ExtensionSpec["type"]): Uint8Array {
  if (type === "hop-by-hop" || type === "destination") return PADDING_OPTION;
  // RFC 4302 section 2: reserved, SPI, sequence number and an integrity check value of 96 bits.
  return new Uint8Array(type === "authentication" ? 22 : 6);
}

/** RFC 8200 section 4.5: the offset stands three bits up, which is in bytes as it is. */
function writeFragment(fragment: FragmentSpec, next: number): Uint8Array {
  const bytes = new Uint8Array(8);
  const view = viewOf(bytes);
  view.setUint8(0, next);
  view.setUint16(2, fragmentField(fragment, 1, 1));
  view.setUint32(4, fragment.id ?? 1);
  return bytes;
}
