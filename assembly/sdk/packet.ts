/** Where the headers of a packet are. Nothing that is given here ends behind `ctx.dataEnd`. */
import {
  LINK_SLOT_ETHERNET,
  LINK_SLOT_LOOP,
  LINK_SLOT_NULL,
  LINK_SLOT_RAW,
  LINK_SLOT_SLL,
  LINK_SLOT_SLL2,
} from "../../abi/layout";
import { EXTENSION_HEADERS_MAX, VLAN_TAGS_MAX } from "../../abi/limits";
import { LOOPBACK_SIZE, Loopback, SLL2_SIZE, SLL_SIZE, Sll, Sll2, typeOf } from "../wire/cooked";
import {
  ETHERNET_SIZE,
  Ethernet,
  TYPE_IPV4,
  TYPE_IPV6,
  VLAN_TAG_SIZE,
  VlanTag,
  isVlan,
} from "../wire/ethernet";
import { ICMP_SIZE, PROTO_ICMP, PROTO_ICMPV6 } from "../wire/icmp";
import { IPV4_SIZE, Ipv4 } from "../wire/ipv4";
import { EXTENSION_SIZE, Extension, IPV6_SIZE, Ipv6, NEXT_FRAGMENT, isExtension } from "../wire/ipv6";
import { PROTO_SCTP, SCTP_SIZE } from "../wire/sctp";
import { PROTO_TCP, TCP_SIZE, Tcp } from "../wire/tcp";
import { PROTO_UDP, UDP_SIZE } from "../wire/udp";
import { Context } from "./context";
import {
  EthernetHeader,
  IcmpHeader,
  Ipv4Header,
  Ipv6Header,
  SctpHeader,
  TcpHeader,
  UdpHeader,
} from "./headers";

/** What the last walk to the transport header has found: there is one at a time. */
@unmanaged
class Place {
  at: usize;
  /** Where the datagram ends, or the capture. */
  end: usize;
  proto: u32;
}
const PLACE = changetype<Place>(memory.data(offsetof<Place>(), 8));

/** The Ethernet header; null for other link layers. */
export function ethernet(ctx: Context): EthernetHeader | null {
  if (ctx.link != LINK_SLOT_ETHERNET || ctx.length < ETHERNET_SIZE) return null;
  return changetype<EthernetHeader>(ctx.data);
}

/** The IPv4 header, behind whatever link layer and VLAN tags there are. */
export function ipv4(ctx: Context): Ipv4Header | null {
  const at = network(ctx, TYPE_IPV4);
  if (at == 0 || at + IPV4_SIZE > ctx.dataEnd) return null;
  const ip = changetype<Ipv4>(at);
  return ip.version == 4 && ip.headerLength >= IPV4_SIZE ? changetype<Ipv4Header>(at) : null;
}

export function ipv6(ctx: Context): Ipv6Header | null {
  const at = network(ctx, TYPE_IPV6);
  if (at == 0 || at + IPV6_SIZE > ctx.dataEnd) return null;
  return changetype<Ipv6>(at).version == 6 ? changetype<Ipv6Header>(at) : null;
}

/** The TCP header; null for other protocols, for fragments that do not begin the datagram, and when it is cut short. */
export function tcp(ctx: Context): TcpHeader | null {
  return changetype<TcpHeader | null>(transport(ctx, PROTO_TCP, TCP_SIZE));
}

export function udp(ctx: Context): UdpHeader | null {
  return changetype<UdpHeader | null>(transport(ctx, PROTO_UDP, UDP_SIZE));
}

export function sctp(ctx: Context): SctpHeader | null {
  return changetype<SctpHeader | null>(transport(ctx, PROTO_SCTP, SCTP_SIZE));
}

export function icmp(ctx: Context): IcmpHeader | null {
  return changetype<IcmpHeader | null>(transport(ctx, PROTO_ICMP, ICMP_SIZE));
}

export function icmpv6(ctx: Context): IcmpHeader | null {
  return changetype<IcmpHeader | null>(transport(ctx, PROTO_ICMPV6, ICMP_SIZE));
}

/** Address of what the transport header of TCP, UDP or SCTP carries, 0 when there is none. */
export function payload(ctx: Context): usize {
  if (!walk(ctx)) return 0;
  const size = transportSize();
  return size != 0 && PLACE.at + size <= PLACE.end ? PLACE.at + size : 0;
}

