/**
 * The link layers of captures that have no Ethernet header: BSD loopback (LINKTYPE_NULL,
 * LINKTYPE_LOOP) and Linux cooked (LINKTYPE_LINUX_SLL, LINKTYPE_LINUX_SLL2), as
 * www.tcpdump.org/linktypes.html has them.
 */
import { TYPE_IPV4, TYPE_IPV6 } from "./ethernet";

/**
 * An address family of the host that captured: 2 is IPv4 everywhere, IPv6 differs among systems.
 */
@unmanaged
export class Loopback {
  family: u32;
}
export const LOOPBACK_SIZE: u32 = 4;
if (offsetof<Loopback>() != LOOPBACK_SIZE) ERROR("a loopback header is 4 bytes");

const AF_INET: u32 = 2;
const AF_INET6_LINUX: u32 = 10;
const AF_INET6_NETBSD: u32 = 24;
const AF_INET6_FREEBSD: u32 = 28;
const AF_INET6_DARWIN: u32 = 30;

/** The EtherType a family stands for, 0 for none. */
export function typeOf(family: u32): u32 {
  if (family == AF_INET) return TYPE_IPV4;
  const isIpv6 =
    family == AF_INET6_LINUX ||
    family == AF_INET6_NETBSD ||
    family == AF_INET6_FREEBSD ||
    family == AF_INET6_DARWIN;
  return isIpv6 ? TYPE_IPV6 : 0;
}

/** Packet type "sent by us" (PACKET_OUTGOING). */
const OUTGOING: u32 = 4;

@unmanaged
export class Sll {
  private npacketType: u16;
  private hardware: u16;
  private addressLength: u16;
  private address0: u16;
  private address2: u32;
  private address6: u16;
  type: u16;

  markOutgoing(): void {
    this.npacketType = bswap<u16>(<u16>OUTGOING);
  }
}
export const SLL_SIZE: u32 = 16;
if (offsetof<Sll>() != SLL_SIZE) ERROR("a cooked header is 16 bytes");

@unmanaged
export class Sll2 {
  type: u16;
  private reserved: u16;
  private interfaceIndex: u32;
  private hardware: u16;
  private packetType: u8;
  private addressLength: u8;
  private address0: u32;
  private address4: u32;

  markOutgoing(): void {
    this.packetType = <u8>OUTGOING;
  }
}
export const SLL2_SIZE: u32 = 20;
if (offsetof<Sll2>() != SLL2_SIZE) ERROR("a cooked header, version 2, is 20 bytes");
