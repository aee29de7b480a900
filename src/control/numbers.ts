/** Numbers for service ports and backends: from 1, freed ones first in the order they became free. */

export interface Numbers {
  next: number;
  /** Freed, oldest first; the first `taken` of them are in use again. */
  readonly freed: number[];
  taken: number;
}

export function createNumbers(): Numbers {
  return { next: 1, freed: [], taken: 0 };
}

/** Takes numbers for a plan; those it draws from stay as they are until it is committed. */
export class NumberDraft {
  readonly #before: Numbers;
  #next: number;
  #taken: number;
  readonly #released: number[] = [];

  constructor(before: Numbers) {
    this.#before = before;
    this.#next = before.next;
    this.#taken = before.taken;
  }

  take(): number {
    const freed = this.#before.freed[this.#taken];
    if (freed === undefined) return this.#next++;
    this.#taken += 1;
    return freed;
  }

  /** Free for later plans, not for this one: its old entry still has to be deleted. */
  release(number: number): void {
    this.#released.push(number);
  }

  commit(): void {
    const numbers = this.#before;
    numbers.next = this.#next;
    numbers.taken = this.#taken;
    for (const number of this.#released) numbers.freed.push(number);
    if (numbers.taken * 2 > numbers.freed.length) {
      numbers.freed.splice(0, numbers.taken);
      numbers.taken = 0;
    }
  }
}