/** Bytes of it that are in memory, without what fills a short frame up. */
export function payloadLength(ctx: Context): u32 {
  const at = payload(ctx);
  return at != 0 ? <u32>(PLACE.end - at) : 0;
}

function transportSize(): u32 {
  switch (PLACE.proto) {
    case PROTO_TCP:
      return PLACE.at + TCP_SIZE <= PLACE.end ? changetype<Tcp>(PLACE.at).headerLength : 0;
    case PROTO_UDP:
      return UDP_SIZE;
    case PROTO_SCTP:
      return SCTP_SIZE;
    default:
      return 0;
  }
}

function transport(ctx: Context, proto: u32, size: u32): usize {
  if (!walk(ctx) || PLACE.proto != proto) return 0;
  return PLACE.at + size <= PLACE.end ? PLACE.at : 0;
}

/** To the transport header; false when there is none. */
function walk(ctx: Context): bool {
  const ip = ipv4(ctx);
  if (ip) return walk4(ctx, changetype<Ipv4>(ip));
  const ip6 = ipv6(ctx);
  return ip6 ? walk6(ctx, changetype<Ipv6>(ip6)) : false;
}

function walk4(ctx: Context, ip: Ipv4): bool {
  const at = changetype<usize>(ip);
  if (ip.offset != 0) return false;
  settle(ctx, at + ip.headerLength, at + ip.total, ip.proto);
  return PLACE.at <= PLACE.end;
}

function walk6(ctx: Context, ip: Ipv6): bool {
  const at = changetype<usize>(ip) + IPV6_SIZE;
  settle(ctx, at, at + ip.payloadLength, ip.next);
  for (let headers = 0; isExtension(PLACE.proto); headers++) {
    if (headers == EXTENSION_HEADERS_MAX || PLACE.at + EXTENSION_SIZE > PLACE.end) return false;
    const extension = changetype<Extension>(PLACE.at);
    if (PLACE.proto == NEXT_FRAGMENT && extension.offset != 0) return false;
    PLACE.at += extension.length(PLACE.proto);
    PLACE.proto = extension.next;
  }
  return PLACE.at <= PLACE.end;
}

function settle(ctx: Context, at: usize, end: usize, proto: u32): void {
  PLACE.at = at;
  PLACE.end = min(end, ctx.dataEnd);
  PLACE.proto = proto;
}

/** Where the network header begins, 0 when the link layer announces another than `type`. */
function network(ctx: Context, type: u32): usize {
  const data = ctx.data;
  const length = ctx.length;
  switch (ctx.link) {
    case LINK_SLOT_ETHERNET:
      return behindEthernet(data, length, type);
    case LINK_SLOT_RAW: {
      const version: u32 = length > 0 ? load<u8>(data) >> 4 : 0;
      return version == (type == TYPE_IPV4 ? 4 : 6) ? data : 0;
    }
    case LINK_SLOT_NULL:
    case LINK_SLOT_LOOP:
      return behindLoopback(ctx, type);
    case LINK_SLOT_SLL:
      return length >= SLL_SIZE && changetype<Sll>(data).type == type ? data + SLL_SIZE : 0;
    case LINK_SLOT_SLL2:
      return length >= SLL2_SIZE && changetype<Sll2>(data).type == type ? data + SLL2_SIZE : 0;
    default:
      return 0;
  }
}

function behindEthernet(data: usize, length: u32, wanted: u32): usize {
  if (length < ETHERNET_SIZE) return 0;
  let type: u32 = changetype<Ethernet>(data).type;
  let at = ETHERNET_SIZE;
  for (let tags = 0; tags < VLAN_TAGS_MAX && isVlan(type); tags++) {
    if (length < at + VLAN_TAG_SIZE) return 0;
    type = changetype<VlanTag>(data + at).type;
    at += VLAN_TAG_SIZE;
  }
  return type == wanted ? data + at : 0;
}

/** LOOP writes the family in network order, NULL in that of the host that captured. */
function behindLoopback(ctx: Context, wanted: u32): usize {
  if (ctx.length < LOOPBACK_SIZE) return 0;
  const family = changetype<Loopback>(ctx.data).family;
  let type = typeOf(bswap<u32>(family));
  if (type == 0 && ctx.link == LINK_SLOT_NULL) type = typeOf(family);
  return type == wanted ? ctx.data + LOOPBACK_SIZE : 0;
}
