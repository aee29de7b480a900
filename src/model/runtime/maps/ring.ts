/** Ring buffer: records one behind the other, kernel/bpf/ringbuf.c. */
import {
  EAGAIN,
  EINVAL,
  RINGBUF_AVAIL_DATA,
  RINGBUF_BUSY,
  RINGBUF_CONSUMER,
  RINGBUF_DISCARD,
  RINGBUF_PRODUCER,
  RINGBUF_RECORD_HEADER_SIZE,
  RINGBUF_RECORD_LENGTH,
  RINGBUF_SIZE,
} from "../../../../abi/program.ts";
import type { MapShape } from "../../../dataplane/runtime.ts";
import type { Block } from "./block.ts";
import type { ModelMap } from "./map.ts";
import type { ProgramMemory } from "./memory.ts";

/** RINGBUF_MAX_RECORD_SZ there. */
export const RECORD_SIZE_MAX = 2 ** 30 - 1;
const LENGTH_BITS = RINGBUF_DISCARD - 1;

interface RingRecord {
  readonly isBusy: boolean;
  readonly isDiscarded: boolean;
  readonly bytes: Uint8Array;
}

export class RingMap implements ModelMap {
  readonly shape: MapShape;
  readonly handle: number;
  readonly #block: Block;
  /** Bytes written and read since it was made. */
  #producer = 0;
  #consumer = 0;
  #lost = 0;

  constructor(block: Block) {
    this.shape = block.shape;
    this.handle = block.handle;
    this.#block = block;
  }

  get length(): number {
    return this.#producer - this.#consumer;
  }

  get lost(): number {
    return this.#lost;
  }

  /** Address of `size` bytes behind a header that says BUSY; 0 when there is no room. */
  reserve(size: number): number {
    const length = lengthOf(size);
    if (size > RECORD_SIZE_MAX || this.length + length >= this.shape.maxEntries) {
      this.#lost++;
      return 0;
    }
    const header = this.#address(this.#producer);
    this.#block.memory.setWord(header + RINGBUF_RECORD_LENGTH, (size | RINGBUF_BUSY) >>> 0);
    this.#block.memory.setWord(header + RINGBUF_RECORD_LENGTH + 4, 0);
    this.#move(this.#consumer, this.#producer + length);
    return header + RINGBUF_RECORD_HEADER_SIZE;
  }

  emit(record: Uint8Array): number {
    const at = this.reserve(record.length);
    if (at === 0) return -EAGAIN;
    this.#block.memory.bytes(at, record.length).set(record);
    commit(this.#block.memory, at, 0);
    return 0;
  }

  consume(most: number): Uint8Array[] {
    const records: Uint8Array[] = [];
    while (records.length < most && this.length > 0) {
      const record = this.#recordAt(this.#consumer);
      if (record.isBusy) break;
      if (!record.isDiscarded) records.push(record.bytes.slice());
      this.#move(this.#consumer + lengthOf(record.bytes.length), this.#producer);
    }
    return records;
  }

  /** Whether what `reserve` may have returned lies in what nobody has read. */
  owns(record: number): boolean {
    const offset = record - RINGBUF_RECORD_HEADER_SIZE - this.#block.values;
    if (offset < 0 || offset >= this.shape.maxEntries || offset % 8 !== 0) return false;
    const size = this.shape.maxEntries;
    return (offset - (this.#consumer % size) + size) % size < this.length;
  }

  query(what: number): bigint {
    if (what === RINGBUF_AVAIL_DATA) return BigInt(this.length);
    if (what === RINGBUF_SIZE) return BigInt(this.shape.maxEntries);
    if (what === RINGBUF_CONSUMER) return BigInt(this.#consumer);
    return what === RINGBUF_PRODUCER ? BigInt(this.#producer) : 0n;
  }

  lookup(): undefined {
    return undefined;
  }

  update(): number {
    return -EINVAL;
  }

  remove(): number {
    return -EINVAL;
  }

  next(): undefined {
    return undefined;
  }

  /** The records that nobody has read, without keys; they stay. */
  *entries(): IterableIterator<[Uint8Array, Uint8Array]> {
    let position = this.#consumer;
    while (position < this.#producer) {
      const record = this.#recordAt(position);
      if (record.isBusy) return;
      position += lengthOf(record.bytes.length);
      if (!record.isDiscarded) yield [new Uint8Array(0), record.bytes.slice()];
      position = Math.max(position, this.#consumer);
    }
  }

  lookupFrom(): number {
    return 0;
  }

  updateFrom(): number {
    return -EINVAL;
  }

  removeFrom(): number {
    return -EINVAL;
  }

  free(): void {
    this.#block.free();
  }

  /** A length that a program has overwritten is no longer than what there is. */
  #recordAt(position: number): RingRecord {
    const header = this.#address(position);
    const word = this.#block.memory.word(header + RINGBUF_RECORD_LENGTH);
    const room = this.#producer - position - RINGBUF_RECORD_HEADER_SIZE;
    const size = Math.min(word & LENGTH_BITS, room);
    return {
      isBusy: (word & RINGBUF_BUSY) !== 0,
      isDiscarded: (word & RINGBUF_DISCARD) !== 0,
      bytes: this.#block.memory.bytes(header + RINGBUF_RECORD_HEADER_SIZE, size),
    };
  }

  #address(position: number): number {
    return this.#block.values + (position % this.shape.maxEntries);
  }

  #move(consumer: number, producer: number): void {
    [this.#consumer, this.#producer] = [consumer, producer];
    this.#block.length = this.length;
  }
}

/** Bytes of the ring that a record takes. */
function lengthOf(size: number): number {
  return Math.ceil((size + RINGBUF_RECORD_HEADER_SIZE) / 8) * 8;
}

/** The record at that address is complete; one that was before stays as it is. */
export function commit(memory: ProgramMemory, record: number, bits: number): void {
  const header = (record - RINGBUF_RECORD_HEADER_SIZE) >>> 0;
  const word = memory.word(header + RINGBUF_RECORD_LENGTH);
  if ((word & RINGBUF_BUSY) === 0) return;
  memory.setWord(header + RINGBUF_RECORD_LENGTH, ((word & LENGTH_BITS) | bits) >>> 0);
}
