/** Whether segments lie in the window that both ends agreed on. */
import { ACK, FIN, flagsOf, type Packet, SYN } from "./packet.ts";

/** Of the opener, and of who answers. */
export type Direction = "forward" | "reply";

export interface Side {
  /** Sequence number behind what was sent, and behind what may be. */
  end: number;
  maxEnd: number;
  maxWindow: number;
}

export type Sides = Readonly<Record<Direction, Side>>;

/** Oldest acknowledgement that is still taken: nf_conntrack's MAXACKWINCONST. */
const ACK_WINDOW = 66000;

/** Of an end that has not said anything yet. */
export function silent(): Side {
  return { end: 0, maxEnd: 0, maxWindow: 0 };
}

/** Whether sequence number `a` comes after `b`. */
function isAfter(a: number, b: number): boolean {
  return ((a - b) | 0) > 0;
}

/** Guido van Rooij's rules, as nf_conntrack has them, without options. */
export function isInWindow(sides: Sides, direction: Direction, packet: Packet): boolean {
  const { view, transport, end: packetEnd } = packet;
  const sender = sides[direction];
  const receiver = sides[direction === "forward" ? "reply" : "forward"];
  const flags = flagsOf(packet);
  const seq = view.getUint32(transport + 4);
  const header = (view.getUint8(transport + 12) >> 4) * 4;
  const length = packetEnd - transport - header + (flags & SYN ? 1 : 0) + (flags & FIN ? 1 : 0);
  const end = (seq + length) >>> 0;
  const window = view.getUint16(transport + 14);
  const ack = flags & ACK ? view.getUint32(transport + 8) : receiver.end;
  if (sender.maxWindow === 0) {
    sender.end = end;
    sender.maxEnd = end;
    sender.maxWindow = Math.max(window, 1);
  }
  const oldest = Math.max(sender.maxWindow, ACK_WINDOW);
  if (isAfter(seq, sender.maxEnd)) return false;
  if (!isAfter(end, sender.end - receiver.maxWindow - 1)) return false;
  if (isAfter(ack, receiver.end) || !isAfter(ack, receiver.end - oldest - 1)) return false;
  if (isAfter(end, sender.end)) sender.end = end;
  sender.maxWindow = Math.max(sender.maxWindow, window);
  const offered = (ack + Math.max(window, 1)) >>> 0;
  if (isAfter(offered, receiver.maxEnd)) receiver.maxEnd = offered;
  return true;
}
