/** ICMP and ICMPv6 error header, RFC 792 and RFC 4443: what it quotes follows. */

@unmanaged
export class Icmp {
  private type: u8;
  private code: u8;
  check: u16;
  private unused: u32;

  /** Writes a header; the checksum is left to the caller. */
  init(type: u32, code: u32): void {
    this.type = <u8>type;
    this.code = <u8>code;
    this.check = 0;
    this.unused = 0;
  }
}
export const ICMP_SIZE: u32 = 8;
if (offsetof<Icmp>() != ICMP_SIZE) ERROR("an icmp error header is 8 bytes");

export const PROTO_ICMP: u32 = 1;
export const PROTO_ICMPV6: u32 = 58;

/** Destination unreachable, port unreachable: RFC 792, and RFC 4443 section 3.1. */
export const ICMP_UNREACHABLE: u32 = 3;
export const ICMP_PORT: u32 = 3;
export const ICMPV6_UNREACHABLE: u32 = 1;
export const ICMPV6_PORT: u32 = 4;
