/**
 * SCTP common header and chunks, RFC 9260 section 3. The checksum is a CRC32c in little-endian
 * order.
 */

@unmanaged
export class Sctp {
  ports: u32;
  /** Verification tag, network order. */
  tag: u32;
  check: u32;
}
export const SCTP_SIZE: u32 = 12;
if (offsetof<Sctp>() != SCTP_SIZE) ERROR("an sctp header is 12 bytes");

export const PROTO_SCTP: u32 = 132;

@unmanaged
export class Chunk {
  type: u8;
  flags: u8;
  private nlength: u16;
  /** Of INIT and INIT ACK: the tag that packets to its sender are to have. Network order. */
  initTag: u32;

  get length(): u32 {
    return bswap<u16>(this.nlength);
  }
}
export const CHUNK_SIZE: u32 = 4;
if (offsetof<Chunk>("initTag") != CHUNK_SIZE) ERROR("a chunk header is 4 bytes");
/** INIT and INIT ACK without their parameters: RFC 9260 section 3.3.2. */
export const INIT_SIZE: u32 = 20;

/** Types of chunks, RFC 9260 section 3.2. */
export const DATA: u32 = 0;
export const INIT: u32 = 1;
export const INIT_ACK: u32 = 2;
export const HEARTBEAT: u32 = 4;
export const HEARTBEAT_ACK: u32 = 5;
export const ABORT: u32 = 6;
export const SHUTDOWN_ACK: u32 = 8;
export const COOKIE_ECHO: u32 = 10;
export const COOKIE_ACK: u32 = 11;
export const SHUTDOWN_COMPLETE: u32 = 14;

/** T bit of ABORT and SHUTDOWN COMPLETE: the tag is that of the other direction. */
export const FLAG_REFLECTED: u32 = 0x01;
