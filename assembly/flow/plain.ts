/**
 * The short parse: TCP and UDP in an untagged, unfragmented packet without options or extension
 * headers, its checksums right. What is written here is what the steps of the walk would have
 * written; whatever is unusual takes those.
 */
import {
  FAMILY_IPV4,
  FAMILY_IPV6,
  LINK_SLOT_ETHERNET,
  LINK_SLOT_RAW,
} from "../../abi/layout";
import { Descriptor, Packet } from "../packet";
import { ETHERNET_SIZE, Ethernet, TYPE_IPV4, TYPE_IPV6 } from "../wire/ethernet";
import { IPV4_SIZE, Ipv4, PLAIN } from "../wire/ipv4";
import { IPV6_SIZE, Ipv6 } from "../wire/ipv6";
import { PROTO_TCP, TCP_SIZE, Tcp } from "../wire/tcp";
import { PROTO_UDP, UDP_SIZE, Udp } from "../wire/udp";
import { aim4, aim6 } from "./tuple";
import * as verify from "./verify";

/** Forms the key of the packet; false when it is not that plain. */
// @ts-ignore: decorator
@inline
export function enter(packet: Packet, descriptor: Descriptor): bool {
  const isRaw = descriptor.link == LINK_SLOT_RAW;
  const linkLength: u32 = isRaw ? 0 : ETHERNET_SIZE;
  if (descriptor.length < linkLength + IPV4_SIZE + TCP_SIZE) return false;
  if (!isRaw && descriptor.link != LINK_SLOT_ETHERNET) return false;
  const data = descriptor.data;
  const type: u32 = changetype<Ethernet>(data).type;
  const l3 = data + linkLength;
  if (load<u8>(l3) == PLAIN) {
    return (isRaw || type == TYPE_IPV4) && enter4(packet, descriptor, l3, linkLength);
  }
  return (isRaw || type == TYPE_IPV6) && enter6(packet, descriptor, l3, linkLength);
}

// @ts-ignore: decorator
@inline
function enter4(packet: Packet, descriptor: Descriptor, l3: usize, linkLength: u32): bool {
  const ip = changetype<Ipv4>(l3);
  if (ip.isFragment) return false;
  const total = ip.total;
  if (linkLength + total > descriptor.wireLength) return false;
  const proto: u32 = ip.proto;
  if (!isWhole(l3 + IPV4_SIZE, total - IPV4_SIZE, proto)) return false;
  const captured = descriptor.length - linkLength;
  if (!verify.plain4(l3, total, captured, descriptor.flags, proto)) return false;
  packet.l3 = l3;
  packet.l4 = l3 + IPV4_SIZE;
  packet.end = l3 + total;
  packet.kind = FAMILY_IPV4 | (proto << 8);
  aim4(packet, l3, l3 + IPV4_SIZE, proto);
  return true;
}

// @ts-ignore: decorator
@inline
function enter6(packet: Packet, descriptor: Descriptor, l3: usize, linkLength: u32): bool {
  const captured = descriptor.length - linkLength;
  const ip = changetype<Ipv6>(l3);
  if (captured < IPV6_SIZE + TCP_SIZE || ip.version != 6) return false;
  const length = ip.payloadLength;
  if (linkLength + IPV6_SIZE + length > descriptor.wireLength) return false;
  const proto: u32 = ip.next;
  if (!isWhole(l3 + IPV6_SIZE, length, proto)) return false;
  if (!verify.plain6(l3, length, captured, descriptor.flags, proto)) return false;
  packet.l3 = l3;
  packet.l4 = l3 + IPV6_SIZE;
  packet.end = l3 + IPV6_SIZE + length;
  packet.kind = FAMILY_IPV6 | (proto << 8);
  aim6(packet, l3, l3 + IPV6_SIZE, proto);
  return true;
}

/**
 * Whether it is TCP or UDP, and the header fits `payload` bytes; signed, so that a short total is
 * refused too.
 */
// @ts-ignore: decorator
@inline
function isWhole(l4: usize, payload: i32, proto: u32): bool {
  if (proto == PROTO_TCP) {
    const header = changetype<Tcp>(l4).headerLength;
    return header >= TCP_SIZE && <i32>header <= payload;
  }
  if (proto != PROTO_UDP) return false;
  const length = changetype<Udp>(l4).length;
  return length >= UDP_SIZE && <i32>length <= payload;
}
