/** ICMP and ICMPv6 error header, RFC 792 and RFC 4443: what it quotes follows. */
import { FAMILY_IPV4 } from "../../abi/layout";

@unmanaged
export class Icmp {
  type: u8;
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

/** What else quotes a packet: RFC 792, and icmp_is_err of the kernel. */
const SOURCE_QUENCH: u32 = 4;
export const REDIRECT: u32 = 5;
const TIME_EXCEEDED: u32 = 11;
const PARAMETER_PROBLEM: u32 = 12;
/** ICMPv6 numbers its errors below this: RFC 4443 section 2.1. */
const ERROR6_END: u32 = 128;

export function isError4(type: u32): bool {
  const isRefusal = type == ICMP_UNREACHABLE || type == SOURCE_QUENCH || type == REDIRECT;
  return isRefusal || type == TIME_EXCEEDED || type == PARAMETER_PROBLEM;
}

export function isError6(type: u32): bool {
  return type < ERROR6_END;
}

export function isError(family: u32, type: u32): bool {
  return family == FAMILY_IPV4 ? isError4(type) : isError6(type);
}

/** Whether that is the ICMP of the family. */
export function isIcmp(family: u32, proto: u32): bool {
  return proto == (family == FAMILY_IPV4 ? PROTO_ICMP : PROTO_ICMPV6);
}
