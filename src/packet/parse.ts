/**
 * Where the headers of a frame are, and its five-tuple: link layer, IPv4 (RFC 791) or IPv6 (RFC
 * 8200) with extension headers, then the ports of TCP, UDP or SCTP. Offsets are those of the RFCs,
 * written down here once more on purpose: this file judges the Wasm parser in tests, so the two
 * share nothing.
 */
import {
  EXTENSION_HEADERS_MAX,
  LINK_ETHERNET,
  LINK_LINUX_SLL,
  LINK_LINUX_SLL2,
  LINK_LOOP,
  LINK_NULL,
  VLAN_TAGS_MAX,
} from "../../abi/limits.ts";
import type { Family, Tuple } from "../dataplane/entries.ts";
import * as address from "./address.ts";
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6, RAW_LINK_TYPES, VLAN_ETHERTYPES } from "./link.ts";

/** Protocols: IANA "Assigned Internet Protocol Numbers". */
export const ICMP = 1;
export const TCP = 6;
export const UDP = 17;
export const ICMPV6 = 58;
export const SCTP = 132;
const HOP_BY_HOP = 0;
const ROUTING = 43;
const FRAGMENT = 44;
const AUTHENTICATION = 51;
const DESTINATION_OPTIONS = 60;
const MOBILITY = 135;
const EXTENSIONS = [HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, DESTINATION_OPTIONS, MOBILITY];

const PROTO_NAMES: Readonly<Record<number, string>> = {
  [ICMP]: "icmp",
  [TCP]: "tcp",
  [UDP]: "udp",
  [ICMPV6]: "icmpv6",
  [SCTP]: "sctp",
};

/** Bytes of the fixed part of each header with ports: RFC 9293, RFC 768, RFC 9260. */
const TRANSPORT_HEADERS: Readonly<Record<number, number>> = { [TCP]: 20, [UDP]: 8, [SCTP]: 12 };

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
  readonly fragment: "none" | "first" | "later";
}

/** A TCP, UDP or SCTP packet with its headers whole: what the dataplane may translate. */
export interface Flow {
  readonly found: "flow";
  readonly ip: Ip;
  readonly tuple: Tuple;
  /** TCP_ bits; 0 for the other protocols. */
  readonly flags: number;
}

/** What a frame turns out to be. */
export type Parsed =
  | Flow
  | { readonly found: "protocol" | "fragment"; readonly ip: Ip; readonly tuple: Tuple }
  | Failed;

/**
 * `not-ip` is in order, only none of our business; the others end before, or contradict,
 * themselves.
 */
type Failed =
  | { readonly found: "not-ip" | "truncated" }
  | { readonly found: "malformed"; readonly layer: "ip" | "transport" };

const NOT_IP: Failed = { found: "not-ip" };
const TRUNCATED: Failed = { found: "truncated" };
const MALFORMED_IP: Failed = { found: "malformed", layer: "ip" };
const MALFORMED_TRANSPORT: Failed = { found: "malformed", layer: "transport" };

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
    view: new DataView(frame.buffer, frame.byteOffset, frame.length),
    captured: frame.length,
    wire: Math.max(wireLength, frame.length),
  };
  const network = readLink(window, link);
  if ("found" in network) return network;
  const ip =
    network.family === "ipv4" ? readIpv4(window, network.at) : readIpv6(window, network.at);
  if ("found" in ip) return ip;
  if (ip.fragment !== "none") return { found: "fragment", ip, tuple: fragmentTuple(window, ip) };
  return readTransport(window, ip);
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
  if (version !== 4 || headerLength < 20 || totalLength < headerLength) return MALFORMED_IP;
  if (at + headerLength > captured || at + totalLength > wire) return TRUNCATED;
  const fragmentField = view.getUint16(at + 6);
  return {
    family: "ipv4",
    at,
    transport: at + headerLength,
    end: at + totalLength,
    protocol: view.getUint8(at + 9),
    fragment: fragmentOf(fragmentField & 0x1fff, (fragmentField & 0x2000) !== 0),
  };
}

