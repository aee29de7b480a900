/** Datagrams in pieces: followed from their first fragment to come until all of them have come. */
import type { Outcome } from "../../dataplane/engine.ts";
import type { Family, Tuple } from "../../dataplane/entries.ts";
import { configOf, type Store, type TrackedDirection } from "../store.ts";
import { type Coverage, NOTHING } from "./coverage.ts";
import type { Part, Upper } from "./part.ts";

/** What becomes of a datagram's fragments once its ports are known, or its fragments contradict. */
export type Decision =
  | { readonly kind: "pass" }
  | ({ readonly kind: "translate" } & Translation)
  | { readonly kind: "drop"; readonly outcome: Outcome };

/** Fragments come with `from`, and leave with what `entry` has in its place. */
export interface Translation {
  readonly from: Tuple;
  readonly entry: TrackedDirection;
}

export interface Datagram {
  readonly key: string;
  readonly family: Family;
  readonly created: number;
  coverage: Coverage;
  /** Known from the first fragment to say it on. */
  upper: Upper | undefined;
  /** Undefined while it waits for its ports. */
  decision: Decision | undefined;
  /** In the order they came. */
  held: readonly Part[];
}

export interface Datagrams {
  readonly followed: Map<string, Datagram>;
  /** Places of held fragments that were let go: free again when `process` is called next. */
  leaving: number;
}

export function createDatagrams(): Datagrams {
  return { followed: new Map(), leaving: 0 };
}

/** The datagram of a fragment, new if need be; undefined when no other one can be followed. */
export function follow(store: Store, { piece: { ip, tuple } }: Part): Datagram | undefined {
  const { followed } = store.datagrams;
  // RFC 791 section 3.2, RFC 8200 section 4.5: what names a datagram.
  const protocol = ip.family === "ipv4" ? ip.protocol : 0;
  const key = `${tuple.saddr} ${tuple.daddr} ${ip.fragment.id} ${protocol}`;
  const known = followed.get(key);
  if (known !== undefined && !hasExpired(store, known)) return known;
  if (known !== undefined) remove(store, known);
  if (isFull(store)) sweep(store);
  return isFull(store) ? undefined : begin(store, key, ip.family);
}

function isFull({ datagrams, capacity }: Store): boolean {
  return datagrams.followed.size >= capacity.datagrams;
}

function begin(store: Store, key: string, family: Family): Datagram {
  const datagram: Datagram = {
    key,
    family,
    created: store.now,
    coverage: NOTHING,
    upper: undefined,
    decision: undefined,
    held: [],
  };
  store.datagrams.followed.set(key, datagram);
  return datagram;
}

/** RFC 791 section 3.2, RFC 8200 section 4.5: the time does not begin anew with every fragment. */
function hasExpired(store: Store, { family, created }: Datagram): boolean {
  return store.now - created > configOf(store).fragmentTimeouts[family];
}

export function sweep(store: Store): void {
  for (const datagram of store.datagrams.followed.values()) {
    if (hasExpired(store, datagram)) remove(store, datagram);
  }
}

export function clear(store: Store): void {
  for (const datagram of store.datagrams.followed.values()) remove(store, datagram);
}

/** Forgets a datagram, and with it what it has held. */
export function remove(store: Store, datagram: Datagram): void {
  discard(store, datagram);
  store.datagrams.followed.delete(datagram.key);
}

/** Gives up what a datagram has held. */
export function discard(store: Store, datagram: Datagram): void {
  store.tally.fragments.discarded += datagram.held.length;
  datagram.held = [];
}

/** Whether one more fragment can be held. */
export function hasPlace({ datagrams, capacity }: Store, length: number): boolean {
  const held = [...datagrams.followed.values()].reduce((sum, { held }) => sum + held.length, 0);
  return length <= capacity.frame && held + datagrams.leaving < capacity.fragments;
}
