/**
 * Where the headers of a frame are, and its five-tuple: link layer, IPv4 (RFC 791) or IPv6 (RFC
 * 8200) with extension headers, then TCP, UDP, SCTP or ICMP. Offsets are those of the RFCs, written
 * down here once more on purpose: this file judges the Wasm parser in tests, so the two share
 * nothing.
 */
import {
  LINK_ETHERNET,
  LINK_LINUX_SLL,
  LINK_LINUX_SLL2,
  LINK_LOOP,
  LINK_NULL,
  VLAN_TAGS_MAX,
} from "../../abi/limits.ts";
import type { Family, Tuple } from "../dataplane/entries.ts";
import * as address from "./address.ts";
import { viewOf } from "./bytes.ts";
import * as extensions from "./extensions.ts";
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6, RAW_LINK_TYPES, VLAN_ETHERTYPES } from "./link.ts";

/** Protocols: IANA "Assigned Internet Protocol Numbers". */
export const ICMP = 1;
export const TCP = 6;
export const UDP = 17;
export const ICMPV6 = 58;
export const SCTP = 132;

const PROTO_NAMES: Readonly<Record<number, string>> = {
  [ICMP]: "icmp",
  [TCP]: "tcp",
  [UDP]: "udp",
  [ICMPV6]: "icmpv6",
  [SCTP]: "sctp",
};

/** Where an IP header has its source, and behind it its destination: RFC 791 section 3.1, RFC 8200 section 3. */
export const ADDRESSES: Readonly<Record<Family, Place>> = {
  ipv4: { at: 12, length: 4 },
  ipv6: { at: 8, length: 16 },
};
interface Place {
  readonly at: number;
  readonly length: number;
}

/** Bytes of the fixed part of each header with ports: RFC 9293, RFC 768, RFC 9260. */
export const TRANSPORT_HEADERS: Readonly<Record<number, number>> = {
  [TCP]: 20,
  [UDP]: 8,
  [SCTP]: 12,
};
/** Bytes in front of what an ICMP message is about: RFC 792, RFC 4443 section 2.1. */
export const ICMP_HEADER = 8;

/** Bits of the thirteenth byte of a TCP header, RFC 9293 section 3.1. */
export const TCP_FIN = 0x01;
export const TCP_SYN = 0x02;
export const TCP_RST = 0x04;
export const TCP_PSH = 0x08;
export const TCP_ACK = 0x10;
export const TCP_URG = 0x20;
export const TCP_ECE = 0x40;
export const TCP_CWR = 0x80;

/** An IP packet inside a frame. Positions are offsets from the first byte of the frame. */
export interface Ip {
  readonly family: Family;
  /** The IP header. */
  readonly at: number;
  /** What follows the IP header and its extension headers. */
  readonly transport: number;
  /**
   * Where the packet ends by its own length: before the padding, maybe behind the captured bytes.
   */
  readonly end: number;
  readonly protocol: number;
  /** Which piece of a datagram the packet is; null for a whole one. */
  readonly fragment: extensions.Fragment | null;
}

/** A TCP, UDP or SCTP packet with its headers whole: what the dataplane may translate. */
export interface Flow {
  readonly found: "flow";
  readonly ip: Ip;
  readonly tuple: Tuple;
  /** TCP_ bits; 0 for the other protocols. */
  readonly flags: number;
  /** The transport header and what follows it to the end of the packet, as far as captured. */
  readonly segment: Uint8Array;
}

/** A message of ICMP over IPv4, or of ICMPv6 over IPv6, with its header whole. */
export interface Icmp {
  readonly found: "icmp";
  readonly ip: Ip;
  /** Ports are 0. */
  readonly tuple: Tuple;
  readonly type: number;
}

/** A piece of a datagram. */
export interface Piece {
  readonly found: "fragment";
  readonly ip: Ip & { readonly fragment: extensions.Fragment };
  /** Ports are 0 but in the first one. */
  readonly tuple: Tuple;
}

/** A packet of any other protocol. */
export interface Other {
  readonly found: "protocol";
  readonly ip: Ip;
  /** Ports are 0. */
  readonly tuple: Tuple;
}

/** What a frame turns out to be. */
export type Parsed = Flow | Icmp | Piece | Other | Failed;

/**
 * `not-ip` is in order, only none of our business; the others end before, or contradict,
 * themselves. `ip` is there when it was the transport header that did.
 */
export type Failed =
  | { readonly found: "not-ip" }
  | { readonly found: "truncated" | "malformed"; readonly layer: "ip" }
  | { readonly found: "truncated" | "malformed"; readonly layer: "transport"; readonly ip: Ip };