function fragmentOf(offset: number, more: boolean): Ip["fragment"] {
  if (offset !== 0) return "later";
  return more ? "first" : "none";
}

/** RFC 8200 section 3. */
function readIpv6(window: Window, at: number): Ip | Failed {
  const { view, captured, wire } = window;
  if (captured < at + 40) return TRUNCATED;
  if (view.getUint8(at) >>> 4 !== 6) return MALFORMED_IP;
  const end = at + 40 + view.getUint16(at + 4);
  if (end > wire) return TRUNCATED;
  return walkExtensions(window, at, end);
}

/**
 * RFC 8200 section 4. An atomic fragment (RFC 6946: offset 0 and no more to come) is a whole
 * packet, so the walk goes on behind its header.
 */
function walkExtensions({ view, captured }: Window, at: number, end: number): Ip | Failed {
  let protocol = view.getUint8(at + 6);
  let transport = at + 40;
  let fragment: Ip["fragment"] = "none";
  for (let headers = 0; fragment === "none" && EXTENSIONS.includes(protocol); headers++) {
    if (headers === EXTENSION_HEADERS_MAX || transport + 8 > end) return MALFORMED_IP;
    if (transport + 8 > captured) return TRUNCATED;
    const length = extensionLength(protocol, view.getUint8(transport + 1));
    if (transport + length > end) return MALFORMED_IP;
    if (transport + length > captured) return TRUNCATED;
    if (protocol === FRAGMENT) {
      const field = view.getUint16(transport + 2);
      fragment = fragmentOf(field >>> 3, (field & 1) !== 0);
    }
    protocol = view.getUint8(transport);
    transport += length;
  }
  return { family: "ipv6", at, transport, end, protocol, fragment };
}

/**
 * RFC 8200 section 4.5 (fragment), RFC 4302 section 2.2 (authentication), the others section 4.2.
 */
function extensionLength(protocol: number, field: number): number {
  if (protocol === FRAGMENT) return 8;
  if (protocol === AUTHENTICATION) return (field + 2) * 4;
  return (field + 1) * 8;
}

function readTransport(window: Window, ip: Ip): Parsed {
  const headerLength = TRANSPORT_HEADERS[ip.protocol];
  if (headerLength === undefined) {
    return { found: "protocol", ip, tuple: readTuple(window, ip, false) };
  }
  if (ip.transport + headerLength > ip.end) return MALFORMED_TRANSPORT;
  if (ip.transport + headerLength > window.captured) return TRUNCATED;
  if (!lengthsAgree(window, ip)) return MALFORMED_TRANSPORT;
  const flags = ip.protocol === TCP ? window.view.getUint8(ip.transport + 13) : 0;
  return { found: "flow", ip, tuple: readTuple(window, ip, true), flags };
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

/** Only the first fragment has ports, and only when they were captured. */
function fragmentTuple(window: Window, ip: Ip): Tuple {
  const ported =
    ip.fragment === "first" &&
    TRANSPORT_HEADERS[ip.protocol] !== undefined &&
    ip.transport + 4 <= Math.min(ip.end, window.captured);
  return readTuple(window, ip, ported);
}

/** TCP, UDP and SCTP all begin with the two ports. */
function readTuple({ bytes, view }: Window, ip: Ip, ported: boolean): Tuple {
  const [saddr, daddr, end] =
    ip.family === "ipv4"
      ? [ip.at + 12, ip.at + 16, ip.at + 20]
      : [ip.at + 8, ip.at + 24, ip.at + 40];
  return {
    saddr: address.format(bytes.subarray(saddr, daddr)),
    sport: ported ? view.getUint16(ip.transport) : 0,
    daddr: address.format(bytes.subarray(daddr, end)),
    dport: ported ? view.getUint16(ip.transport + 2) : 0,
    proto: PROTO_NAMES[ip.protocol] ?? String(ip.protocol),
  };
}
