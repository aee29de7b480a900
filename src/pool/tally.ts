/** What is counted of frames that no worker has seen, and sums of counters. */
import type { Counters } from "../dataplane/counters.ts";
import type { Outcome } from "../dataplane/engine.ts";
import { ACTIONS, CONNTRACKS, nameOf, REASONS, VERDICTS } from "../dataplane/event.ts";

/** Figures by name, some of them in groups. */
interface Figures {
  readonly [name: string]: number | Figures;
}

/** Adds figures of the same names. */
export function add<Each extends object>(a: Each, b: Each): Each {
  return addFigures(a as unknown as Figures, b as unknown as Figures) as unknown as Each;
}

function addFigures(a: Figures, b: Figures): Figures {
  const added = Object.entries(a).map(([name, figure]) => {
    const other = b[name] as never;
    return [name, typeof figure === "number" ? figure + other : addFigures(figure, other)];
  });
  return Object.fromEntries(added);
}

/** Fragments that wait, were refused or were given up before they came to a worker. */
export class Tally {
  #packets = 0;
  #bytes = 0;
  #held = 0;
  #discarded = 0;
  readonly #verdicts = zeros(VERDICTS);
  readonly #actions = zeros(ACTIONS);
  readonly #reasons = zeros(REASONS);
  readonly #conntrack = zeros(CONNTRACKS);

  /** A frame that goes no further. */
  drop(outcome: Outcome, bytes: number): void {
    this.#count(outcome, bytes, 1);
  }

  hold(outcome: Outcome, bytes: number): void {
    this.#count(outcome, bytes, 1);
    this.#held++;
  }

  /** It goes to a worker, which will count it. */
  pass(outcome: Outcome, bytes: number): void {
    this.#count(outcome, bytes, -1);
    this.#held--;
  }

  /** One that was held is given up. */
  discard(): void {
    this.#discarded++;
  }

  counters(): Counters {
    return {
      packets: this.#packets,
      bytes: this.#bytes,
      verdicts: { ...this.#verdicts },
      actions: { ...this.#actions },
      reasons: { ...this.#reasons },
      conntrack: { ...this.#conntrack },
      connections: { created: 0, expired: 0, closed: 0, evicted: 0, ipv4: 0, ipv6: 0 },
      fragments: { held: this.#held, released: 0, discarded: this.#discarded },
    };
  }

  #count({ verdict, action, reason, conntrack }: Outcome, bytes: number, times: number): void {
    this.#packets += times;
    this.#bytes += times * bytes;
    this.#verdicts[nameOf(VERDICTS, verdict)] += times;
    this.#actions[nameOf(ACTIONS, action)] += times;
    this.#reasons[nameOf(REASONS, reason) ?? "truncated"] += times;
    this.#conntrack[nameOf(CONNTRACKS, conntrack)] += times;
  }
}

function zeros<Name extends string>(names: readonly (Name | null)[]): Record<Name, number> {
  const present = names.filter((name) => name !== null);
  return Object.fromEntries(present.map((name) => [name, 0])) as Record<Name, number>;
}
