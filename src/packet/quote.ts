/** The packet that an ICMP error is about: RFC 792, RFC 4443 section 3. */
import type { Family, Tuple } from "../dataplane/entries.ts";
import { viewOf } from "./bytes.ts";
import * as extensions from "./extensions.ts";
import {
  ICMP,
  ICMP_HEADER,
  ICMPV6,
  type Icmp,
  type Ip,
  readTuple,
  TRANSPORT_HEADERS,
} from "./parse.ts";

/** A packet of TCP, UDP or SCTP; `ip.end` is where the quote ends, not where the packet did. */
export interface QuotedFlow {
  readonly found: "flow";
  readonly ip: Ip;
  readonly tuple: Tuple;
}

/**
 * `other` is a packet of another protocol. `unusable` says of no packet whose it was: it is cut off,
 * contradicts itself, is a fragment without ports, or is itself an error, about which there is none.
 */
export type Quote = QuotedFlow | { readonly found: "other" | "unusable" };

const UNUSABLE: Quote = { found: "unusable" };
/** So much of the transport header is quoted at least: RFC 792. */
const TRANSPORT_MIN = 8;
/** RFC 792: unreachable, source quench, redirect, time exceeded, parameter problem. */
const IPV4_ERRORS = [3, 4, 5, 11, 12];
/** RFC 4443 section 2.1: the high bit is set in the types of everything else. */
const IPV6_INFORMATIONAL = 128;

/** Whether an ICMP message of the family and type is an error, and so quotes a packet. */
export function isError(family: Family, type: number): boolean {
  return family === "ipv4" ? IPV4_ERRORS.includes(type) : type < IPV6_INFORMATIONAL;
}

/** Reads what stands behind the header of an error, as far as it was captured. */
export function readQuote(frame: Uint8Array, { ip }: Icmp): Quote {
  const message = frame.subarray(0, ip.end);
  const at = ip.transport + ICMP_HEADER;
  const quoted = ip.family === "ipv4" ? readIpv4(message, at) : readIpv6(message, at);
  return quoted === undefined ? UNUSABLE : readTransport(message, quoted);
}

/** RFC 791 section 3.1. Its length says nothing here, since only the beginning is quoted. */
function readIpv4(message: Uint8Array, at: number): Ip | undefined {
  const end = message.length;
  if (at + 20 > end) return undefined;
  const view = viewOf(message);
  const transport = at + (view.getUint8(at) & 0x0f) * 4;
  const isFirst = (view.getUint16(at + 6) & 0x1fff) === 0;
  const isWhole = view.getUint8(at) >>> 4 === 4 && transport >= at + 20 && transport <= end;
  if (!isWhole || !isFirst) return undefined;
  return { family: "ipv4", at, transport, end, protocol: view.getUint8(at + 9), fragment: null };
}

/** RFC 8200 section 3. */
function readIpv6(message: Uint8Array, at: number): Ip | undefined {
  const end = message.length;
  if (at + 40 > end) return undefined;
  const view = viewOf(message);
  if (view.getUint8(at) >>> 4 !== 6) return undefined;
  const start = { protocol: view.getUint8(at + 6), at: at + 40, end };
  const chain = extensions.walkFirst(message, start);
  if (typeof chain === "string") return undefined;
  return { family: "ipv6", at, transport: chain.at, end, protocol: chain.protocol, fragment: null };
}

function readTransport(message: Uint8Array, ip: Ip): Quote {
  if (isQuotedError(message, ip)) return UNUSABLE;
  if (TRANSPORT_HEADERS[ip.protocol] === undefined) return { found: "other" };
  if (ip.transport + TRANSPORT_MIN > ip.end) return UNUSABLE;
  return { found: "flow", ip, tuple: readTuple(message, ip, true) };
}

/** RFC 1122 section 3.2.2, RFC 4443 section 2.4 (e): no error is sent about an error. */
function isQuotedError(message: Uint8Array, { family, protocol, transport, end }: Ip): boolean {
  if (protocol !== (family === "ipv4" ? ICMP : ICMPV6) || transport >= end) return false;
  return isError(family, message[transport] as number);
}
