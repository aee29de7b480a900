/**
 * Frames for tests, from a few fields, checksums right unless a test breaks them. Header layouts stand here once
 * more, from the RFCs, so that a wrong offset in src/ or assembly/ cannot hide behind the same one in the tests.
 */
import ipaddr from "ipaddr.js";
import { crc32c, internetChecksum } from "./sum.ts";

export type Link = "ethernet" | "raw" | "null" | "loop" | "linux-sll" | "linux-sll2";

export interface Frame {
  /** Default "ethernet". */
  readonly link?: Link;
  /** Tag protocol and tag control of each VLAN tag, outer first. */
  readonly tags?: readonly (readonly [tpid: number, tci: number])[];
  readonly saddr: string;
  readonly sport?: number;
  readonly daddr: string;
  readonly dport?: number;
  readonly proto: "tcp" | "udp" | "sctp" | "icmp";
  /**
   * Letters of CEUAPRSF as tcpdump prints them, A for ACK; default "S". Of SCTP, S is an INIT, SA what answers it, A
   * the cookie and its answer, D data.
   */
  readonly flags?: string;
  /** From the one that was dialled: which end's numbers `seq`, `ack` and the verification tag default to. */
  readonly answers?: boolean;
  /** Default: the end's first for a SYN, the one behind it for everything else. */
  readonly seq?: number;
  /** Default: the other end's first has arrived, and nothing behind it. */
  readonly ack?: number;
  readonly window?: number;
  readonly payload?: Uint8Array;
  readonly ttl?: number;
  /** TOS or traffic class. */
  readonly tos?: number;
  /** IPv4 identification. */
  readonly id?: number;
  /** IPv4 flags and fragment offset as one word; the fragment header's word needs `extensions`. */
  readonly fragment?: number;
  /** IPv4 options, a multiple of four bytes. */
  readonly options?: Uint8Array;
  /** IPv6 extension headers whole, the next-header byte filled in here. */
  readonly extensions?: readonly (readonly [type: number, bytes: Uint8Array])[];
  /** TCP options, a multiple of four bytes. */
  readonly tcpOptions?: Uint8Array;
  /** UDP without a checksum. */
  readonly unsummed?: boolean;
  /** Zero bytes behind the IP packet. */
  readonly padding?: number;
}

export const PROTO_NUMBERS = { tcp: 6, udp: 17, sctp: 132, icmp: 1 } as const;
const ICMPV6 = 58;
const CLIENT_MAC = [0x02, 0, 0, 0, 0, 0x0c];
const NODE_MAC = [0x02, 0, 0, 0, 0, 0x0a];
const FLAG_LETTERS = "FSRPAUEC";
const PAYLOAD = new TextEncoder().encode("payload");
/** What each end of a TCP connection begins its numbers with, and what it wants to be called by in SCTP. */
export const OPENER = { first: 0x01020304, tag: 0xc11e47 };
export const ANSWERER = { first: 0x05060708, tag: 0x5e4ef4 };

export function build(frame: Frame): Uint8Array {
  const packet = ipPacket(frame);
  return concat(linkHeader(frame), packet, new Uint8Array(frame.padding ?? 0));
}

export function linkHeader({ link, tags, saddr }: Frame): Uint8Array {
  const v6 = saddr.includes(":");
  const ethertype = v6 ? [0x86, 0xdd] : [0x08, 0x00];
  switch (link ?? "ethernet") {
    case "raw":
      return new Uint8Array(0);
    case "null":
      return Uint8Array.of(v6 ? 30 : 2, 0, 0, 0);
    case "loop":
      return Uint8Array.of(0, 0, 0, v6 ? 30 : 2);
    case "linux-sll":
      return Uint8Array.of(0, 0, 0, 1, 0, 6, ...CLIENT_MAC, 0, 0, ...ethertype);
    case "linux-sll2":
      return Uint8Array.of(...ethertype, 0, 0, 0, 0, 0, 7, 0, 1, 0, 6, ...CLIENT_MAC, 0, 0);
    default: {
      const vlan = (tags ?? []).flatMap(([tpid, tci]) => [...u16(tpid), ...u16(tci)]);
      return Uint8Array.of(...NODE_MAC, ...CLIENT_MAC, ...vlan, ...ethertype);
    }
  }
}

