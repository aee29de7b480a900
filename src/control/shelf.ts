/** Things by name, and in the order of their names when somebody asks. */
export class Shelf<Thing> {
  readonly #things = new Map<string, Thing>();
  /** Undefined since something was put there or taken away. */
  #sorted: readonly Thing[] | undefined;

  lookup(name: string): Thing | undefined {
    return this.#things.get(name);
  }

  keys(): IterableIterator<string> {
    return this.#things.keys();
  }

  update(name: string, thing: Thing): void {
    this.#things.set(name, thing);
    this.#sorted = undefined;
  }

  /** False when there was none. */
  delete(name: string): boolean {
    const stood = this.#things.delete(name);
    if (stood) this.#sorted = undefined;
    return stood;
  }

  /** The same list until something changes; nobody else can change it. */
  list(): readonly Thing[] {
    this.#sorted ??= Object.freeze(this.#sort());
    return this.#sorted;
  }

  #sort(): Thing[] {
    return [...this.#things.keys()].sort().map((name) => this.#things.get(name) as Thing);
  }
}
