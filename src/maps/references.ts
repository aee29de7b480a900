/** Who holds what: inner maps and programs, by the number a map has for them, and the maps that hold them. */

export class References {
  /** By number: how many entries of which map. */
  readonly #holders = new Map<number, Map<string, number>>();

  hold(target: number, holder: string): void {
    const counts = this.#holders.get(target) ?? new Map<string, number>();
    counts.set(holder, (counts.get(holder) ?? 0) + 1);
    this.#holders.set(target, counts);
  }

  release(target: number, holder: string): void {
    const counts = this.#holders.get(target);
    const count = counts?.get(holder);
    if (counts === undefined || count === undefined) return;
    if (count > 1) counts.set(holder, count - 1);
    else counts.delete(holder);
    if (counts.size === 0) this.#holders.delete(target);
  }

  holders(target: number): string[] {
    return [...(this.#holders.get(target)?.keys() ?? [])];
  }
}
