/** What both writers are: functions from packets to the bytes that stand for them in a file. */
import {
  type ByteOrder,
  CAPTURED_MAX,
  NANOSECONDS,
  type Packet,
  type Resolution,
} from "./capture.ts";
import { CaptureError } from "./error.ts";

/** A packet to be written: what a reader gave, or what somebody made. */
export type PacketInput = Pick<Packet, "time" | "data"> &
  Partial<Pick<Packet, "wireLength" | "interface" | "interfaceName" | "linkType" | "comments">>;

export interface EncoderOptions {
  readonly resolution: Resolution;
  readonly byteOrder: ByteOrder;
  /** LINKTYPE_ number of packets that do not say; for pcap also that of the file. */
  readonly linkType: number | undefined;
}

export interface Encoder {
  /** What the file begins with; the first packet is passed when there is one. */
  header(first?: PacketInput): Uint8Array;
  packet(packet: PacketInput): Uint8Array;
}

/** Units of a second that a resolution counts. */
export function unitsOf(resolution: Resolution): bigint {
  return resolution === "ns" ? NANOSECONDS : 1_000_000n;
}

/** Time in units of `resolution`, from nanoseconds; what is finer is cut off. */
export function timestamp(time: bigint, resolution: Resolution): bigint {
  if (time < 0n) throw new CaptureError("bad-time", `a packet ${-time} ns before 1970`);
  return resolution === "ns" ? time : time / 1000n;
}

/** Holds the writers to what the readers take. */
export function checkSize(packet: PacketInput): void {
  if (packet.data.length <= CAPTURED_MAX) return;
  const message = `a packet of ${packet.data.length} bytes; the most is ${CAPTURED_MAX}`;
  throw new CaptureError("too-large", message);
}

export function wireLengthOf(packet: PacketInput): number {
  return Math.max(packet.data.length, packet.wireLength ?? 0);
}
