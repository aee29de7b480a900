/**
 * Who goes when: batches run beside each other, a change of the maps alone. Everything begins in the order it was
 * asked for.
 */
export class Turns {
  readonly #running = new Set<Promise<unknown>>();
  /** The last change asked for, while it is not done; never rejects. */
  #change: Promise<unknown> | undefined;

  /** Begins at once, or after the changes that were asked for before. */
  share<Result>(work: () => Promise<Result>): Promise<Result> {
    return this.#track(this.#change ? this.#change.then(work) : work());
  }

  /** Begins when everything that was asked for before is done. */
  alone<Result>(work: () => Promise<Result>): Promise<Result> {
    const run = this.rest().then(work);
    const change = Promise.allSettled([run]);
    this.#change = change;
    // The first to be told, so that who has waited and who comes then keep their order.
    change.then(() => {
      if (this.#change === change) this.#change = undefined;
    });
    return this.#track(run);
  }

  /** Resolves when everything that was asked for is done, well or not. */
  async rest(): Promise<void> {
    await Promise.allSettled(this.#running);
  }

  #track<Result>(run: Promise<Result>): Promise<Result> {
    this.#running.add(run);
    const leave = () => this.#running.delete(run);
    run.then(leave, leave);
    return run;
  }
}
