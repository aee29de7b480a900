/**
 * IPv4 header, RFC 791. Addresses and checksum stay in network order, numbers are spoken in host
 * order.
 */

@unmanaged
export class Ipv4 {
  private versionIhl: u8;
  private tos: u8;
  private ntotal: u16;
  /** Network order. */
  id: u16;
  private fragment: u16;
  private ttl: u8;
  proto: u8;
  check: u16;
  saddr: u32;
  daddr: u32;

  get version(): u32 {
    return this.versionIhl >> 4;
  }

  /** Bytes of the header, options included. */
  get headerLength(): u32 {
    return (<u32>this.versionIhl & 15) << 2;
  }

  get total(): u32 {
    return bswap<u16>(this.ntotal);
  }

  /** More fragments follow, or this one does not begin the packet. */
  get isFragment(): bool {
    return (this.fragment & FRAGMENT_MASK) != 0;
  }

  /** More fragments follow. */
  get more(): bool {
    return (this.fragment & MORE) != 0;
  }

  /** Where the payload lies in that of the datagram, in bytes. */
  get offset(): u32 {
    return (<u32>bswap<u16>(this.fragment & FRAGMENT_MASK & ~MORE)) << 3;
  }

  get trafficClass(): u32 {
    return this.tos;
  }

  /** Sums of the words in front of the addresses, and of those. */
  get frontSum(): u64 {
    const at = changetype<usize>(this);
    return <u64>load<u32>(at) + <u64>load<u32>(at, 4) + <u64>load<u32>(at, 8);
  }

  get addressSum(): u64 {
    return <u64>this.saddr + <u64>this.daddr;
  }

  /** Writes a header without options; addresses and checksum are left to the caller. */
  init(trafficClass: u32, total: u32, proto: u32): void {
    this.versionIhl = 0x45;
    this.tos = <u8>trafficClass;
    this.ntotal = bswap<u16>(<u16>total);
    this.id = 0;
    this.fragment = 0;
    this.ttl = HOPS;
    this.proto = <u8>proto;
    this.check = 0;
  }
}
export const IPV4_SIZE: u32 = 20;
if (offsetof<Ipv4>() != IPV4_SIZE) ERROR("an ipv4 header is 20 bytes");

/** MF and the fragment offset, as a little-endian load reads them. */
const FRAGMENT_MASK: u16 = 0xff3f;
const MORE: u16 = 0x0020;
/** First byte of a header without options. */
export const PLAIN: u32 = 0x45;
/** TTL of packets of our own, RFC 1700. */
const HOPS: u8 = 64;

/** Sum of the pseudo-header of an upper layer of `length` bytes, RFC 9293 section 3.1. */
export function pseudoSum(ip: Ipv4, length: u32, proto: u32): u64 {
  return ip.addressSum + pseudoTail(length, proto);
}

/** What the pseudo-header has besides the addresses. */
// @ts-ignore: decorator
@inline
export function pseudoTail(length: u32, proto: u32): u64 {
  return <u64>bswap<u16>(<u16>length) + (<u64>proto << 8);
}

/** 127.0.0.0/8, RFC 1122 section 3.2.1.3; the first byte is the lowest of a little-endian load. */
export function isLoopback(address: u32): bool {
  return (address & 0xff) == 127;
}

/** Whether an ICMP error may be sent to that address: RFC 1122 section 3.2.2. */
export function isUnicast(address: u32): bool {
  return address != 0 && address != 0xffffffff && (address & 0xf0) != 0xe0;
}
