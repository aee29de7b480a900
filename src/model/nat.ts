/** Rewrites addresses and ports. Nothing else of the frame changes but the checksums over them. */
import type { Tuple } from "../dataplane/entries.ts";
import { parse } from "../packet/address.ts";
import { concat, viewOf } from "../packet/bytes.ts";
import * as checksum from "../packet/checksum.ts";
import { type Flow, SCTP, TCP, UDP } from "../packet/parse.ts";

/** Offset of the checksum in the IPv4, TCP and UDP headers: RFC 791, RFC 9293, RFC 768. */
const IPV4_CHECKSUM = 10;
const TCP_CHECKSUM = 16;
const UDP_CHECKSUM = 6;
const SCTP_CHECKSUM = 8;

/** A copy of the frame whose packet has the tuple `to`. */
export function rewrite(frame: Uint8Array, { ip }: Flow, to: Tuple): Uint8Array {
  const packet = frame.slice();
  const addresses = checksum.addressesOf(packet, ip);
  const ports = packet.subarray(ip.transport, ip.transport + 4);
  const newAddresses = concat([parse(to.saddr), parse(to.daddr)]);
  const newPorts = Uint8Array.of(to.sport >>> 8, to.sport, to.dport >>> 8, to.dport);
  const gain = checksum.difference(addresses, newAddresses);
  const transportGain = checksum.difference(
    concat([addresses, ports]),
    concat([newAddresses, newPorts]),
  );
  addresses.set(newAddresses);
  ports.set(newPorts);
  if (ip.family === "ipv4") adjust(packet, ip.at + IPV4_CHECKSUM, gain);
  adjustTransport(packet, ip, transportGain);
  return packet;
}

/** TCP and UDP cover a pseudo-header, so addresses count with the ports; SCTP covers no more. */
function adjustTransport(packet: Uint8Array, ip: Flow["ip"], gain: number): void {
  if (ip.protocol === TCP) adjust(packet, ip.transport + TCP_CHECKSUM, gain);
  if (ip.protocol === UDP) adjustUdp(packet, ip.transport + UDP_CHECKSUM, gain);
  if (ip.protocol === SCTP) renewSctp(packet, ip);
}

function adjust(packet: Uint8Array, at: number, gain: number): void {
  const view = viewOf(packet);
  view.setUint16(at, checksum.update(view.getUint16(at), gain));
}

/** RFC 768: zero means that there is none, so a checksum that comes out as zero is all ones. */
function adjustUdp(packet: Uint8Array, at: number, gain: number): void {
  const view = viewOf(packet);
  const old = view.getUint16(at);
  if (old !== 0) view.setUint16(at, checksum.update(old, gain) || 0xffff);
}

/** A CRC is taken afresh; it is left alone when the capture does not hold the whole packet. */
function renewSctp(packet: Uint8Array, ip: Flow["ip"]): void {
  if (ip.end > packet.length) return;
  const crc = checksum.sctp(packet.subarray(ip.transport, ip.end));
  viewOf(packet).setUint32(ip.transport + SCTP_CHECKSUM, crc, true);
}
