/** The chunks of an SCTP packet: RFC 9260 section 3.2. */
import { viewOf } from "../packet/bytes.ts";

/** Types: RFC 9260 section 3.2. */
export const DATA = 0;
export const INIT = 1;
export const INIT_ACK = 2;
export const HEARTBEAT = 4;
export const HEARTBEAT_ACK = 5;
export const ABORT = 6;
export const SHUTDOWN = 7;
export const SHUTDOWN_ACK = 8;
export const ERROR = 9;
export const COOKIE_ECHO = 10;
export const COOKIE_ACK = 11;
export const SHUTDOWN_COMPLETE = 14;

export interface Chunk {
  readonly type: number;
  /** The sender had no association, and reflects the tag it was sent (RFC 9260 section 8.5.1). */
  readonly reflected: boolean;
  /** The initiate tag of INIT and INIT ACK; undefined when it is not there, or not captured. */
  readonly initiateTag: number | undefined;
}

const COMMON_HEADER = 12;
const CHUNK_HEADER = 4;
/** Fixed part of INIT and INIT ACK, RFC 9260 section 3.3.2. */
const INIT_BODY = 16;
/** Bit T of ABORT and SHUTDOWN COMPLETE. */
const REFLECTED = 1;
/** More would be read for nothing: a packet of 1500 bytes has a few. */
const CHUNKS_MAX = 64;

/**
 * The chunks in order, null when they are not as do_basic_checks of nf_conntrack_proto_sctp.c wants
 * them: there must be one, none may be of length zero, cookies must come first, and who sends INIT,
 * INIT ACK or SHUTDOWN COMPLETE must send nothing else.
 */
export function readChunks(packet: Uint8Array): readonly Chunk[] | null {
  const chunks: Chunk[] = [];
  const view = viewOf(packet);
  let at = COMMON_HEADER;
  while (at + CHUNK_HEADER <= packet.length && chunks.length < CHUNKS_MAX) {
    const length = view.getUint16(at + 2);
    if (length === 0) return null;
    chunks.push(readChunk(view, at));
    // RFC 9260 section 3.2: padded to a multiple of four, and the length does not say so.
    at += (length + 3) & ~3;
  }
  return isInOrder(chunks) ? chunks : null;
}

function readChunk(view: DataView, at: number): Chunk {
  const type = view.getUint8(at);
  const body = at + CHUNK_HEADER;
  const initiates = type === INIT || type === INIT_ACK;
  const whole = body + INIT_BODY <= view.byteLength;
  return {
    type,
    reflected: (view.getUint8(at + 1) & REFLECTED) !== 0,
    initiateTag: initiates && whole ? view.getUint32(body) : undefined,
  };
}

function isInOrder(chunks: readonly Chunk[]): boolean {
  const first = chunks[0];
  if (first === undefined) return false;
  const alone = [INIT, INIT_ACK, SHUTDOWN_COMPLETE];
  if (alone.includes(first.type)) return chunks.length === 1;
  return !chunks.slice(1).some(({ type }) => [...alone, COOKIE_ECHO, COOKIE_ACK].includes(type));
}
