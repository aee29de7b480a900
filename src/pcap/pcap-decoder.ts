/** Reads pcap files: one header, then records. Both byte orders, micro- and nanoseconds. */
import { viewOf } from "../packet/bytes.ts";
import {
  CAPTURED_MAX,
  type CaptureInterface,
  type Decoder,
  MAGIC_MODIFIED,
  MAGIC_NANOSECONDS,
  NANOSECONDS,
  type Packet,
  PCAP_HEADER_SIZE,
  PCAP_RECORD_SIZE,
  PCAP_RECORD_SIZE_MODIFIED,
} from "./capture.ts";
import { CaptureError } from "./error.ts";
import type { Input } from "./input.ts";

/** How the records of one file are to be read. */
interface Shape {
  readonly little: boolean;
  readonly recordSize: number;
  /** Nanoseconds per unit of a record's second time field. */
  readonly unit: bigint;
  readonly source: CaptureInterface;
}

/** `magic` is the file's first word, read in the byte order that `little` says. */
export function pcapDecoder(input: Input, magic: number, little: boolean): Decoder {
  const interfaces: CaptureInterface[] = [];
  let shape: Shape | undefined;
  return {
    interfaces,
    next() {
      if (!shape) {
        shape = readHeader(input, magic, little);
        if (!shape) return undefined;
        interfaces.push(shape.source);
      }
      return readRecord(input, shape);
    },
    pending: () => (input.length > 0 || !shape ? input.offset : undefined),
  };
}

function readHeader(input: Input, magic: number, little: boolean): Shape | undefined {
  const header = input.take(PCAP_HEADER_SIZE);
  if (!header) return undefined;
  const view = viewOf(header);
  const major = view.getUint16(4, little);
  if (major !== 2) {
    throw new CaptureError("unsupported", `pcap version ${major}; only version 2 is known`, 4);
  }
  const link = view.getUint32(20, little);
  return {
    little,
    recordSize: magic === MAGIC_MODIFIED ? PCAP_RECORD_SIZE_MODIFIED : PCAP_RECORD_SIZE,
    unit: magic === MAGIC_NANOSECONDS ? 1n : 1000n,
    source: {
      linkType: link & 0xffff,
      snapLength: view.getUint32(16, little),
      resolution: magic === MAGIC_NANOSECONDS ? "ns" : "us",
      fcsLength: fcsLength(link),
    },
  };
}

/** Bit 26 says that bits 28 to 31 count the 16-bit words of the frame check sequence. */
function fcsLength(link: number): number {
  return link & 0x0400_0000 ? (link >>> 28) * 2 : 0;
}

function readRecord(input: Input, shape: Shape): Packet | undefined {
  const head = input.peek(shape.recordSize);
  if (!head) return undefined;
  const view = viewOf(head);
  const captured = view.getUint32(8, shape.little);
  const offset = input.offset;
  if (captured > CAPTURED_MAX) {
    const message = `a record of ${captured} captured bytes; the most is ${CAPTURED_MAX}`;
    throw new CaptureError("corrupt", message, offset);
  }
  const record = input.take(shape.recordSize + captured);
  if (!record) return undefined;
  const seconds = BigInt(view.getUint32(0, shape.little));
  return {
    time: seconds * NANOSECONDS + BigInt(view.getUint32(4, shape.little)) * shape.unit,
    data: record.subarray(shape.recordSize),
    wireLength: Math.max(captured, view.getUint32(12, shape.little)),
    interface: 0,
    interfaceName: undefined,
    linkType: shape.source.linkType,
    offset,
    comments: undefined,
  };
}
