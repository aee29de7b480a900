/** What links have done. */

import { NEXT } from "../../../abi/program.ts";
import { VERDICTS } from "../../dataplane/event.ts";
import type { LinkTally } from "../../dataplane/runtime.ts";

export class Tally {
  runs = 0;
  /** Nanoseconds. */
  runTime = 0;
  /** Packets by what was said of them: NEXT, or a verdict. */
  readonly #said = new Map<number, number>();

  note(said: number): void {
    this.#said.set(said, this.#of(said) + 1);
  }

  #of(said: number): number {
    return this.#said.get(said) ?? 0;
  }

  describe(): LinkTally {
    const verdicts = VERDICTS.map((name, verdict) => [name, this.#of(verdict)]);
    return {
      runs: this.runs,
      runTime: this.runTime,
      verdicts: Object.fromEntries([...verdicts, ["NEXT", this.#of(NEXT)]]),
    };
  }
}

/** Those of the links in `numbers`; of links that were there before they go on. */
export function talliesOf(
  numbers: readonly number[],
  before: ReadonlyMap<number, Tally>,
): ReadonlyMap<number, Tally> {
  return new Map(numbers.map((link) => [link, before.get(link) ?? new Tally()]));
}
