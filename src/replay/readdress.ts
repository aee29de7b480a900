/**
 * Gives a packet another five-tuple as a NAT would: addresses and ports are replaced, checksums are updated
 * by what changed (RFC 1624), so that a wrong checksum stays exactly as wrong. Nothing else is touched. An
 * ICMP error is given other ends, and the packet it quotes another tuple. It shares no code with the NAT of
 * either engine, since what they do is held against it.
 */
import type { Tuple } from "../dataplane/entries.ts";
import * as address from "../packet/address.ts";
import { concat } from "../packet/bytes.ts";
import * as checksum from "../packet/checksum.ts";
import {
  type Flow,
  ICMPV6,
  type Icmp,
  type Ip,
  parse,
  SCTP,
  TCP,
  TRANSPORT_HEADERS,
  UDP,
} from "../packet/parse.ts";
import { isError, type QuotedFlow, readQuote } from "../packet/quote.ts";

/** Where the checksum stands in a TCP (RFC 9293), UDP (RFC 768) and SCTP (RFC 9260) header. */
const CHECKSUM_AT: Readonly<Record<number, number>> = { [TCP]: 16, [UDP]: 6, [SCTP]: 8 };
/** Where the checksum stands in an IPv4 header, RFC 791. */
export const IPV4_CHECKSUM_AT = 10;
/** RFC 792, RFC 4443 section 2.1. */
export const ICMP_CHECKSUM_AT = 2;

/** The two addresses of an IP header. */
export type Ends = Pick<Tuple, "saddr" | "daddr">;

/** A copy of `frame`, which holds `flow`, with `tuple` in the place of its own. */
export function readdress(frame: Uint8Array, { ip }: Flow, tuple: Tuple): Uint8Array {
  const packet = frame.slice();
  setTuple(packet, ip, tuple);
  return packet;
}

/** A copy of `frame`, which holds the error `icmp`, between `ends` and about a packet with the tuple `quoted`. */
export function readdressError(
  frame: Uint8Array,
  { ip }: Icmp,
  quote: QuotedFlow,
  ends: Ends,
  quoted: Tuple,
): Uint8Array {
  const packet = frame.slice();
  setTuple(packet, quote.ip, quoted);
  setAddresses(packet, ip, ends);
  const gained = checksum.difference(coveredByIcmp(frame, ip), coveredByIcmp(packet, ip));
  updateField(packet, ip.transport + ICMP_CHECKSUM_AT, gained);
  return packet;
}

/** The message, and for ICMPv6 the addresses (RFC 4443 section 2.3); the checksum, the same in both, is among it. */
function coveredByIcmp(packet: Uint8Array, ip: Ip): Uint8Array {
  const message = packet.subarray(ip.transport, ip.end);
  return ip.protocol === ICMPV6 ? concat([checksum.addressesOf(packet, ip), message]) : message;
}

function setTuple(packet: Uint8Array, ip: Ip, tuple: Tuple): void {
  const sctpWasGood = ip.protocol === SCTP && sctpIsGood(packet, ip);
  const gained = setAddresses(packet, ip, tuple) + setPorts(packet, ip, tuple);
  if (ip.protocol !== SCTP) updateTransport(packet, ip, checksum.fold(gained));
  else if (sctpWasGood) writeSctp(packet, ip);
}

/** Both say what a checksum over the bytes gains that they replace. */
function setAddresses(packet: Uint8Array, ip: Ip, { saddr, daddr }: Ends): number {
  const old = checksum.addressesOf(packet, ip);
  const gained = replace(old, concat([address.parse(saddr), address.parse(daddr)]));
  if (ip.family === "ipv4") updateField(packet, ip.at + IPV4_CHECKSUM_AT, gained);
  return gained;
}

function setPorts(packet: Uint8Array, ip: Ip, { sport, dport }: Tuple): number {
  const old = packet.subarray(ip.transport, ip.transport + 4);
  return replace(old, Uint8Array.of(sport >>> 8, sport, dport >>> 8, dport));
}

function replace(old: Uint8Array, bytes: Uint8Array): number {
  const gained = checksum.difference(old, bytes);
  old.set(bytes);
  return gained;
}

