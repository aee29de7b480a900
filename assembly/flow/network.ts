/** IPv4 and IPv6: checks the header and finds the transport header. */
import { FAMILY_IPV4 } from "../../abi/layout";
import { Packet } from "../packet";
import { IPV4_SIZE, Ipv4 } from "../wire/ipv4";
import { IPV6_SIZE, Ipv6, isExtension } from "../wire/ipv6";
import * as extensions from "./extensions";
import { CONTINUE, DAMAGED_HEADER, MALFORMED, TRUNCATED } from "./outcome";
import * as verify from "./verify";

/**
 * Sets `l4`, `end` and `proto`, and of a fragment its place in the datagram; `l4` is then where its
 * payload begins.
 */
export function enter(packet: Packet): u32 {
  packet.damaged = 0;
  const outcome = find(packet);
  if (outcome != CONTINUE || packet.family != FAMILY_IPV4) return outcome;
  return verify.checkHeader(packet) ? CONTINUE : DAMAGED_HEADER;
}

/** The same without a look at the checksum. */
export function find(packet: Packet): u32 {
  packet.fragment = 0;
  return packet.family == FAMILY_IPV4 ? enter4(packet) : enter6(packet);
}

function enter4(packet: Packet): u32 {
  const captured = <u32>(packet.captureEnd - packet.l3);
  if (captured < IPV4_SIZE) return TRUNCATED;
  const ip = changetype<Ipv4>(packet.l3);
  const header = ip.headerLength;
  if (ip.version != 4 || header < IPV4_SIZE || ip.total < header) return MALFORMED;
  if (header > captured || ip.total > packet.wireLength) return TRUNCATED;
  packet.l4 = packet.l3 + header;
  packet.end = packet.l3 + ip.total;
  packet.proto = ip.proto;
  if (ip.isFragment) place(packet, ip.id, ip.offset, ip.more);
  return CONTINUE;
}

function enter6(packet: Packet): u32 {
  if (<u32>(packet.captureEnd - packet.l3) < IPV6_SIZE) return TRUNCATED;
  const ip = changetype<Ipv6>(packet.l3);
  if (ip.version != 6) return MALFORMED;
  if (IPV6_SIZE + ip.payloadLength > packet.wireLength) return TRUNCATED;
  packet.l4 = packet.l3 + IPV6_SIZE;
  packet.end = packet.l4 + ip.payloadLength;
  packet.proto = ip.next;
  return isExtension(ip.next) ? walkExtensions(packet) : CONTINUE;
}

function place(packet: Packet, id: u32, offset: u32, more: bool): void {
  packet.fragment = 1;
  packet.more = u8(more);
  packet.offset = offset;
  packet.id = id;
}

function walkExtensions(packet: Packet): u32 {
  const chain = extensions.begin(packet.l4, packet.end, packet.captureEnd, packet.proto);
  const outcome = extensions.walk(chain);
  if (outcome != CONTINUE) return outcome;
  if (chain.isFragment) {
    const header = chain.extension;
    place(packet, header.identification, header.offset, header.more);
    chain.step();
  }
  packet.l4 = chain.at;
  packet.proto = chain.proto;
  return CONTINUE;
}
