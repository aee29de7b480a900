/** A TCP segment as connection tracking reads it: RFC 9293 section 3.1. */
import { viewOf } from "../packet/bytes.ts";
import {
  type Flow,
  TCP,
  TCP_ACK,
  TCP_FIN,
  TCP_RST,
  TCP_SYN,
  TRANSPORT_HEADERS,
} from "../packet/parse.ts";
import { isAfter, plus } from "./sequence.ts";

/** What of the flags counts: RST before SYN, SYN before FIN, FIN before ACK (get_conntrack_index). */
export type Kind = "syn" | "synack" | "fin" | "ack" | "rst" | "none";

export interface Segment {
  readonly kind: Kind;
  readonly syn: boolean;
  readonly rst: boolean;
  readonly acknowledges: boolean;
  /** First sequence number, and the one behind the last; SYN and FIN take one each. */
  readonly seq: number;
  readonly end: number;
  readonly ack: number;
  /** The highest number acknowledged, selectively or not. */
  readonly sack: number;
  /** As it stands in the header, unscaled. */
  readonly window: number;
  /** Null when the header has none. */
  readonly options: Options | null;
  /** Of a datagram in pieces no more is known than the fixed header. */
  readonly inPieces: boolean;
}

export interface Options {
  /** RFC 7323 section 2; null when the option is not there. */
  readonly windowScale: number | null;
  /** RFC 2018 section 2. */
  readonly sackPermitted: boolean;
}

/** Bytes before the options. */
const HEADER = TRANSPORT_HEADERS[TCP] as number;
/** Kinds of options: IANA "TCP Option Kind Numbers". */
const END_OF_OPTIONS = 0;
const NO_OPERATION = 1;
const WINDOW_SCALE = 3;
const SACK_PERMITTED = 4;
const SACK = 5;
/** RFC 7323 section 2.3. */
const WINDOW_SCALE_MAX = 14;

export function readSegment({ flags, ip, segment }: Flow): Segment {
  const view = viewOf(segment);
  const seq = view.getUint32(4);
  const ack = view.getUint32(8);
  const headerLength = (view.getUint8(12) >>> 4) * 4;
  const inPieces = ip.fragment !== null;
  const payload = inPieces ? 0 : ip.end - ip.transport - headerLength;
  const options = segment.subarray(HEADER, headerLength);
  const syn = (flags & TCP_SYN) !== 0;
  const fin = (flags & TCP_FIN) !== 0;
  return {
    kind: kindOf(flags),
    syn,
    rst: (flags & TCP_RST) !== 0,
    acknowledges: (flags & TCP_ACK) !== 0,
    seq,
    end: plus(seq, payload + Number(syn) + Number(fin)),
    ack,
    sack: readSack(options, ack),
    window: view.getUint16(14),
    options: headerLength > HEADER ? readOptions(options) : null,
    inPieces,
  };
}

function kindOf(flags: number): Kind {
  if (flags & TCP_RST) return "rst";
  if (flags & TCP_SYN) return flags & TCP_ACK ? "synack" : "syn";
  if (flags & TCP_FIN) return "fin";
  return flags & TCP_ACK ? "ack" : "none";
}

/** tcp_options: an option of an unusual length does not count. */
function readOptions(bytes: Uint8Array): Options {
  let windowScale: number | null = null;
  let sackPermitted = false;
  for (const option of walkOptions(bytes)) {
    const [kind, length, shift] = option;
    if (kind === SACK_PERMITTED && length === 2) sackPermitted = true;
    if (kind === WINDOW_SCALE && length === 3) {
      windowScale = Math.min(shift as number, WINDOW_SCALE_MAX);
    }
  }
  return { windowScale, sackPermitted };
}

/** tcp_sack: the right edge of the block that reaches furthest, in the first option with blocks. */
function readSack(bytes: Uint8Array, ack: number): number {
  for (const option of walkOptions(bytes)) {
    if (option[0] !== SACK || option.length < 10 || option.length % 8 !== 2) continue;
    return rightEdges(option).reduce((most, edge) => (isAfter(edge, most) ? edge : most), ack);
  }
  return ack;
}

function rightEdges(option: Uint8Array): number[] {
  const view = viewOf(option);
  const edges: number[] = [];
  for (let at = 2; at < option.length; at += 8) edges.push(view.getUint32(at + 4));
  return edges;
}

/** Options of more than one byte; the walk ends at the first that does not fit. */
function* walkOptions(bytes: Uint8Array): IterableIterator<Uint8Array> {
  let at = 0;
  while (at < bytes.length && bytes[at] !== END_OF_OPTIONS) {
    if (bytes[at] === NO_OPERATION) {
      at++;
      continue;
    }
    const length = bytes[at + 1] ?? 0;
    if (length < 2 || at + length > bytes.length) return;
    yield bytes.subarray(at, at + length);
    at += length;
  }
}
