/** UDP header, RFC 768. Ports and checksum stay in network order. */

@unmanaged
export class Udp {
  ports: u32;
  private nlength: u16;
  /** 0 when the sender computed none. */
  check: u16;

  get length(): u32 {
    return bswap<u16>(this.nlength);
  }
}
export const UDP_SIZE: u32 = 8;
if (offsetof<Udp>() != UDP_SIZE) ERROR("a udp header is 8 bytes");

export const PROTO_UDP: u32 = 17;
