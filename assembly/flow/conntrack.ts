/**
 * Connections: two entries each, one per direction, that know each other's slot. State and flags
 * are the same in both and written only when they change; each direction keeps its own `lastSeen`.
 */
import { FLAG_REPLY } from "../../abi/conntrack";
import { COUNTER_CLOSED, COUNTER_EXPIRED } from "../../abi/layout";
import * as backends from "../maps/backends";
import { CONFIG } from "../maps/config";
import { Connection4, Connection6, Entry, Tuple4, Tuple6, tableOf } from "../maps/connections";
import * as swiss from "../maps/swiss";
import { earlier, now } from "./clock";
import * as counters from "./counters";

/** The entry of a tuple, null when there is none; an expired connection is removed. */
export function lookup<K, E extends Entry>(key: usize, hash: u32): E | null {
  const at = swiss.lookup<K, E>(tableOf<E>(), key, hash);
  if (at == 0) return null;
  const entry = changetype<E>(at);
  if (!isExpired<E>(entry)) return entry;
  expire<K, E>(entry);
  return null;
}

/** The other direction. */
function pairOf<E extends Entry>(entry: E): E {
  const pair = changetype<E>(swiss.at<E>(tableOf<E>(), entry.pair));
  assert(
    pair.pair == swiss.slotOf<E>(tableOf<E>(), changetype<usize>(entry)),
    "two directions know each other",
  );
  return pair;
}

/** Both directions count; the other one is looked at only when this one is stale. */
function isExpired<E extends Entry>(entry: E): bool {
  const timeout = CONFIG.timeout(entry.state);
  if (now() - entry.lastSeen <= timeout) return false;
  return now() - pairOf<E>(entry).lastSeen > timeout;
}

// @ts-ignore: decorator
@inline
export function refresh<E extends Entry>(entry: E): void {
  if (entry.lastSeen != now()) entry.lastSeen = now();
}

/** Puts the connection in a state and sets flags of it, in both directions. */
export function advance<E extends Entry>(entry: E, state: u32, flags: u32): void {
  if (entry.state == state && (entry.flags & flags) == flags) return;
  const pair = pairOf<E>(entry);
  entry.state = <u8>state;
  pair.state = <u8>state;
  entry.flags |= <u8>flags;
  pair.flags |= <u8>flags;
}

/** Connections a family has room for are half the entries of its table. */
export function isFull<E>(): bool {
  const table = tableOf<E>();
  return table.length + 2 > table.capacity;
}

/** Takes both directions out of the table. */
function forget<K, E extends Entry>(entry: E): void {
  const backend = backends.lookup(entry.backend);
  if (backend != null) {
    assert(backend.connections != 0, "a backend counts its connections");
    backend.connections--;
  }
  const pair = pairOf<E>(entry);
  swiss.remove<K, E>(tableOf<E>(), changetype<usize>(pair));
  swiss.remove<K, E>(tableOf<E>(), changetype<usize>(entry));
}

function expire<K, E extends Entry>(entry: E): void {
  forget<K, E>(entry);
  counters.add(COUNTER_EXPIRED, 1);
}

/** Ends a connection before its time. */
export function close<K, E extends Entry>(entry: E): void {
  forget<K, E>(entry);
  counters.add(COUNTER_CLOSED, 1);
}

/** Removes the expired connections of both families. */
export function sweep(): void {
  sweepTable<Tuple4, Connection4>();
  sweepTable<Tuple6, Connection6>();
}

function sweepTable<K, E extends Entry>(): void {
  for (let slot = nextOpened<E>(-1); slot != -1; slot = nextOpened<E>(slot)) {
    const entry = changetype<E>(swiss.at<E>(tableOf<E>(), slot));
    if (isExpired<E>(entry)) expire<K, E>(entry);
  }
}

/** The next slot that holds the direction a connection was opened in. */
function nextOpened<E extends Entry>(slot: i32): i32 {
  do {
    slot = swiss.next(tableOf<E>(), slot);
  } while (slot != -1 && changetype<E>(swiss.at<E>(tableOf<E>(), slot)).flags & FLAG_REPLY);
  return slot;
}

/** Closes every connection of both families. */
export function flush(): void {
  flushTable<Tuple4, Connection4>();
  flushTable<Tuple6, Connection6>();
}

function flushTable<K, E extends Entry>(): void {
  for (let slot = nextOpened<E>(-1); slot != -1; slot = nextOpened<E>(slot)) {
    close<K, E>(changetype<E>(swiss.at<E>(tableOf<E>(), slot)));
  }
}

/** Moves the origin of stored times. */
export function rebase(delta: u32): void {
  rebaseTable<Connection4>(delta);
  rebaseTable<Connection6>(delta);
}

function rebaseTable<E extends Entry>(delta: u32): void {
  const table = tableOf<E>();
  for (let slot = swiss.next(table, -1); slot != -1; slot = swiss.next(table, slot)) {
    const entry = changetype<E>(swiss.at<E>(table, slot));
    entry.lastSeen = earlier(entry.lastSeen, delta);
    entry.created = earlier(entry.created, delta);
  }
}
