/** Connections: found by the tuple of either direction, followed and ended. */
import { COUNTER_CLOSED, COUNTER_EVICTED, COUNTER_EXPIRED, RETIRED_UDP } from "../../abi/layout";
import * as backends from "../maps/backends";
import { CONFIG } from "../maps/config";
import * as connections from "../maps/connections";
import { Connection, Tuple4, Tuple6, tableOf } from "../maps/connections";
import * as index from "../maps/index";
import * as records from "../maps/records";
import { PROTO_UDP } from "../wire/udp";
import { earlier, now } from "./clock";
import * as counters from "./counters";

/** The ref of a tuple, 0 when there is none; an expired connection is removed. */
export function lookup<K>(key: usize, hash: u32): usize {
  const ref = index.lookup<K>(tableOf<K>(), key, hash);
  return ref == 0 || removeExpired<K>(connections.at(ref)) ? 0 : ref;
}

// @ts-ignore: decorator
@inline
export function isExpired(connection: Connection): bool {
  return age(connection) > CONFIG.timeout(connection.timer);
}

/** Milliseconds since a packet of either direction was seen. */
// @ts-ignore: decorator
@inline
export function age(connection: Connection): u32 {
  return now() - connection.lastSeen;
}

/** Milliseconds until the connection ends by itself, while it has not expired. */
export function left(connection: Connection): u32 {
  return CONFIG.timeout(connection.timer) - age(connection);
}

// @ts-ignore: decorator
@inline
export function refresh(connection: Connection): void {
  if (connection.lastSeen != now()) connection.lastSeen = now();
}

/** Puts the connection in a state with a timer and sets flags of it. */
export function advance(connection: Connection, state: u32, timer: u32, flags: u32): void {
  connection.state = <u8>state;
  connection.timer = <u8>timer;
  connection.flags |= <u8>flags;
}

export function isFull<K>(): bool {
  return tableOf<K>().length == tableOf<K>().capacity;
}

function forget<K>(connection: Connection): void {
  const backend = backends.lookup(connection.backend);
  if (backend != null) {
    assert(backend.connections != 0, "a backend counts its connections");
    backend.connections--;
  }
  connections.remove<K>(connection);
}

/** Ends a connection before its time. */
export function close<K>(connection: Connection): void {
  forget<K>(connection);
  counters.add(COUNTER_CLOSED, 1);
}

/** Ends one to make room for others. */
export function evict<K>(connection: Connection): void {
  forget<K>(connection);
  counters.add(COUNTER_EVICTED, 1);
}

/** Removes a connection if its time is over. */
// @ts-ignore: decorator
@inline
export function removeExpired<K>(connection: Connection): bool {
  if (!isExpired(connection)) return false;
  expire<K>(connection);
  return true;
}

function expire<K>(connection: Connection): void {
  forget<K>(connection);
  counters.add(COUNTER_EXPIRED, 1);
}

/** The connection behind `connection`, null at the end; null asks for the first. */
export function next<K>(connection: Connection | null): Connection | null {
  const record = records.after(tableOf<K>(), changetype<usize>(connection));
  return changetype<Connection | null>(record);
}

/** Removes the expired connections of both families. */
export function sweep(): void {
  sweepTable<Tuple4>();
  sweepTable<Tuple6>();
}

function sweepTable<K>(): void {
  for (let each = next<K>(null); each != null; each = next<K>(each)) removeExpired<K>(each);
}

/** Closes UDP connections to backends that give them up; returns how many. */
export function retire(): u32 {
  return retireTable<Tuple4>() + retireTable<Tuple6>();
}

function retireTable<K>(): u32 {
  let closed: u32 = 0;
  for (let each = next<K>(null); each != null; each = next<K>(each)) {
    if (each.proto != PROTO_UDP || !isRetired(each.backend)) continue;
    close<K>(each);
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
  flushTable<Tuple4>();
  flushTable<Tuple6>();
}

function flushTable<K>(): void {
  for (let each = next<K>(null); each != null; each = next<K>(each)) close<K>(each);
}

/** Moves the origin of stored times. */
export function rebase(delta: u32): void {
  rebaseTable<Tuple4>(delta);
  rebaseTable<Tuple6>(delta);
}

function rebaseTable<K>(delta: u32): void {
  for (let each = next<K>(null); each != null; each = next<K>(each)) {
    each.lastSeen = earlier(each.lastSeen, delta);
    each.created = earlier(each.created, delta);
  }
}
