/**
 * Room for one more connection. When a family is full, those that nobody will miss make room: the
 * ones that have expired; else, of those that were never answered properly (not ASSURED, early_drop
 * in nf_conntrack_core.c), else of those that are closing, the ones that were silent the longest. An
 * established connection never does, so no flood of first packets can end one.
 */
import type { Family, State } from "../dataplane/entries.ts";
import { family as familyOf } from "../packet/address.ts";
import * as conntrack from "./conntrack.ts";
import * as sctp from "./sctp.ts";
import type { Store, Tracked } from "./store.ts";
import * as tcp from "./tcp-states.ts";

/** Part of the capacity that goes at once, so that the search is not made for every packet. */
const SHARE = 64;

/** Whether there is room, after having made some if need be. */
export function hasRoom(store: Store, family: Family): boolean {
  if (!isFull(store, family)) return true;
  const all = [...conntrack.all(store)].filter(({ orig }) => familyOf(orig.saddr) === family);
  const expired = all.filter((connection) => conntrack.hasExpired(store, connection));
  for (const connection of expired) conntrack.expire(store, connection);
  if (expired.length === 0) {
    for (const connection of chooseVictims(store, family, all)) conntrack.evict(store, connection);
  }
  return !isFull(store, family);
}

function isFull(store: Store, family: Family): boolean {
  return store.lengths[family] >= capacityOf(store, family);
}

function capacityOf({ capacity }: Store, family: Family): number {
  return family === "ipv4" ? capacity.connections : capacity.connections6;
}

/** As many as are due, and all others that were silent for just as long as the last of these. */
function chooseVictims(store: Store, family: Family, all: readonly Tracked[]): readonly Tracked[] {
  const unassured = all.filter(({ assured }) => !assured);
  const candidates = unassured.length > 0 ? unassured : all.filter(({ state }) => isClosing(state));
  const due = Math.max(1, Math.floor(capacityOf(store, family) / SHARE));
  const times = candidates.map(({ lastSeen }) => lastSeen).sort((a, b) => a - b);
  const latest = times[Math.min(due, times.length) - 1];
  return candidates.filter(({ lastSeen }) => latest !== undefined && lastSeen <= latest);
}

function isClosing(state: State): boolean {
  return tcp.isClosing(state) || sctp.isClosing(state);
}
