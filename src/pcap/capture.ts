/**
 * What capture files hold, whichever of the two formats they are in, and the numbers both readers
 * and both writers go by. pcap: draft-ietf-opsawg-pcap; pcapng: draft-ietf-opsawg-pcapng.
 */
import { FRAME_MAX } from "../../abi/limits.ts";

export type Format = "pcap" | "pcapng";
/** Microseconds or nanoseconds: how fine the timestamps of a file are. */
export type Resolution = "us" | "ns";
export type ByteOrder = "little" | "big";

/** A captured frame. */
export interface Packet {
  /** Nanoseconds since 1970; 0 where the file has none (pcapng's Simple Packet Block). */
  readonly time: bigint;
  /** What was captured of the frame: a view of the chunk it came in, where that held all of it. */
  readonly data: Uint8Array;
  /** Bytes the frame had on the wire, never less than were captured. */
  readonly wireLength: number;
  /** Number of the interface in the order of the whole file; 0 for pcap. */
  readonly interface: number;
  readonly interfaceName?: string | undefined;
  /** LINKTYPE_ number. */
  readonly linkType: number;
  /** Where its record begins in the file. */
  readonly offset: number;
  /** Comments that pcapng keeps beside a packet. */
  readonly comments?: readonly string[] | undefined;
}

/** What frames were captured on. */
export interface CaptureInterface {
  readonly name?: string | undefined;
  /** LINKTYPE_ number. */
  readonly linkType: number;
  /** Bytes kept of a frame at most; 0 for no limit. */
  readonly snapLength: number;
  readonly resolution: Resolution;
  /**
   * Bytes of frame check sequence at the end of each frame, where the file says so; 0 otherwise.
   */
  readonly fcsLength: number;
}

/** Turns the bytes at the front of an input into packets, one record at a time. */
export interface Decoder {
  readonly interfaces: readonly CaptureInterface[];
  /** The next packet, or undefined when its bytes are not all there yet; throws CaptureError. */
  next(): Packet | undefined;
  /** The beginning of a record that has not ended; undefined between two records. */
  pending(): number | undefined;
}

/** Most bytes of one packet: what a dataplane takes, and the largest snap length of tcpdump. */
export const CAPTURED_MAX = FRAME_MAX;
/** Most bytes of one pcapng block. */
export const BLOCK_MAX = 16 * 1024 * 1024;
/** Most interfaces of one file. */
export const INTERFACES_MAX = 65_536;

export const NANOSECONDS = 1_000_000_000n;

/** First four bytes of a pcap file, as written by a machine of the reader's byte order. */
export const MAGIC_MICROSECONDS = 0xa1b2c3d4;
export const MAGIC_NANOSECONDS = 0xa1b23c4d;
/** Alexey Kuznetsov's variant, whose records carry eight bytes more. */
export const MAGIC_MODIFIED = 0xa1b2cd34;
export const PCAP_HEADER_SIZE = 24;
export const PCAP_RECORD_SIZE = 16;
export const PCAP_RECORD_SIZE_MODIFIED = 24;

export const BLOCK_SECTION = 0x0a0d0d0a;
export const BLOCK_INTERFACE = 1;
/** The obsolete Packet Block. */
export const BLOCK_PACKET = 2;
export const BLOCK_SIMPLE = 3;
export const BLOCK_ENHANCED = 6;
/** Type and total length in front of a block's body, total length again behind it. */
export const BLOCK_HEAD_SIZE = 8;
export const BLOCK_TAIL_SIZE = 4;
/** Bytes of a Section Header Block before its options. */
export const SECTION_SIZE = 24;
export const BYTE_ORDER_MAGIC = 0x1a2b3c4d;

export const OPTION_END = 0;
export const OPTION_COMMENT = 1;
export const OPTION_IF_NAME = 2;
export const OPTION_IF_TSRESOL = 9;
export const OPTION_IF_TSOFFSET = 14;

/** Rounds up to the 32-bit boundary that pcapng pads to. */
export function padded(length: number): number {
  return (length + 3) & ~3;
}
