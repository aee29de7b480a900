/**
 * Connections: two entries each, one per direction, that know each other's slot. State, timer and
 * flags are the same in both and written only when they change; each direction keeps its own
 * `lastSeen`.
 */
import { FLAG_REPLY } from "../../abi/conntrack";
import { COUNTER_CLOSED, COUNTER_EVICTED, COUNTER_EXPIRED, RETIRED_UDP } from "../../abi/layout";
import * as backends from "../maps/backends";
import { CONFIG } from "../maps/config";
import { Connection4, Connection6, Entry, Tuple4, Tuple6, tableOf } from "../maps/connections";
import * as swiss from "../maps/swiss";
import * as tracks from "../maps/tracks";
import { PROTO_TCP } from "../wire/tcp";
import { PROTO_UDP } from "../wire/udp";
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
// @ts-ignore: decorator
@inline
export function pairOf<E extends Entry>(entry: E): E {
  const pair = changetype<E>(swiss.at<E>(tableOf<E>(), entry.pair));
  if (!ASC_NO_ASSERT) assert(isPaired<E>(entry, pair), "two directions know each other");
  return pair;
}

function isPaired<E extends Entry>(entry: E, pair: E): bool {
  return pair.pair == swiss.slotOf<E>(tableOf<E>(), changetype<usize>(entry));
}

/** Both directions count; the other one is looked at only when this one is stale. */
function isExpired<E extends Entry>(entry: E): bool {
  const timeout = CONFIG.timeout(entry.timer);
  if (now() - entry.lastSeen <= timeout) return false;
  return now() - pairOf<E>(entry).lastSeen > timeout;
}

// @ts-ignore: decorator
@inline
export function refresh<E extends Entry>(entry: E): void {
  if (entry.lastSeen != now()) entry.lastSeen = now();
}

/** Puts the connection in a state with a timer and sets flags of it, in both directions. */
export function advance<E extends Entry>(entry: E, state: u32, timer: u32, flags: u32): void {
  const isSame = entry.state == state && entry.timer == timer;
  if (isSame && (entry.flags & flags) == flags) return;
  put<E>(entry, state, timer, flags);
  put<E>(pairOf<E>(entry), state, timer, flags);
}

function put<E extends Entry>(entry: E, state: u32, timer: u32, flags: u32): void {
  entry.state = <u8>state;
  entry.timer = <u8>timer;
  entry.flags |= <u8>flags;
}

/** When a packet of either direction was last seen. */
export function lastSeen<E extends Entry>(entry: E): u32 {
  return max<u32>(entry.lastSeen, pairOf<E>(entry).lastSeen);
}

/** Milliseconds until the connection ends by itself, while it has not expired. */
export function left<E extends Entry>(entry: E): u32 {
  return CONFIG.timeout(entry.timer) - (now() - lastSeen<E>(entry));
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
  if (entry.proto == PROTO_TCP) tracks.giveBack(entry.detail);
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

/** Ends one to make room for others. */
export function evict<K, E extends Entry>(entry: E): void {
  forget<K, E>(entry);
  counters.add(COUNTER_EVICTED, 1);
}

/** Removes the expired connections of both families. */
export function sweep(): void {
  sweepTable<Tuple4, Connection4>();
  sweepTable<Tuple6, Connection6>();
}

function sweepTable<K, E extends Entry>(): void {
  for (let slot = nextOpened<E>(-1); slot != -1; slot = nextOpened<E>(slot)) {
    removeExpired<K, E>(at<E>(slot));
  }
}

/** Removes a connection if its time is over. */
// @ts-ignore: decorator
@inline
export function removeExpired<K, E extends Entry>(entry: E): bool {
  if (!isExpired<E>(entry)) return false;
  expire<K, E>(entry);
  return true;
}

// @ts-ignore: decorator
@inline
export function at<E extends Entry>(slot: u32): E {
  return changetype<E>(swiss.at<E>(tableOf<E>(), slot));
}

/** The next slot that holds the direction a connection was opened in, -1 at the end. */
export function nextOpened<E extends Entry>(slot: i32): i32 {
  do {
    slot = swiss.next(tableOf<E>(), slot);
  } while (slot != -1 && at<E>(slot).flags & FLAG_REPLY);
  return slot;
}

/** Closes UDP connections to backends that give them up; returns how many. */
export function retire(): u32 {
  return retireTable<Tuple4, Connection4>() + retireTable<Tuple6, Connection6>();
}

function retireTable<K, E extends Entry>(): u32 {
  let closed: u32 = 0;
  for (let slot = nextOpened<E>(-1); slot != -1; slot = nextOpened<E>(slot)) {
    const entry = at<E>(slot);
    if (entry.proto != PROTO_UDP || !isRetired(entry.backend)) continue;
    close<K, E>(entry);
    closed++;
  }
  return closed;
}

function isRetired(number: u32): bool {
  const backend = backends.lookup(number);
  return backend != null && (backend.retired & RETIRED_UDP) != 0;
}

/** Closes every connection of both families. */
export function flush(): void {
  flushTable<Tuple4, Connection4>();
  flushTable<Tuple6, Connection6>();
}

function flushTable<K, E extends Entry>(): void {
  for (let slot = nextOpened<E>(-1); slot != -1; slot = nextOpened<E>(slot)) {
    close<K, E>(at<E>(slot));
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
    const entry = at<E>(slot);
    entry.lastSeen = earlier(entry.lastSeen, delta);
    entry.created = earlier(entry.created, delta);
  }
}
