/**
 * Gives a packet another five-tuple as a NAT would: addresses and ports are replaced, checksums are updated
 * by what changed (RFC 1624), so that a wrong checksum stays exactly as wrong. Nothing else is touched. It
 * shares no code with the NAT of either engine, since what they do is held against it.
 */
import type { Tuple } from "../dataplane/entries.ts";
import * as address from "../packet/address.ts";
import * as checksum from "../packet/checksum.ts";
import { type Flow, type Ip, parse, SCTP, TCP, UDP } from "../packet/parse.ts";

/** Where the checksum stands in a TCP (RFC 9293), UDP (RFC 768) and SCTP (RFC 9260) header. */
const CHECKSUM_AT: Readonly<Record<number, number>> = { [TCP]: 16, [UDP]: 6, [SCTP]: 8 };
/** Where the checksum stands in an IPv4 header, RFC 791. */
const IPV4_CHECKSUM_AT = 10;

/** A copy of `frame`, which holds `flow`, with `tuple` in the place of its own. */
export function readdress(frame: Uint8Array, { ip }: Flow, tuple: Tuple): Uint8Array {
  const packet = frame.slice();
  const sctpWasGood = ip.protocol === SCTP && sctpIsGood(packet, ip);
  const addresses = checksum.addressesOf(packet, ip);
  const ports = packet.subarray(ip.transport, ip.transport + 4);
  const newAddresses = new Uint8Array([
    ...address.parse(tuple.saddr),
    ...address.parse(tuple.daddr),
  ]);
  const newPorts = new Uint8Array(4);
  new DataView(newPorts.buffer).setUint16(0, tuple.sport);
  new DataView(newPorts.buffer).setUint16(2, tuple.dport);
  const ipGained = checksum.difference(addresses, newAddresses);
  const portsGained = checksum.difference(ports, newPorts);
  addresses.set(newAddresses);
  ports.set(newPorts);
  if (ip.family === "ipv4") updateField(packet, ip.at + IPV4_CHECKSUM_AT, ipGained);
  if (ip.protocol !== SCTP) updateTransport(packet, ip, checksum.fold(ipGained + portsGained));
  else if (sctpWasGood) writeSctp(packet, ip);
  return packet;
}

/** A UDP checksum of zero is none (RFC 768), and one that turns out zero is written as ffff. */
function updateTransport(packet: Uint8Array, ip: Ip, gained: number): void {
  const at = ip.transport + (CHECKSUM_AT[ip.protocol] ?? 0);
  if (ip.protocol === UDP && read16(packet, at) === 0) return;
  updateField(packet, at, gained);
  if (ip.protocol === UDP && read16(packet, at) === 0) write16(packet, at, 0xffff);
}

function updateField(packet: Uint8Array, at: number, gained: number): void {
  // 0 and ffff are the same change, and no change must leave the field's bits alone.
  if (gained % 0xffff !== 0) write16(packet, at, checksum.update(read16(packet, at), gained));
}

function sctpIsGood(packet: Uint8Array, ip: Ip): boolean {
  if (ip.end > packet.length) return false;
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
  const at = ip.transport + (CHECKSUM_AT[SCTP] ?? 0);
  return new DataView(packet.buffer, packet.byteOffset + at, 4);
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
  const different = a.findIndex((byte, at) => byte !== b[at]);
  if (different < 0) return true;
  const parsed = parse(b, link, wireLength);
  return parsed.found === "flow" && differOnlyInZero(a, b, parsed.ip);
}

function differOnlyInZero(a: Uint8Array, b: Uint8Array, ip: Ip): boolean {
  const fields = [ip.protocol === SCTP ? -1 : ip.transport + (CHECKSUM_AT[ip.protocol] ?? 0)];
  if (ip.family === "ipv4") fields.push(ip.at + IPV4_CHECKSUM_AT);
  const zeros = fields.filter(
    (at) => at >= 0 && read16(a, at) % 0xffff === 0 && read16(b, at) % 0xffff === 0,
  );
  return a.every(
    (byte, at) => byte === b[at] || zeros.some((zero) => at === zero || at === zero + 1),
  );
}