/** A UDP checksum of zero is none (RFC 768), and one that turns out zero is written as ffff. */
function updateTransport(packet: Uint8Array, ip: Ip, gained: number): void {
  if (!hasHeader(ip)) return;
  const at = transportChecksumOf(ip);
  if (ip.protocol === UDP && read16(packet, at) === 0) return;
  updateField(packet, at, gained);
  if (ip.protocol === UDP && read16(packet, at) === 0) write16(packet, at, 0xffff);
}

/** A quote may end within the header, and then its checksum is of no use to anybody. */
function hasHeader(ip: Ip): boolean {
  return ip.end - ip.transport >= (TRANSPORT_HEADERS[ip.protocol] ?? 0);
}

function transportChecksumOf(ip: Ip): number {
  return ip.transport + (CHECKSUM_AT[ip.protocol] ?? 0);
}

function updateField(packet: Uint8Array, at: number, gained: number): void {
  // 0 and ffff are the same change, and no change must leave the field's bits alone.
  if (gained % 0xffff !== 0) write16(packet, at, checksum.update(read16(packet, at), gained));
}

/** Whether the CRC of an SCTP packet is that of its bytes; false when they are not all there. */
export function sctpIsGood(packet: Uint8Array, ip: Ip): boolean {
  if (ip.end > packet.length || !hasHeader(ip)) return false;
  return (
    sctpField(packet, ip).getUint32(0, true) ===
    checksum.sctp(packet.subarray(ip.transport, ip.end))
  );
}

/** SCTP's CRC cannot be updated by a difference as simply: it is taken anew. */
function writeSctp(packet: Uint8Array, ip: Ip): void {
  const crc = checksum.sctp(packet.subarray(ip.transport, ip.end));
  sctpField(packet, ip).setUint32(0, crc, true);
}

function sctpField(packet: Uint8Array, ip: Ip): DataView {
  return new DataView(packet.buffer, packet.byteOffset + transportChecksumOf(ip), 4);
}

function read16(packet: Uint8Array, at: number): number {
  return (packet[at] as number) * 256 + (packet[at + 1] as number);
}

function write16(packet: Uint8Array, at: number, value: number): void {
  packet[at] = value >>> 8;
  packet[at + 1] = value & 0xff;
}

/**
 * Equal, where a 16-bit checksum of 0000 and one of ffff count as the same: they are the same number in one's
 * complement arithmetic (RFC 1624 section 3), and no update there and back can tell which of them it began with.
 */
export function sameBytes(a: Uint8Array, b: Uint8Array, link: number, wireLength: number): boolean {
  if (a.length !== b.length) return false;
  if (a.every((byte, at) => byte === b[at])) return true;
  const zeros = checksumsOf(b, link, wireLength).filter(
    (at) => read16(a, at) % 0xffff === 0 && read16(b, at) % 0xffff === 0,
  );
  return a.every(
    (byte, at) => byte === b[at] || zeros.some((zero) => at === zero || at === zero + 1),
  );
}

/** Where the 16-bit checksums of a frame are, those of a quoted packet among them. */
function checksumsOf(frame: Uint8Array, link: number, wireLength: number): number[] {
  const parsed = parse(frame, link, wireLength);
  if (parsed.found === "flow") return checksumsAt(parsed.ip);
  if (parsed.found !== "icmp") return [];
  const { ip, type } = parsed;
  const own = ip.family === "ipv4" ? [ip.at + IPV4_CHECKSUM_AT] : [];
  const quote = isError(ip.family, type) ? readQuote(frame, parsed) : undefined;
  const quoted = quote?.found === "flow" ? checksumsAt(quote.ip) : [];
  return [...own, ip.transport + ICMP_CHECKSUM_AT, ...quoted];
}

function checksumsAt(ip: Ip): number[] {
  const fields = ip.family === "ipv4" ? [ip.at + IPV4_CHECKSUM_AT] : [];
  return ip.protocol === SCTP || !hasHeader(ip) ? fields : [...fields, transportChecksumOf(ip)];
}
