/** Capture files, in and out, as streams: larger than memory works. */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { pipeline, Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import {
  CaptureError,
  createReader,
  createWriter,
  type Format,
  formatNamed,
  type Packet,
  type Reader,
  type Writer,
} from "../pcap/index.ts";
import type { Departure } from "../replay/replay.ts";
import { fileError, InputError } from "./failure.ts";
import { nameOf } from "./files.ts";
import { openOutput } from "./output.ts";

/** Bytes read at once. */
const CHUNK_SIZE = 1 << 20;

export interface CaptureSource {
  readonly name: string;
  readonly reader: Reader;
  /** Bytes read so far, and of how many where that is known. */
  readonly progress: { read: number; readonly size: number | undefined };
  /** Packets, chunk by chunk. Throws InputError on damage, after everything before it. */
  chunks(): AsyncGenerator<Iterable<Packet>>;
}

/** A pcap or pcapng file, gzipped or not; "-" is the standard input. */
export async function openCapture(path: string): Promise<CaptureSource> {
  const name = nameOf(path);
  const status = path === "-" ? undefined : await statusOf(path);
  const size = status?.isFile() ? status.size : undefined;
  const reader = createReader();
  const progress = { read: 0, size };
  const stream =
    path === "-" ? process.stdin : createReadStream(path, { highWaterMark: CHUNK_SIZE });
  return { name, reader, progress, chunks: () => readChunks(name, stream, reader, progress) };
}

async function statusOf(path: string) {
  return stat(path).catch((error: unknown) => {
    throw fileError("read", path, error);
  });
}

async function* readChunks(
  name: string,
  stream: Readable,
  reader: Reader,
  progress: { read: number },
): AsyncGenerator<Iterable<Packet>> {
  const counted = countBytes(stream, progress);
  try {
    for await (const chunk of inflate(counted)) {
      reader.feed(chunk);
      yield packetsOf(reader);
      if (reader.error) throw reader.error;
    }
    reader.end();
  } catch (error) {
    throw captureFailure(name, error);
  }
}

function* packetsOf(reader: Reader): Generator<Packet> {
  for (let packet = reader.next(); packet; packet = reader.next()) yield packet;
}

async function* countBytes(stream: Readable, progress: { read: number }): AsyncGenerator<Buffer> {
  for await (const chunk of stream) {
    progress.read += (chunk as Buffer).length;
    yield chunk as Buffer;
  }
}

/** Wireshark opens gzipped captures, so this does too. */
async function* inflate(chunks: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  let head = Buffer.alloc(0);
  while (head.length < 2) {
    const { value, done } = await chunks.next();
    if (done) break;
    head = Buffer.concat([head, value]);
  }
  const gzipped = head[0] === 0x1f && head[1] === 0x8b;
  yield* gzipped ? gunzip(prepend(head, chunks)) : prepend(head, chunks);
}

async function* prepend(head: Buffer, rest: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  if (head.length > 0) yield head;
  yield* rest;
}

function gunzip(chunks: AsyncGenerator<Buffer>): AsyncIterable<Buffer> {
  const unpacked = createGunzip({ chunkSize: CHUNK_SIZE });
  // The error reaches whoever reads `unpacked`.
  pipeline(Readable.from(chunks), unpacked, () => undefined);
  return unpacked;
}

/** Zlib's codes: Z_DATA_ERROR, Z_BUF_ERROR and so on. */
function captureFailure(name: string, error: unknown): unknown {
  if (error instanceof CaptureError) {
    const damage = error.code !== "bad-magic" && error.offset !== 0;
    return new InputError(`${name}: ${error.message}`, { cause: error, damage });
  }
  const code = (error as NodeJS.ErrnoException)?.code;
  if (code === undefined) return error;
  if (!code.startsWith("Z_")) return fileError("read", name, error);
  const message = `${name}: the gzip data is damaged or cut off (${(error as Error).message})`;
  return new InputError(message, { cause: error, damage: true });
}

export interface CaptureSink {
  readonly path: string;
  /** Packets written. */
  readonly length: number;
  /** Await the promise, when there is one, before the next. */
  write(departure: Departure): Promise<void> | undefined;
  finish(): Promise<void>;
  abandon(): Promise<void>;
}

/** The format is the name's, or else the input's. `reader` is one that has not necessarily begun. */
export async function openSink(path: string, reader: Reader): Promise<CaptureSink> {
  const output = await openOutput(path);
  let writer: Writer | undefined;
  let length = 0;
  const begun = (): Writer => {
    writer ??= writerFor(formatNamed(path) ?? reader.format ?? "pcap", reader);
    return writer;
  };
  return {
    path,
    get length() {
      return length;
    },
    write(departure) {
      length++;
      return output.write(encode(path, begun(), departure));
    },
    async finish() {
      await output.write(begun().header());
      await output.finish();
    },
    abandon: () => output.abandon(),
  };
}

/** What leaves, as a packet of a capture: at the time the packet came that let it go. */
export function leaving({ captured, packet, wireLength }: Departure): Packet {
  return { ...captured, data: packet, wireLength };
}

/** pcapng keeps nanoseconds whatever comes: an interface with finer timestamps may be described late. */
function writerFor(format: Format, reader: Reader): Writer {
  const linkType = reader.interfaces[0]?.linkType;
  const resolution = format === "pcapng" ? "ns" : reader.resolution;
  return createWriter({ format, resolution, linkType });
}

function encode(path: string, writer: Writer, departure: Departure): Uint8Array {
  try {
    return writer.packet(leaving(departure));
  } catch (error) {
    if (!(error instanceof CaptureError)) throw error;
    const mend = error.code === "bad-time" ? "; mend the times of the capture or leave -o out" : "";
    const message = `cannot write ${path}: packet ${departure.n}: ${error.message}${mend}`;
    throw new InputError(message, { cause: error });
  }
}
