/** A TCP segment as connection tracking sees it. There is one at a time. */
import { Packet } from "../packet";
import { FLAG_FIN, FLAG_SYN, TCP_SIZE, Tcp } from "../wire/tcp";
import * as states from "./states";

/** Numbers in host order. */
@unmanaged
export class Segment {
  seq: u32;
  ack: u32;
  /** The sequence number behind it: its data, and one each for SYN and FIN. */
  end: u32;
  /** Options as far as they were captured. */
  options: usize;
  optionsEnd: usize;
  /** As it stands in the header. */
  window: u16;
  /** FLAG_ bits. */
  flags: u8;
  /** KIND_ of the flags. */
  kind: u8;
  /** The header says that it has options. */
  hasOptions: bool;
  /** All that is known are the fixed fields. */
  isFragment: bool;

  has(flag: u32): bool {
    return (this.flags & flag) != 0;
  }
}

const SEGMENT = changetype<Segment>(memory.data(32, 8));
if (offsetof<Segment>() > 32) ERROR("Segment has outgrown its room");

/** Reads the segment that a packet carries. */
export function read(packet: Packet): Segment {
  const tcp = changetype<Tcp>(packet.l4);
  const flags: u32 = tcp.flags;
  SEGMENT.isFragment = packet.fragment != 0;
  SEGMENT.seq = tcp.sequence;
  SEGMENT.ack = tcp.acknowledgment;
  SEGMENT.window = <u16>tcp.window;
  SEGMENT.flags = <u8>flags;
  SEGMENT.kind = <u8>states.kindOf(flags);
  const header = SEGMENT.isFragment ? TCP_SIZE : tcp.headerLength;
  const data = SEGMENT.isFragment ? 0 : <u32>(packet.end - packet.l4) - header;
  SEGMENT.end = SEGMENT.seq + data + u32(SEGMENT.has(FLAG_SYN)) + u32(SEGMENT.has(FLAG_FIN));
  SEGMENT.hasOptions = header > TCP_SIZE;
  SEGMENT.options = packet.l4 + TCP_SIZE;
  SEGMENT.optionsEnd = packet.l4 + header;
  if (!SEGMENT.isFragment) SEGMENT.optionsEnd = min(SEGMENT.optionsEnd, packet.captureEnd);
  return SEGMENT;
}
