/** Totals since the dataplane was created. */
import type { Action, ConntrackState, Reason, Verdict } from "./event.ts";

export interface Counters {
  readonly packets: number;
  /** As captured, before translation. */
  readonly bytes: number;
  readonly verdicts: Readonly<Record<Verdict, number>>;
  readonly actions: Readonly<Record<Action, number>>;
  readonly reasons: Readonly<Record<Reason, number>>;
  readonly conntrack: Readonly<Record<ConntrackState, number>>;
  readonly connections: {
    readonly created: number;
    /** Ended by their timeout. */
    readonly expired: number;
    /** Ended before it: reset while opening, tuple used again, deleted, flushed. */
    readonly closed: number;
    /** There now, expired ones not yet swept included. */
    readonly ipv4: number;
    readonly ipv6: number;
  };
}
