/** Numbers for service ports and backends: from 1, freed ones first in the order they became free. */

export interface Numbers {
  readonly next: number;
  readonly free: readonly number[];
}

export const NO_NUMBERS: Numbers = { next: 1, free: [] };

/** Takes numbers for a plan; `numbers` stays as it is until the plan's outcome takes its place. */
export class NumberDraft {
  #next: number;
  #taken = 0;
  readonly #free: readonly number[];
  readonly #released: number[] = [];

  constructor(numbers: Numbers) {
    this.#next = numbers.next;
    this.#free = numbers.free;
  }

  take(): number {
    const freed = this.#free[this.#taken];
    if (freed === undefined) return this.#next++;
    this.#taken += 1;
    return freed;
  }

  /** Free for later plans, not for this one: its old entry still has to be deleted. */
  release(number: number): void {
    this.#released.push(number);
  }

  outcome(): Numbers {
    return { next: this.#next, free: [...this.#free.slice(this.#taken), ...this.#released] };
  }
}
