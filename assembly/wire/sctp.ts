/** SCTP common header, RFC 9260 section 3.1. The checksum is a CRC32c in little-endian order. */

@unmanaged
export class Sctp {
  ports: u32;
  private tag: u32;
  check: u32;
}
export const SCTP_SIZE: u32 = 12;
if (offsetof<Sctp>() != SCTP_SIZE) ERROR("an sctp header is 12 bytes");

export const PROTO_SCTP: u32 = 132;
