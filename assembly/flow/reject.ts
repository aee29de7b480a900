/**
 * Rejecting: an ICMP port unreachable in front of the packet it quotes, sent back where the packet
 * came from. What kube-proxy's REJECT rules send, for TCP too.
 */
import { FAMILY_IPV4 } from "../../abi/layout";
import { HEADROOM } from "../../abi/limits";
import * as interfaces from "../maps/interfaces";
import { Packet } from "../packet";
import * as checksum from "../wire/checksum";
import {
  ICMPV6_PORT,
  ICMPV6_UNREACHABLE,
  ICMP_PORT,
  ICMP_SIZE,
  ICMP_UNREACHABLE,
  Icmp,
  PROTO_ICMP,
  PROTO_ICMPV6,
} from "../wire/icmp";
import * as ipv4 from "../wire/ipv4";
import { IPV4_SIZE, Ipv4 } from "../wire/ipv4";
import * as ipv6 from "../wire/ipv6";
import { IPV6_SIZE, Ipv6 } from "../wire/ipv6";
import { isLocal } from "./address";
import * as link from "./link";
import { Opening } from "./opening";
import { drop, reject } from "./outcome";

/**
 * The longest ICMP error: RFC 1812 section 4.3.2.3, and the IPv6 minimum MTU of RFC 4443 section
 * 2.4 (c).
 */
const ERROR4_MAX: u32 = 576;
const ERROR6_MAX: u32 = 1280;
/** Bytes in front of the quote. */
const FRONT4: u32 = IPV4_SIZE + ICMP_SIZE;
const FRONT6: u32 = IPV6_SIZE + ICMP_SIZE;
/**
 * Routine precedence of errors: internetwork control, RFC 1812 section 4.3.2.5; the rest of TOS is
 * copied.
 */
const PRECEDENCE: u32 = 0xc0;
const TOS_COPIED: u32 = 0x1e;

/** Turns the packet into its rejection; a source no error may go to is dropped instead. */
export function rejectPacket(packet: Packet, opening: Opening, reason: u32): u32 {
  const sent = packet.family == FAMILY_IPV4 ? reject4(packet, opening) : reject6(packet, opening);
  return sent ? reject(reason) : drop(reason);
}

function reject4(packet: Packet, opening: Opening): bool {
  const client = changetype<Ipv4>(packet.l3);
  if (!ipv4.isUnicast(client.saddr)) return false;
  const quote = quoteLength(packet, client.total, ERROR4_MAX - FRONT4);
  const l3 = putFront(packet, FRONT4, quote);
  const ip = changetype<Ipv4>(l3);
  ip.init((client.trafficClass & TOS_COPIED) | PRECEDENCE, FRONT4 + quote, PROTO_ICMP);
  ip.saddr = source4(packet, opening);
  ip.daddr = client.saddr;
  ip.check = checksum.finish(checksum.sum(l3, IPV4_SIZE));
  const icmp = changetype<Icmp>(l3 + IPV4_SIZE);
  icmp.init(ICMP_UNREACHABLE, ICMP_PORT);
  icmp.check = checksum.finish(checksum.sum(l3 + IPV4_SIZE, ICMP_SIZE + quote));
  return true;
}

/**
 * An address of the node answers by itself, any other by that of the device, as the kernel does.
 */
function source4(packet: Packet, opening: Opening): u32 {
  const dialled = changetype<Ipv4>(packet.l3).daddr;
  if (isLocal(opening.daddr0, opening.daddr1, opening.family)) return dialled;
  const own = interfaces.lookup(packet.descriptor.interfaceRow).ipv4;
  if (own != 0) return own;
  const other = interfaces.lookup(0).ipv4;
  return other != 0 ? other : dialled;
}

function reject6(packet: Packet, opening: Opening): bool {
  const client = changetype<Ipv6>(packet.l3);
  if (!ipv6.isUnicast(client.saddr)) return false;
  const quote = quoteLength(packet, IPV6_SIZE + client.payloadLength, ERROR6_MAX - FRONT6);
  const l3 = putFront(packet, FRONT6, quote);
  const ip = changetype<Ipv6>(l3);
  ip.init(ICMP_SIZE + quote, PROTO_ICMPV6);
  memory.copy(ip.saddr, source6(packet, opening), 16);
  memory.copy(ip.daddr, client.saddr, 16);
  const icmp = changetype<Icmp>(l3 + IPV6_SIZE);
  icmp.init(ICMPV6_UNREACHABLE, ICMPV6_PORT);
  const pseudo = ipv6.pseudoSum(ip, ICMP_SIZE + quote, PROTO_ICMPV6);
  icmp.check = checksum.finish(pseudo + checksum.sum(l3 + IPV6_SIZE, ICMP_SIZE + quote));
  return true;
}

/** Address of the 16 bytes a reject of IPv6 is sent from. */
function source6(packet: Packet, opening: Opening): usize {
  const dialled = changetype<Ipv6>(packet.l3).daddr;
  if (isLocal(opening.daddr0, opening.daddr1, opening.family)) return dialled;
  const own = interfaces.lookup(packet.descriptor.interfaceRow);
  if (own.hasIpv6 != 0) return changetype<usize>(own) + offsetof<interfaces.Interface>("ipv6");
  const other = interfaces.lookup(0);
  if (other.hasIpv6 == 0) return dialled;
  return changetype<usize>(other) + offsetof<interfaces.Interface>("ipv6");
}

/** Bytes quoted: no more than there are, than were captured, than an error may carry. */
function quoteLength(packet: Packet, length: u32, limit: u32): u32 {
  const captured = <u32>(packet.captureEnd - packet.l3);
  return min<u32>(min<u32>(length, captured), limit);
}

/**
 * Opens `front` bytes in front of the quote by moving the link header; returns where they begin.
 */
function putFront(packet: Packet, front: u32, quote: u32): usize {
  const descriptor = packet.descriptor;
  const linkLength = packet.linkLength;
  assert(front <= <u32>HEADROOM, "headers fit the headroom");
  memory.copy(descriptor.data - front, descriptor.data, linkLength);
  descriptor.data -= front;
  descriptor.length = linkLength + front + quote;
  descriptor.wireLength = descriptor.length;
  link.turn(descriptor.data, descriptor.link);
  return packet.l3 - front;
}
