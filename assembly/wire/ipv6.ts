/**
 * IPv6 header and its extension headers, RFC 8200. Addresses stay in network order, in two words
 * each.
 */
import * as checksum from "./checksum";

@unmanaged
export class Ipv6 {
  private versionClassFlow: u32;
  private nplength: u16;
  next: u8;
  private hops: u8;
  private saddr0: u32;
  private saddr1: u32;
  private saddr2: u32;
  private saddr3: u32;
  private daddr0: u32;
  private daddr1: u32;
  private daddr2: u32;
  private daddr3: u32;

  get version(): u32 {
    return (this.versionClassFlow >> 4) & 15;
  }

  get payloadLength(): u32 {
    return bswap<u16>(this.nplength);
  }

  get saddr(): usize {
    return changetype<usize>(this) + offsetof<Ipv6>("saddr0");
  }

  get daddr(): usize {
    return changetype<usize>(this) + offsetof<Ipv6>("daddr0");
  }

  /** Writes a header; the addresses are left to the caller. */
  init(payloadLength: u32, next: u32): void {
    this.versionClassFlow = 0x60;
    this.nplength = bswap<u16>(<u16>payloadLength);
    this.next = <u8>next;
    this.hops = HOPS;
  }
}
export const IPV6_SIZE: u32 = 40;
if (offsetof<Ipv6>() != IPV6_SIZE) ERROR("an ipv6 header is 40 bytes");
/** Bytes of both addresses, which end the header. */
export const IPV6_ADDRESSES: u32 = 32;
if (offsetof<Ipv6>("saddr0") + IPV6_ADDRESSES != IPV6_SIZE) ERROR("addresses end the header");

/** Hop limit of packets of our own, RFC 1700. */
const HOPS: u8 = 64;

@unmanaged
export class Extension {
  next: u8;
  private units: u8;
  private noffset: u16;
  /** Of a fragment header; network order. */
  identification: u32;

  /** Bytes of the whole header; `type` is what announced it. */
  length(type: u32): u32 {
    if (type == NEXT_FRAGMENT) return EXTENSION_SIZE;
    const units: u32 = this.units;
    return type == NEXT_AUTHENTICATION ? (units + 2) << 2 : (units + 1) << 3;
  }

  /** Read as a fragment header: more fragments follow, or this one does not begin the packet. */
  get isFragment(): bool {
    return (this.noffset & FRAGMENT_MASK) != 0;
  }

  get more(): bool {
    return (this.noffset & MORE) != 0;
  }

  /** Where the payload lies in that of the datagram, in bytes. */
  get offset(): u32 {
    return bswap<u16>(this.noffset & FRAGMENT_MASK & ~MORE);
  }
}
/** The shortest extension header. */
export const EXTENSION_SIZE: u32 = 8;
if (offsetof<Extension>() != EXTENSION_SIZE) ERROR("an extension header has at least 8 bytes");

/** Fragment offset and M, as a little-endian load reads them: RFC 8200 section 4.5. */
const FRAGMENT_MASK: u16 = 0xf9ff;
const MORE: u16 = 0x0100;

/** Next header numbers that announce an extension header, IANA. */
const NEXT_HOP_BY_HOP: u32 = 0;
const NEXT_ROUTING: u32 = 43;
export const NEXT_FRAGMENT: u32 = 44;
const NEXT_AUTHENTICATION: u32 = 51;
const NEXT_DESTINATION: u32 = 60;
const NEXT_MOBILITY: u32 = 135;

export function isExtension(next: u32): bool {
  return (
    next == NEXT_HOP_BY_HOP ||
    next == NEXT_ROUTING ||
    next == NEXT_FRAGMENT ||
    next == NEXT_AUTHENTICATION ||
    next == NEXT_DESTINATION ||
    next == NEXT_MOBILITY
  );
}

/** Sum of the pseudo-header of an upper layer of `length` bytes, RFC 8200 section 8.1. */
export function pseudoSum(ip: Ipv6, length: u32, proto: u32): u64 {
  return checksum.sum(ip.saddr, IPV6_ADDRESSES) + bswap<u32>(length) + bswap<u32>(proto);
}

/** Whether an ICMPv6 error may be sent to that address: RFC 4443 section 2.4 (e). */
export function isUnicast(address: usize): bool {
  if (load<u8>(address) == 0xff) return false;
  return (load<u64>(address) | load<u64>(address, 8)) != 0;
}