/** The IP packet alone. */
export function ipPacket(frame: Frame): Uint8Array {
  const segment = transport(frame);
  return frame.saddr.includes(":") ? ipv6(frame, segment) : ipv4(frame, segment);
}

/** RFC 791, section 3.1. */
function ipv4(frame: Frame, segment: Uint8Array): Uint8Array {
  const options = frame.options ?? new Uint8Array(0);
  const header = new Uint8Array(20 + options.length);
  header.set([0x40 | (header.length / 4), frame.tos ?? 0, ...u16(header.length + segment.length)]);
  header.set([...u16(frame.id ?? 0x1234), ...u16(frame.fragment ?? 0x4000)], 4);
  header.set([frame.ttl ?? 64, PROTO_NUMBERS[frame.proto]], 8);
  header.set([...bytesOf(frame.saddr), ...bytesOf(frame.daddr)], 12);
  header.set(options, 20);
  header.set(u16(internetChecksum(header)), 10);
  return concat(header, segment);
}

/** RFC 8200, sections 3 and 4. */
function ipv6(frame: Frame, segment: Uint8Array): Uint8Array {
  const types = [...(frame.extensions ?? []).map(([type]) => type), nextHeader(frame)];
  const extensions = (frame.extensions ?? []).map(([, bytes], i) => {
    return concat(Uint8Array.of(types[i + 1]!), bytes.subarray(1));
  });
  const payload = concat(...extensions, segment);
  const tos = frame.tos ?? 0;
  const start = [0x60 | (tos >> 4), (tos & 15) << 4, 0, 0, ...u16(payload.length)];
  const header = [
    ...start,
    types[0]!,
    frame.ttl ?? 64,
    ...bytesOf(frame.saddr),
    ...bytesOf(frame.daddr),
  ];
  return concat(Uint8Array.from(header), payload);
}

function nextHeader({ proto }: Frame): number {
  return proto === "icmp" ? ICMPV6 : PROTO_NUMBERS[proto];
}

function transport(frame: Frame): Uint8Array {
  switch (frame.proto) {
    case "tcp":
      return tcp(frame);
    case "udp":
      return udp(frame);
    case "sctp":
      return sctp(frame);
    case "icmp":
      return icmp(frame, frame.saddr.includes(":") ? 128 : 8, 0);
  }
}

/** RFC 9293, section 3.1. */
function tcp(frame: Frame): Uint8Array {
  const options = frame.tcpOptions ?? new Uint8Array(0);
  const header = new Uint8Array(20 + options.length);
  const { own, peer } = endsOf(frame);
  const { flags = "S", window = 0xfaf0 } = frame;
  const { seq = own.first + (flags.includes("S") ? 0 : 1), ack = peer.first + 1 } = frame;
  header.set([...u16(frame.sport ?? 0), ...u16(frame.dport ?? 0), ...u32(seq), ...u32(ack)]);
  header.set([(header.length / 4) << 4, flagBits(flags), ...u16(window)], 12);
  header.set(options, 20);
  const segment = concat(header, frame.payload ?? new Uint8Array(0));
  segment.set(u16(internetChecksum(pseudoHeader(frame, segment.length), segment)), 16);
  return segment;
}

function endsOf({ answers }: Frame): { own: typeof OPENER; peer: typeof OPENER } {
  return answers ? { own: ANSWERER, peer: OPENER } : { own: OPENER, peer: ANSWERER };
}

export function flagBits(letters: string): number {
  return [...letters].reduce((bits, letter) => bits | (1 << FLAG_LETTERS.indexOf(letter)), 0);
}

/** RFC 768; a sum of zero is sent as 0xffff. */
function udp(frame: Frame): Uint8Array {
  const payload = frame.payload ?? PAYLOAD;
  const ports = [...u16(frame.sport ?? 0), ...u16(frame.dport ?? 0)];
  const segment = concat(Uint8Array.from([...ports, ...u16(8 + payload.length), 0, 0]), payload);
  if (frame.unsummed) return segment;
  segment.set(u16(internetChecksum(pseudoHeader(frame, segment.length), segment) || 0xffff), 6);
  return segment;
}