const NOT_IP: Failed = { found: "not-ip" };
const TRUNCATED: Failed = { found: "truncated", layer: "ip" };
const MALFORMED: Failed = { found: "malformed", layer: "ip" };

/** The bytes under inspection: those captured, and how many there were on the wire. */
interface Window {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly captured: number;
  readonly wire: number;
}

interface Network {
  readonly family: Family;
  readonly at: number;
}

/**
 * Reads a frame whose link layer is the LINKTYPE_ number `link`. Never throws, never loops for
 * long.
 */
export function parse(frame: Uint8Array, link: number, wireLength = frame.length): Parsed {
  const window: Window = {
    bytes: frame,
    view: viewOf(frame),
    captured: frame.length,
    wire: Math.max(wireLength, frame.length),
  };
  const network = readLink(window, link);
  if ("found" in network) return network;
  const ip =
    network.family === "ipv4" ? readIpv4(window, network.at) : readIpv6(window, network.at);
  if ("found" in ip) return ip;
  return isPiece(ip) ? readPiece(window, ip) : readTransport(window, ip);
}

/** The tuple of a frame, for people; null when it holds no IP packet that could be read. */
export function tupleOf(frame: Uint8Array, link: number, wireLength?: number): Tuple | null {
  const parsed = parse(frame, link, wireLength);
  return "tuple" in parsed ? parsed.tuple : null;
}

/** The link layers of pcap files: https://www.tcpdump.org/linktypes.html. */
function readLink(window: Window, link: number): Network | Failed {
  switch (link) {
    case LINK_ETHERNET:
      return readEthernet(window);
    case LINK_NULL:
      return readLoopback(window, [true, false]);
    case LINK_LOOP:
      return readLoopback(window, [false]);
    case LINK_LINUX_SLL:
      return window.captured < 16 ? TRUNCATED : network(window.view.getUint16(14), 16);
    case LINK_LINUX_SLL2:
      return window.captured < 20 ? TRUNCATED : network(window.view.getUint16(0), 20);
    default:
      return RAW_LINK_TYPES.includes(link) ? readRaw(window) : NOT_IP;
  }
}

function network(etherType: number, at: number): Network | Failed {
  if (etherType === ETHERTYPE_IPV4) return { family: "ipv4", at };
  if (etherType === ETHERTYPE_IPV6) return { family: "ipv6", at };
  return NOT_IP;
}

function readEthernet({ view, captured }: Window): Network | Failed {
  if (captured < 14) return TRUNCATED;
  let etherType = view.getUint16(12);
  let at = 14;
  for (let tags = 0; tags < VLAN_TAGS_MAX && VLAN_ETHERTYPES.includes(etherType); tags++) {
    if (captured < at + 4) return TRUNCATED;
    etherType = view.getUint16(at + 2);
    at += 4;
  }
  return network(etherType, at);
}

function readRaw({ view, captured }: Window): Network | Failed {
  if (captured === 0) return TRUNCATED;
  const version = view.getUint8(0) >>> 4;
  if (version === 4) return { family: "ipv4", at: 0 };
  if (version === 6) return { family: "ipv6", at: 0 };
  return NOT_IP;
}

/** NULL has its address family in the capturing machine's byte order, LOOP in network order. */
function readLoopback({ view, captured }: Window, littleEndian: boolean[]): Network | Failed {
  if (captured < 4) return TRUNCATED;
  const families = littleEndian.map((little) => view.getUint32(0, little));
  if (families.includes(2)) return { family: "ipv4", at: 4 };
  // AF_INET6 of Linux, of NetBSD and OpenBSD, of FreeBSD, of macOS.
  if ([10, 24, 28, 30].some((number) => families.includes(number)))
    return { family: "ipv6", at: 4 };
  return NOT_IP;
}

/** RFC 791 section 3.1. The total length is believed: bytes behind it are padding. */
function readIpv4({ view, captured, wire }: Window, at: number): Ip | Failed {
  if (captured < at + 20) return TRUNCATED;
  const version = view.getUint8(at) >>> 4;
  const headerLength = (view.getUint8(at) & 0x0f) * 4;
  const totalLength = view.getUint16(at + 2);
  if (version !== 4 || headerLength < 20 || totalLength < headerLength) return MALFORMED;
  if (at + headerLength > captured || at + totalLength > wire) return TRUNCATED;
  return {
    family: "ipv4",
    at,
    transport: at + headerLength,
    end: at + totalLength,
    protocol: view.getUint8(at + 9),
    fragment: readFragment(view.getUint16(at + 4), view.getUint16(at + 6)),
  };
}

