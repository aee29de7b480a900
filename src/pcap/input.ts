/**
 * Bytes that have arrived and are not read yet. A chunk that finds the input empty is adopted
 * without a copy. Bytes once given out are never written again, so that views of them stay valid.
 */
export class Input {
  /** Position in the file of the next unread byte. */
  offset = 0;
  #bytes = new Uint8Array(0);
  #start = 0;
  #end = 0;
  /** Whether the room behind #end is ours to write. */
  #owned = false;

  get length(): number {
    return this.#end - this.#start;
  }

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    if (this.length === 0) {
      this.#adopt(chunk);
      return;
    }
    if (!this.#owned || this.#bytes.length - this.#end < chunk.length) this.#grow(chunk.length);
    this.#bytes.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  /** The next `size` bytes, left unread; undefined when fewer are there. */
  peek(size: number): Uint8Array | undefined {
    if (this.length < size) return undefined;
    return this.#bytes.subarray(this.#start, this.#start + size);
  }

  take(size: number): Uint8Array | undefined {
    const bytes = this.peek(size);
    if (bytes) this.skip(size);
    return bytes;
  }

  /** Passes over at most `size` bytes and says how many. */
  skip(size: number): number {
    const passed = Math.min(size, this.length);
    this.#start += passed;
    this.offset += passed;
    return passed;
  }

  #adopt(chunk: Uint8Array): void {
    this.#bytes = new Uint8Array(chunk.buffer as ArrayBuffer, chunk.byteOffset, chunk.length);
    this.#start = 0;
    this.#end = chunk.length;
    this.#owned = false;
  }

  /**
   * Room for as much again as is waiting: a record in many small chunks costs two copies of each
   * byte.
   */
  #grow(size: number): void {
    const rest = this.#bytes.subarray(this.#start, this.#end);
    this.#bytes = new Uint8Array(2 * rest.length + size);
    this.#bytes.set(rest);
    this.#start = 0;
    this.#end = rest.length;
    this.#owned = true;
  }
}
