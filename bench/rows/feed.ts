/** The packets of a row, one after another, written to where an engine takes them from. */
import { opens, type Work } from "../heats/contestant.ts";
import { FIELDS, type Fields, fold, read32, TCP, write16, write32 } from "./frame.ts";

export interface Feed {
  /** Bytes of every frame. */
  readonly size: number;
  /** Writes the next frame at `at`, a multiple of four. */
  write(at: number): void;
  /** There are no packets left: empty tables, open the connections and make another feed. */
  readonly ended: boolean;
}

/** `memory` begins at a multiple of four. */
export function createFeed(work: Work, memory: Uint8Array): Feed {
  const { row, forward, reply, order, turns, visits } = work;
  const { size } = forward;
  const { protocol } = FIELDS[row.family];
  const back = row.kind === "reply";
  const both = row.kind === "conversation" || row.kind === "mixed";
  const ends = opens(row);
  const copy = copier(memory, size);
  const advance = advancer(memory, FIELDS[row.family]);
  const forwards = wordsOf(forward.bytes);
  const replies = wordsOf(reply.bytes);
  let index = 0;
  let pass = 0;

  return {
    size,
    write(at) {
      const flow = order[index] as number;
      const turn = (turns[index] as number) + pass * (visits[flow] as number);
      copy(back || (both && turn & 1) ? replies : forwards, flow, at);
      const bytes = Math.imul(turn >>> 1, row.payload);
      if (both && bytes !== 0 && memory[at + protocol] === TCP) advance(at, bytes);
      if (++index < order.length || ends) return;
      index = 0;
      pass++;
    },
    get ended() {
      return ends && index === order.length;
    },
  };
}

/** Makes a segment one of later in the conversation: RFC 1624 keeps its checksum right. */
function advancer(
  memory: Uint8Array,
  { seq, ack, tcpChecksum }: Fields,
): (at: number, bytes: number) => void {
  return (at, bytes) => {
    const sum =
      ((memory[at + tcpChecksum] as number) << 8) | (memory[at + tcpChecksum + 1] as number);
    const gained = grow(memory, at + seq, bytes) + grow(memory, at + ack, bytes);
    write16(memory, at + tcpChecksum, ~fold((~sum & 0xffff) + gained));
  };
}

/** Adds to a number of 32 bits; returns ~m + m' of RFC 1624 equation 3, of both halves. */
function grow(memory: Uint8Array, at: number, bytes: number): number {
  const before = read32(memory, at);
  const after = (before + bytes) >>> 0;
  write32(memory, at, after);
  const gone = ~before;
  return ((gone >>> 16) & 0xffff) + (gone & 0xffff) + (after >>> 16) + (after & 0xffff);
}

function wordsOf(bytes: Uint8Array): Uint32Array {
  return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 2);
}

/** Short frames word by word: a view for every one of them would cost more than its copy. */
function copier(
  memory: Uint8Array,
  size: number,
): (from: Uint32Array, frame: number, at: number) => void {
  const into = wordsOf(memory);
  const words = size >>> 2;
  if (size > 128) {
    return (from, frame, at) => {
      into.set(from.subarray(frame * words, (frame + 1) * words), at >>> 2);
    };
  }
  return (from, frame, at) => {
    for (let i = 0, to = at >>> 2, source = frame * words; i < words; i++) {
      into[to + i] = from[source + i] as number;
    }
  };
}