/** RFC 9260, section 3.1; the CRC is stored little-endian (appendix A). */
function sctp(frame: Frame): Uint8Array {
  const ports = [...u16(frame.sport ?? 0), ...u16(frame.dport ?? 0)];
  const { type, tag, body } = chunkOf(frame);
  const payload = frame.payload ?? new Uint8Array(0);
  const chunk = [type, 0, ...u16(4 + body.length + payload.length), ...body];
  const segment = concat(Uint8Array.from([...ports, ...u32(tag), 0, 0, 0, 0, ...chunk]), payload);
  new DataView(segment.buffer).setUint32(8, crc32c(segment), true);
  return segment;
}

/** Sections 3.3.1 to 3.3.3, 3.3.11 and 3.3.12. Every packet but an INIT has the tag that the other end chose. */
function chunkOf(frame: Frame): { type: number; tag: number; body: readonly number[] } {
  const { own, peer } = endsOf(frame);
  const initiation = [...u32(own.tag), 0, 0, 0xff, 0xff, 0, 1, 0, 1, ...u32(own.first)];
  switch (frame.flags ?? "S") {
    case "S":
      return { type: 1, tag: 0, body: initiation };
    case "SA":
      return { type: 2, tag: peer.tag, body: initiation };
    case "A":
      return { type: frame.answers ? 11 : 10, tag: peer.tag, body: [] };
    default:
      return { type: 0, tag: peer.tag, body: [...u32(own.first), 0, 0, 0, 0, 0, 0, 0, 0] };
  }
}

/** RFC 792 and RFC 4443, section 2.1: four bytes that depend on the type are left zero. */
function icmp(frame: Frame, type: number, code: number): Uint8Array {
  const segment = concat(Uint8Array.of(type, code, 0, 0, 0, 0, 0, 0), frame.payload ?? PAYLOAD);
  const pseudo = frame.saddr.includes(":")
    ? pseudoHeader(frame, segment.length)
    : new Uint8Array(0);
  segment.set(u16(internetChecksum(pseudo, segment)), 2);
  return segment;
}

/** RFC 9293, section 3.1, and RFC 8200, section 8.1. */
function pseudoHeader(frame: Frame, length: number): Uint8Array {
  const addresses = [...bytesOf(frame.saddr), ...bytesOf(frame.daddr)];
  return Uint8Array.from([...addresses, 0, nextHeader(frame), ...u16(length)]);
}

export interface RejectOptions {
  /** Where the answer comes from. */
  readonly source: string;
  /** Captured bytes of the refused frame; all of it when absent. */
  readonly captured?: number;
}

const QUOTE_MAX_IPV4 = 576 - 28;
const QUOTE_MAX_IPV6 = 1280 - 48;

/** The port unreachable that answers `frame`: RFC 792, RFC 4443 section 3.1. */
export function portUnreachable(frame: Frame, { source, captured }: RejectOptions): Uint8Array {
  const header = answeredLink(frame);
  const v6 = source.includes(":");
  const present = (captured ?? Number.POSITIVE_INFINITY) - header.length;
  const quote = ipPacket(frame).subarray(
    0,
    Math.min(present, v6 ? QUOTE_MAX_IPV6 : QUOTE_MAX_IPV4),
  );
  const answer: Frame = { saddr: source, daddr: frame.saddr, proto: "icmp", payload: quote };
  if (v6) return concat(header, ipv6(answer, icmp(answer, 1, 4)));
  const tos = ((frame.tos ?? 0) & 0x1e) | 0xc0;
  return concat(header, ipv4({ ...answer, tos, id: 0, fragment: 0 }, icmp(answer, 3, 3)));
}

/** The link header of the answer: MACs change places, the cooked packet type says "sent by us". */
function answeredLink(frame: Frame): Uint8Array {
  const header = linkHeader(frame);
  const link = frame.link ?? "ethernet";
  if (link === "ethernet") header.set([...CLIENT_MAC, ...NODE_MAC]);
  if (link === "linux-sll") header.set([0, 4]);
  if (link === "linux-sll2") header[10] = 4;
  return header;
}

export function bytesOf(address: string): number[] {
  return ipaddr.parse(address).toByteArray();
}

function u32(value: number): [number, number, number, number] {
  return [...u16(value >>> 16), ...u16(value & 0xffff)];
}

function u16(value: number): [number, number] {
  return [value >>> 8, value & 0xff];
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  parts.reduce((at, part) => {
    bytes.set(part, at);
    return at + part.length;
  }, 0);
  return bytes;
}
