/**
 * Reads capture files as they arrive. The format is told by the first bytes, never by a name.
 * Whatever stands before a damage is delivered first; no length field is believed before its bytes
 * have arrived.
 */
import { hex, viewOf } from "../packet/bytes.ts";
import {
  BLOCK_SECTION,
  type CaptureInterface,
  type Decoder,
  type Format,
  MAGIC_MICROSECONDS,
  MAGIC_MODIFIED,
  MAGIC_NANOSECONDS,
  type Packet,
  type Resolution,
} from "./capture.ts";
import { CaptureError } from "./error.ts";
import { Input } from "./input.ts";
import { pcapDecoder } from "./pcap-decoder.ts";
import { pcapngDecoder } from "./pcapng-decoder.ts";

/** Takes the bytes of one capture file in chunks of any size, and gives its packets. */
export interface Reader {
  /** Undefined until four bytes have arrived. */
  readonly format: Format | undefined;
  /** The interfaces described so far; `Packet.interface` counts in it. */
  readonly interfaces: readonly CaptureInterface[];
  /** The finest timestamps so far: "ns" when any interface has them. */
  readonly resolution: Resolution;
  /** Set once the file turns out to be damaged; `end` throws it. */
  readonly error: CaptureError | undefined;
  /** Takes bytes without reading them. The chunk must not change while its packets are in use. */
  feed(chunk: Uint8Array): void;
  /** The next whole packet of what was fed; undefined when there is none, or nothing but damage. */
  next(): Packet | undefined;
  /** `feed`, then every packet there is. */
  push(chunk: Uint8Array): Packet[];
  /**
   * Says that the file ends here. Throws CaptureError when it was damaged or ends within a record.
   */
  end(): void;
}

/** A reader for one file, pcap or pcapng. */
export function createReader(): Reader {
  return new CaptureReader();
}

class CaptureReader implements Reader {
  error: CaptureError | undefined;
  readonly #input = new Input();
  #opened: Opened | undefined;

  get format(): Format | undefined {
    return this.#opened?.format;
  }

  get interfaces(): readonly CaptureInterface[] {
    return this.#opened?.decoder.interfaces ?? [];
  }

  get resolution(): Resolution {
    return this.interfaces.some((one) => one.resolution === "ns") ? "ns" : "us";
  }

  feed(chunk: Uint8Array): void {
    if (!this.error) this.#input.push(chunk);
  }

  next(): Packet | undefined {
    if (this.error) return undefined;
    try {
      this.#opened ??= open(this.#input);
      return this.#opened?.decoder.next();
    } catch (cause) {
      if (!(cause instanceof CaptureError)) throw cause;
      this.error = cause;
      return undefined;
    }
  }

  push(chunk: Uint8Array): Packet[] {
    this.feed(chunk);
    return [...drain(this)];
  }

  end(): void {
    if (this.error) throw this.error;
    const offset = this.#opened ? this.#opened.decoder.pending() : 0;
    if (offset === undefined) return;
    throw truncated(offset, !this.#opened && this.#input.length === 0);
  }
}

/**
 * The packets of a capture, as they arrive. Throws CaptureError on damage, once everything before
 * it was delivered. A `reader` that is passed in tells format, interfaces and resolution along the
 * way.
 */
export async function* readCapture(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  reader: Reader = createReader(),
): AsyncGenerator<Packet> {
  for await (const chunk of chunks) {
    reader.feed(chunk);
    yield* drain(reader);
    if (reader.error) throw reader.error;
  }
  reader.end();
}

/** The packets of a capture that is in memory whole; throws like `readCapture`. */
export function* readBytes(bytes: Uint8Array, reader: Reader = createReader()): Generator<Packet> {
  reader.feed(bytes);
  yield* drain(reader);
  reader.end();
}

interface Opened {
  readonly format: Format;
  readonly decoder: Decoder;
}

function* drain(reader: Reader): Generator<Packet> {
  for (let packet = reader.next(); packet; packet = reader.next()) yield packet;
}

/** Undefined while the first four bytes have not arrived. */
function open(input: Input): Opened | undefined {
  const head = input.peek(4);
  if (!head) return undefined;
  for (const little of [true, false]) {
    const magic = viewOf(head).getUint32(0, little);
    if (magic === BLOCK_SECTION) return { format: "pcapng", decoder: pcapngDecoder(input) };
    if (PCAP_MAGICS.has(magic))
      return { format: "pcap", decoder: pcapDecoder(input, magic, little) };
  }
  throw new CaptureError("bad-magic", badMagic(head), 0);
}

const PCAP_MAGICS = new Set([MAGIC_MICROSECONDS, MAGIC_NANOSECONDS, MAGIC_MODIFIED]);

function badMagic(head: Uint8Array): string {
  if (head[0] === 0x1f && head[1] === 0x8b) return "a gzip file; decompress it first";
  return `neither pcap nor pcapng: the file begins with ${hex(head, " ")}`;
}

function truncated(offset: number, empty: boolean): CaptureError {
  const message = empty ? "the file is empty" : "the file ends within the record that begins here";
  return new CaptureError("truncated", message, offset);
}
