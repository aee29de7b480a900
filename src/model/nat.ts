/** Rewrites addresses and ports. Nothing else of the frame changes but the checksums over them. */
import type { Tuple } from "../dataplane/entries.ts";
import { parse } from "../packet/address.ts";
import { concat, viewOf } from "../packet/bytes.ts";
import * as checksum from "../packet/checksum.ts";
import { type Flow, type Ip, SCTP, TCP, UDP } from "../packet/parse.ts";

/** Offset of the checksum in the headers: RFC 791, RFC 9293, RFC 768, RFC 9260. */
const IPV4_CHECKSUM = 10;
export const TCP_CHECKSUM = 16;
export const UDP_CHECKSUM = 6;
export const SCTP_CHECKSUM = 8;

/** A copy of the frame whose packet has the tuple `to`. */
export function rewrite(frame: Uint8Array, { ip, tuple }: Flow, to: Tuple): Uint8Array {
  const packet = frame.slice();
  setAddresses(packet, ip, to);
  setPorts(packet, ip.transport, to);
  adjustTransport(packet, ip, gainOf(tuple, to));
  return packet;
}

/** Replaces the addresses of an IP header. */
export function setAddresses(
  packet: Uint8Array,
  ip: Ip,
  { saddr, daddr }: Pick<Tuple, "saddr" | "daddr">,
): void {
  const addresses = checksum.addressesOf(packet, ip);
  const changed = concat([parse(saddr), parse(daddr)]);
  const gain = checksum.difference(addresses, changed);
  addresses.set(changed);
  if (ip.family === "ipv4") adjust(packet, ip.at + IPV4_CHECKSUM, gain);
}

/** The ports stand first in the headers of TCP, UDP and SCTP. */
export function setPorts(packet: Uint8Array, at: number, { sport, dport }: Tuple): void {
  viewOf(packet).setUint16(at, sport);
  viewOf(packet).setUint16(at + 2, dport);
}

/** What the checksum of TCP and UDP gains: it covers a pseudo-header, so addresses count too. */
export function gainOf(from: Tuple, to: Tuple): number {
  return checksum.difference(bytesOf(from), bytesOf(to));
}

function bytesOf({ saddr, sport, daddr, dport }: Tuple): Uint8Array {
  const ports = Uint8Array.of(sport >>> 8, sport, dport >>> 8, dport);
  return concat([parse(saddr), parse(daddr), ports]);
}

function adjustTransport(packet: Uint8Array, ip: Ip, gain: number): void {
  if (ip.protocol === TCP) adjust(packet, ip.transport + TCP_CHECKSUM, gain);
  if (ip.protocol === UDP) adjustUdp(packet, ip.transport + UDP_CHECKSUM, gain);
  if (ip.protocol === SCTP && ip.end <= packet.length) renewSctp(packet, ip);
}

/** Updates the checksum at `at` by what has changed under it. */
export function adjust(packet: Uint8Array, at: number, gain: number): void {
  const view = viewOf(packet);
  view.setUint16(at, checksum.update(view.getUint16(at), gain));
}

/** RFC 768: zero means that there is none, so a checksum that comes out as zero is all ones. */
export function adjustUdp(packet: Uint8Array, at: number, gain: number): void {
  const view = viewOf(packet);
  const old = view.getUint16(at);
  if (old !== 0) view.setUint16(at, checksum.update(old, gain) || 0xffff);
}

/** A CRC is taken afresh, over all that it covers. */
export function renewSctp(packet: Uint8Array, ip: Ip): void {
  const crc = checksum.sctp(packet.subarray(ip.transport, ip.end));
  viewOf(packet).setUint32(ip.transport + SCTP_CHECKSUM, crc, true);
}
