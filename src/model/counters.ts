/** Totals since the engine was created. */
import type { Counters } from "../dataplane/counters.ts";
import type { Outcome } from "../dataplane/engine.ts";
import type { Family } from "../dataplane/entries.ts";
import { ACTIONS, CONNTRACKS, REASONS, VERDICTS } from "../dataplane/event.ts";

/** Arrays have one number per name of dataplane/event, in its order. */
export interface Tally {
  packets: number;
  bytes: number;
  readonly verdicts: number[];
  readonly actions: number[];
  readonly reasons: number[];
  readonly conntrack: number[];
  created: number;
  expired: number;
  closed: number;
  evicted: number;
  readonly fragments: { held: number; released: number; discarded: number };
}

export function createTally(): Tally {
  return {
    packets: 0,
    bytes: 0,
    verdicts: VERDICTS.map(() => 0),
    actions: ACTIONS.map(() => 0),
    reasons: REASONS.map(() => 0),
    conntrack: CONNTRACKS.map(() => 0),
    created: 0,
    expired: 0,
    closed: 0,
    evicted: 0,
    fragments: { held: 0, released: 0, discarded: 0 },
  };
}

/** Counts a packet that came in with `bytes` captured bytes. */
export function count(tally: Tally, bytes: number, outcome: Outcome): void {
  tally.packets++;
  tally.bytes += bytes;
  increment(tally.verdicts, outcome.verdict);
  increment(tally.actions, outcome.action);
  increment(tally.reasons, outcome.reason);
  increment(tally.conntrack, outcome.conntrack);
}

function increment(row: number[], index: number): void {
  row[index] = (row[index] as number) + 1;
}

export function countersOf(tally: Tally, lengths: Readonly<Record<Family, number>>): Counters {
  const { packets, bytes, created, expired, closed, evicted } = tally;
  return {
    packets,
    bytes,
    verdicts: named(VERDICTS, tally.verdicts),
    actions: named(ACTIONS, tally.actions),
    reasons: named(REASONS, tally.reasons),
    conntrack: named(CONNTRACKS, tally.conntrack),
    connections: { created, expired, closed, evicted, ...lengths },
    fragments: { ...tally.fragments },
  };
}

/** Goes on from what somebody else has counted. */
export function resume(tally: Tally, counters: Counters): void {
  const { created, expired, closed, evicted } = counters.connections;
  const { packets, bytes, fragments } = counters;
  Object.assign(tally, { packets, bytes, created, expired, closed, evicted });
  Object.assign(tally.fragments, fragments);
  Object.assign(tally.verdicts, numbered(VERDICTS, counters.verdicts));
  Object.assign(tally.actions, numbered(ACTIONS, counters.actions));
  Object.assign(tally.reasons, numbered(REASONS, counters.reasons));
  Object.assign(tally.conntrack, numbered(CONNTRACKS, counters.conntrack));
}

/** One total per name; that of the nameless one is nobody's to know. */
function numbered<Name extends string>(
  names: readonly (Name | null)[],
  totals: Readonly<Record<Name, number>>,
): number[] {
  return names.map((name) => (name === null ? 0 : totals[name]));
}

/** The nameless reason, none, is left out. */
function named<Name extends string>(
  names: readonly (Name | null)[],
  numbers: readonly number[],
): Record<Name, number> {
  const pairs = names.map((name, index) => [name, numbers[index]]);
  return Object.fromEntries(pairs.filter(([name]) => name !== null)) as Record<Name, number>;
}
