/** Changes to a map that it does not have yet: what a plan makes of it, until the plan is taken as done. */
export class Overlay<Key, Value> {
  readonly #before: Map<Key, Value>;
  /** Undefined where the entry goes. */
  readonly #changes = new Map<Key, Value | undefined>();

  constructor(before: Map<Key, Value>) {
    this.#before = before;
  }

  /** In the order in which they were first made. */
  get changes(): ReadonlyMap<Key, Value | undefined> {
    return this.#changes;
  }

  lookup(key: Key): Value | undefined {
    return this.#changes.has(key) ? this.#changes.get(key) : this.#before.get(key);
  }

  update(key: Key, value: Value): void {
    this.#changes.set(key, value);
  }

  delete(key: Key): void {
    this.#changes.set(key, undefined);
  }

  /** Makes the changes. */
  commit(): void {
    for (const [key, value] of this.#changes) {
      if (value === undefined) this.#before.delete(key);
      else this.#before.set(key, value);
    }
  }
}
