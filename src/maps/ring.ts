/** A ring buffer, as people have it. */
import { MapError } from "./error.ts";
import { MapFace, type MapRecord } from "./face.ts";
import type { MapBatch, RingBuffer } from "./map.ts";
import { badValue } from "./scalar.ts";

/** More than fit any ring buffer. */
const RECORDS_MAX = 2 ** 31 - 1;
const DONE: IteratorResult<never> = { done: true, value: undefined };

/** Somebody who waits for a record. */
interface Waiting {
  readonly reader: object;
  readonly resolve: (result: IteratorResult<unknown>) => void;
}

/**
 * Every record goes to one reader. Those who wait get theirs in the order in which they began to; `read` takes what
 * they leave.
 */
export class TypedRing extends MapFace implements RingBuffer<unknown> {
  #decode: (record: Uint8Array) => unknown;
  #waiting: Waiting[] = [];
  /** Once it is closed. */
  #lost = 0;

  constructor(
    record: MapRecord,
    leave: (record: MapRecord) => void,
    decode: (record: Uint8Array) => unknown,
  ) {
    super(record, leave);
    this.#decode = decode;
  }

  get lost(): number {
    return this.record.open ? this.record.bytes.lost : this.#lost;
  }

  read(most: number = RECORDS_MAX): unknown[] {
    const isCount = Number.isInteger(most) || most === Number.POSITIVE_INFINITY;
    if (!isCount || most < 0) throw badValue("most", most, "an integer from 0 on");
    const bytes = this.opened();
    this.wake();
    return bytes.consume(Math.min(most, RECORDS_MAX)).map((record) => this.#decode(record));
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<unknown> {
    const reader = {};
    let ended = false;
    return {
      next: () => (ended ? Promise.resolve(DONE) : this.#next(reader)),
      return: () => {
        ended = true;
        this.#dismiss((waiting) => waiting.reader === reader);
        return Promise.resolve(DONE);
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  /** From now on its records have a layout. */
  speak(decode: (record: Uint8Array) => unknown): void {
    this.#decode = decode;
  }

  /** Gives those who wait what has come. */
  wake(): void {
    while (this.#waiting.length > 0) {
      const [record] = this.record.bytes.consume(1);
      if (record === undefined) return;
      this.#waiting.shift()?.resolve({ done: false, value: this.#decode(record) });
    }
  }

  lookup(): never {
    throw this.#refusal();
  }

  update(): never {
    throw this.#refusal();
  }

  delete(): never {
    throw this.#refusal();
  }

  entries(): never {
    throw this.#refusal();
  }

  get batch(): MapBatch<never, never> {
    throw this.#refusal();
  }

  protected override end(): void {
    this.#lost = this.record.bytes.lost;
    this.#dismiss(() => true);
  }

  #next(reader: object): Promise<IteratorResult<unknown>> {
    if (!this.record.open) return Promise.resolve(DONE);
    return new Promise((resolve) => {
      this.#waiting.push({ reader, resolve });
      this.wake();
    });
  }

  #dismiss(isMeant: (waiting: Waiting) => boolean): void {
    const meant = this.#waiting.filter(isMeant);
    this.#waiting = this.#waiting.filter((waiting) => !meant.includes(waiting));
    for (const { resolve } of meant) resolve(DONE);
  }

  /** ringbuf_map_lookup_elem and its like. */
  #refusal(): MapError {
    return new MapError(
      "EOPNOTSUPP",
      `${this.name} is a ring buffer, which has no keys: use read()`,
    );
  }
}
