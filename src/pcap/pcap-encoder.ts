/** Writes pcap files: one link type, one resolution, no interfaces. */
import { LINK_ETHERNET } from "../../abi/limits.ts";
import { viewOf } from "../packet/bytes.ts";
import {
  CAPTURED_MAX,
  MAGIC_MICROSECONDS,
  MAGIC_NANOSECONDS,
  PCAP_HEADER_SIZE,
  PCAP_RECORD_SIZE,
} from "./capture.ts";
import {
  checkSize,
  type Encoder,
  type EncoderOptions,
  type PacketInput,
  timestamp,
  unitsOf,
  wireLengthOf,
} from "./encoder.ts";
import { CaptureError } from "./error.ts";

export function pcapEncoder(options: EncoderOptions): Encoder {
  let linkType = options.linkType;
  return {
    header(first) {
      linkType ??= first?.linkType ?? LINK_ETHERNET;
      return writeHeader(linkType, options);
    },
    packet(packet) {
      if ((packet.linkType ?? linkType) !== linkType) throw mixed(linkType, packet.linkType);
      return writeRecord(packet, options);
    },
  };
}

function writeHeader(linkType: number, options: EncoderOptions): Uint8Array {
  const little = options.byteOrder === "little";
  const bytes = new Uint8Array(PCAP_HEADER_SIZE);
  const view = viewOf(bytes);
  view.setUint32(0, options.resolution === "ns" ? MAGIC_NANOSECONDS : MAGIC_MICROSECONDS, little);
  view.setUint16(4, 2, little);
  view.setUint16(6, 4, little);
  view.setUint32(16, CAPTURED_MAX, little);
  view.setUint32(20, linkType, little);
  return bytes;
}

function writeRecord(packet: PacketInput, options: EncoderOptions): Uint8Array {
  checkSize(packet);
  const little = options.byteOrder === "little";
  const units = unitsOf(options.resolution);
  const time = timestamp(packet.time, options.resolution);
  const seconds = time / units;
  if (seconds > 0xffff_ffffn) {
    throw new CaptureError(
      "bad-time",
      `a packet ${seconds} s after 1970; pcap counts in 32 bits, write pcapng`,
    );
  }
  const bytes = new Uint8Array(PCAP_RECORD_SIZE + packet.data.length);
  const view = viewOf(bytes);
  view.setUint32(0, Number(seconds), little);
  view.setUint32(4, Number(time % units), little);
  view.setUint32(8, packet.data.length, little);
  view.setUint32(12, wireLengthOf(packet), little);
  bytes.set(packet.data, PCAP_RECORD_SIZE);
  return bytes;
}

function mixed(linkType: number | undefined, other: number | undefined): CaptureError {
  const message = `link type ${other} in a pcap file, which holds ${linkType} only; write pcapng`;
  return new CaptureError("mixed-link-types", message);
}
