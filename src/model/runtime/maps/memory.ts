/** The memory that programs run in, as a program meets it: who points outside of it traps. */

export class ProgramMemory {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  /** The memory must never grow. */
  constructor(memory: WebAssembly.Memory) {
    this.#bytes = new Uint8Array(memory.buffer);
    this.#view = new DataView(memory.buffer);
  }

  /** Those bytes themselves, no copy. `at` and `size` may be signed, as Wasm hands numbers over. */
  bytes(at: number, size: number): Uint8Array {
    const [from, length] = [at >>> 0, size >>> 0];
    if (from + length > this.#bytes.length) throw outOfBounds();
    return this.#bytes.subarray(from, from + length);
  }

  word(at: number): number {
    if ((at >>> 0) + 4 > this.#bytes.length) throw outOfBounds();
    return this.#view.getUint32(at >>> 0, true);
  }

  setWord(at: number, value: number): void {
    if ((at >>> 0) + 4 > this.#bytes.length) throw outOfBounds();
    this.#view.setUint32(at >>> 0, value, true);
  }
}

/** What Wasm itself throws. */
function outOfBounds(): Error {
  return new WebAssembly.RuntimeError("memory access out of bounds");
}
