/**
 * Writes capture files, packet by packet, as chunks that only have to be put one behind another.
 */
import { concat } from "../packet/bytes.ts";
import type { ByteOrder, Format, Resolution } from "./capture.ts";
import type { Encoder, EncoderOptions, PacketInput } from "./encoder.ts";
import { pcapEncoder } from "./pcap-encoder.ts";
import { pcapngEncoder } from "./pcapng-encoder.ts";

/** What is written; everything but the format has a default. */
export interface WriterOptions {
  readonly format: Format;
  /**
   * How fine timestamps are; what is finer is cut off. Default "us"; a reader says what its file
   * has.
   */
  readonly resolution?: Resolution;
  /** Default "little". */
  readonly byteOrder?: ByteOrder;
  /** LINKTYPE_ number of packets that do not say. Default: the first packet's, else Ethernet. */
  readonly linkType?: number;
}

/** Turns packets into the bytes of one capture file. */
export interface Writer {
  /**
   * What the file begins with; nothing when it is written already. A file needs it even without
   * packets.
   */
  header(): Uint8Array;
  /** The record of a packet; the first one has the header in front. Throws CaptureError. */
  packet(packet: PacketInput): Uint8Array;
}

/** A writer for one file. */
export function createWriter(options: WriterOptions): Writer {
  const encoder = encoderOf(options);
  let begun = false;
  return {
    header() {
      const header = begun ? new Uint8Array(0) : encoder.header();
      begun = true;
      return header;
    },
    packet(packet) {
      if (begun) return encoder.packet(packet);
      const bytes = concat([encoder.header(packet), encoder.packet(packet)]);
      begun = true;
      return bytes;
    },
  };
}

/** A whole capture file in memory. */
export function writeBytes(packets: Iterable<PacketInput>, options: WriterOptions): Uint8Array {
  const writer = createWriter(options);
  const parts: Uint8Array[] = [];
  for (const packet of packets) parts.push(writer.packet(packet));
  parts.push(writer.header());
  return concat(parts);
}

/** The format that a file name asks for; undefined when it does not say. */
export function formatNamed(name: string): Format | undefined {
  const ending = /\.(pcapng|ntar|pcap|cap|dmp)$/i.exec(name)?.[1]?.toLowerCase();
  if (ending === undefined) return undefined;
  return ending === "pcapng" || ending === "ntar" ? "pcapng" : "pcap";
}

function encoderOf(options: WriterOptions): Encoder {
  const full: EncoderOptions = {
    resolution: options.resolution ?? "us",
    byteOrder: options.byteOrder ?? "little",
    linkType: options.linkType,
  };
  return options.format === "pcapng" ? pcapngEncoder(full) : pcapEncoder(full);
}
