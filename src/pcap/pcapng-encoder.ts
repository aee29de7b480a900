/**
 * Writes pcapng files of one section. An interface is described in front of its first packet, so
 * that nothing has to be known of it before.
 */
import { LINK_ETHERNET } from "../../abi/limits.ts";
import { concat, viewOf } from "../packet/bytes.ts";
import {
  BLOCK_ENHANCED,
  BLOCK_HEAD_SIZE,
  BLOCK_INTERFACE,
  BLOCK_MAX,
  BLOCK_SECTION,
  BLOCK_TAIL_SIZE,
  BYTE_ORDER_MAGIC,
  OPTION_COMMENT,
  OPTION_IF_NAME,
  OPTION_IF_TSRESOL,
  padded,
} from "./capture.ts";
import {
  checkSize,
  type Encoder,
  type EncoderOptions,
  type PacketInput,
  timestamp,
  wireLengthOf,
} from "./encoder.ts";
import { CaptureError } from "./error.ts";
import { type Option, writeOptions } from "./option.ts";

export function pcapngEncoder(options: EncoderOptions): Encoder {
  const interfaces = new Map<string, number>();
  return {
    header: () => writeSection(options),
    packet(packet) {
      checkSize(packet);
      const key = interfaceKey(packet, options);
      const known = interfaces.get(key);
      const block = writePacket(packet, known ?? interfaces.size, options);
      if (known !== undefined) return block;
      interfaces.set(key, interfaces.size);
      return concat([writeInterface(packet, options), block]);
    },
  };
}

function linkTypeOf(packet: PacketInput, options: EncoderOptions): number {
  return packet.linkType ?? options.linkType ?? LINK_ETHERNET;
}

function interfaceKey(packet: PacketInput, options: EncoderOptions): string {
  const name = packet.interfaceName === undefined ? "" : ` ${packet.interfaceName}`;
  return `${packet.interface ?? 0} ${linkTypeOf(packet, options)}${name}`;
}

/** A block with room for `size` bytes of body, its type and lengths filled in. */
function createBlock(
  type: number,
  size: number,
  little: boolean,
): { bytes: Uint8Array; view: DataView } {
  const total = BLOCK_HEAD_SIZE + padded(size) + BLOCK_TAIL_SIZE;
  if (total > BLOCK_MAX) throw new CaptureError("too-large", `comments of ${size} bytes`);
  const bytes = new Uint8Array(total);
  const view = viewOf(bytes);
  view.setUint32(0, type, little);
  view.setUint32(4, total, little);
  view.setUint32(total - BLOCK_TAIL_SIZE, total, little);
  return { bytes, view };
}

function writeSection({ byteOrder }: EncoderOptions): Uint8Array {
  const little = byteOrder === "little";
  const { bytes, view } = createBlock(BLOCK_SECTION, 16, little);
  view.setUint32(8, BYTE_ORDER_MAGIC, little);
  view.setUint16(12, 1, little);
  view.setBigInt64(16, -1n, little);
  return bytes;
}

function writeInterface(packet: PacketInput, options: EncoderOptions): Uint8Array {
  const little = options.byteOrder === "little";
  const list: Option[] = [];
  if (packet.interfaceName !== undefined)
    list.push(textOption(OPTION_IF_NAME, packet.interfaceName));
  const exponent = options.resolution === "ns" ? 9 : 6;
  list.push({ code: OPTION_IF_TSRESOL, value: Uint8Array.of(exponent) });
  const tail = writeOptions(list, little);
  const { bytes, view } = createBlock(BLOCK_INTERFACE, 8 + tail.length, little);
  view.setUint16(8, linkTypeOf(packet, options), little);
  bytes.set(tail, 16);
  return bytes;
}

function writePacket(packet: PacketInput, number: number, options: EncoderOptions): Uint8Array {
  const little = options.byteOrder === "little";
  const time = timestamp(packet.time, options.resolution);
  if (time >> 64n) throw new CaptureError("bad-time", `a packet ${packet.time} ns after 1970`);
  const comments = (packet.comments ?? []).map((text) => textOption(OPTION_COMMENT, text));
  const tail = writeOptions(comments, little);
  const dataSize = padded(packet.data.length);
  const { bytes, view } = createBlock(BLOCK_ENHANCED, 20 + dataSize + tail.length, little);
  view.setUint32(8, number, little);
  view.setUint32(12, Number(time >> 32n), little);
  view.setUint32(16, Number(time & 0xffff_ffffn), little);
  view.setUint32(20, packet.data.length, little);
  view.setUint32(24, wireLengthOf(packet), little);
  bytes.set(packet.data, 28);
  bytes.set(tail, 28 + dataSize);
  return bytes;
}

/** Cut to the 16 bits an option's length has. */
function textOption(code: number, text: string): Option {
  return { code, value: new TextEncoder().encode(text).subarray(0, 0xffff) };
}