/** RFC 791 section 3.1: the offset counts in units of eight bytes. */
function readFragment(id: number, field: number): extensions.Fragment | null {
  const offset = (field & 0x1fff) * 8;
  const more = (field & 0x2000) !== 0;
  return offset !== 0 || more ? { id, offset, more } : null;
}

/** RFC 8200 section 3. */
function readIpv6({ bytes, view, captured, wire }: Window, at: number): Ip | Failed {
  if (captured < at + 40) return TRUNCATED;
  if (view.getUint8(at) >>> 4 !== 6) return MALFORMED;
  const end = at + 40 + view.getUint16(at + 4);
  if (end > wire) return TRUNCATED;
  const chain = extensions.walk(bytes, { protocol: view.getUint8(at + 6), at: at + 40, end });
  if (typeof chain === "string") return chain === "truncated" ? TRUNCATED : MALFORMED;
  const { protocol, at: transport, fragment } = chain;
  return { family: "ipv6", at, transport, end, protocol, fragment };
}

function readTransport(window: Window, ip: Ip): Parsed {
  const headerLength = isIcmp(ip) ? ICMP_HEADER : TRANSPORT_HEADERS[ip.protocol];
  if (headerLength === undefined) {
    return { found: "protocol", ip, tuple: readTuple(window.bytes, ip, false) };
  }
  const fault = faultOf(window, ip, headerLength);
  if (fault !== undefined) return { found: fault, layer: "transport", ip };
  const first = window.view.getUint8(ip.transport);
  if (isIcmp(ip))
    return { found: "icmp", ip, tuple: readTuple(window.bytes, ip, false), type: first };
  return readFlow(window, ip);
}

function isIcmp({ family, protocol }: Ip): boolean {
  return protocol === (family === "ipv4" ? ICMP : ICMPV6);
}

function readFlow(window: Window, ip: Ip): Flow {
  return {
    found: "flow",
    ip,
    tuple: readTuple(window.bytes, ip, true),
    flags: ip.protocol === TCP ? window.view.getUint8(ip.transport + 13) : 0,
    segment: window.bytes.subarray(ip.transport, ip.end),
  };
}

/** What is wrong with a transport header whose fixed part takes `headerLength` bytes. */
function faultOf(
  window: Window,
  ip: Ip,
  headerLength: number,
): "malformed" | "truncated" | undefined {
  if (ip.transport + headerLength > ip.end) return "malformed";
  if (ip.transport + headerLength > window.captured) return "truncated";
  return lengthsAgree(window, ip) ? undefined : "malformed";
}

/** The length a transport header states lies between its smallest header and the IP payload. */
function lengthsAgree({ view }: Window, ip: Ip): boolean {
  const payload = ip.end - ip.transport;
  if (ip.protocol === TCP) {
    const dataOffset = (view.getUint8(ip.transport + 12) >>> 4) * 4;
    return dataOffset >= 20 && dataOffset <= payload;
  }
  if (ip.protocol === UDP) {
    const length = view.getUint16(ip.transport + 4);
    return length >= 8 && length <= payload;
  }
  return true;
}

function isPiece(ip: Ip): ip is Piece["ip"] {
  return ip.fragment !== null;
}

/** Only the first fragment has ports, and only when they were captured. */
function readPiece(window: Window, ip: Piece["ip"]): Piece {
  const ported =
    ip.fragment.offset === 0 &&
    TRANSPORT_HEADERS[ip.protocol] !== undefined &&
    ip.transport + 4 <= Math.min(ip.end, window.captured);
  return { found: "fragment", ip, tuple: readTuple(window.bytes, ip, ported) };
}

/** TCP, UDP and SCTP all begin with the two ports, which are `ported` when they are there. */
export function readTuple(bytes: Uint8Array, ip: Ip, ported: boolean): Tuple {
  const view = viewOf(bytes);
  const { at, length } = ADDRESSES[ip.family];
  const [saddr, daddr] = [ip.at + at, ip.at + at + length];
  return {
    saddr: address.format(bytes.subarray(saddr, daddr)),
    sport: ported ? view.getUint16(ip.transport) : 0,
    daddr: address.format(bytes.subarray(daddr, daddr + length)),
    dport: ported ? view.getUint16(ip.transport + 2) : 0,
    proto: protocolName(ip.protocol),
  };
}

/** As tuples have it. */
export function protocolName(protocol: number): string {
  return PROTO_NAMES[protocol] ?? String(protocol);
}
