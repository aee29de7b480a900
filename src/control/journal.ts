/** What changed, in the order in which it did, as far back as there is room for. */

/** Changes remembered at least; who asks for older ones is told that they are not known. */
const LENGTH_MIN = 16_384;

export class Journal {
  /** Changes that were dropped. */
  #dropped = 0;
  #keys: string[] = [];

  /** How many changes there were. */
  get version(): number {
    return this.#dropped + this.#keys.length;
  }

  note(key: string): void {
    this.#keys.push(key);
    if (this.#keys.length < 2 * LENGTH_MIN) return;
    this.#keys = this.#keys.slice(LENGTH_MIN);
    this.#dropped += LENGTH_MIN;
  }

  /** Undefined when they go back too far. */
  since(version: number): readonly string[] | undefined {
    return version < this.#dropped ? undefined : this.#keys.slice(version - this.#dropped);
  }
}
