/** TCP header, RFC 9293. Ports and checksum stay in network order. */

@unmanaged
export class Tcp {
  ports: u32;
  private nsequence: u32;
  private nacknowledgment: u32;
  private offset: u8;
  /** FLAG_ bits. */
  flags: u8;
  private nwindow: u16;
  check: u16;
  private urgent: u16;

  /** Bytes of the header, options included. */
  get headerLength(): u32 {
    return (<u32>this.offset >> 4) << 2;
  }

  get sequence(): u32 {
    return bswap<u32>(this.nsequence);
  }

  get acknowledgment(): u32 {
    return bswap<u32>(this.nacknowledgment);
  }

  /** As it stands there, before scaling. */
  get window(): u32 {
    return bswap<u16>(this.nwindow);
  }

  /** Whether the window is zero. */
  get isClosed(): bool {
    return this.nwindow == 0;
  }
}
export const TCP_SIZE: u32 = 20;
if (offsetof<Tcp>() != TCP_SIZE) ERROR("a tcp header is 20 bytes");

export const PROTO_TCP: u32 = 6;

export const FLAG_FIN: u32 = 0x01;
export const FLAG_SYN: u32 = 0x02;
export const FLAG_RST: u32 = 0x04;
export const FLAG_PSH: u32 = 0x08;
export const FLAG_ACK: u32 = 0x10;
export const FLAG_URG: u32 = 0x20;
export const FLAG_ECE: u32 = 0x40;
export const FLAG_CWR: u32 = 0x80;
