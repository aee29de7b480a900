/** Connections: found by the tuple of either direction, followed, begun and ended. */
import { SWEEP_INTERVAL, UDP_STREAM_AGE } from "../../abi/limits.ts";
import type { Connection, Family, State, Tuple } from "../dataplane/entries.ts";
import { family } from "../packet/address.ts";
import type { Flow } from "../packet/parse.ts";
import * as affinity from "./affinity.ts";
import {
  configOf,
  type Direction,
  type Store,
  type Tracked,
  type TrackedDirection,
} from "./store.ts";
import * as tcp from "./tcp.ts";

/** The connection of a tuple. One that has expired is removed on the way and counts as none. */
export function lookup(store: Store, tuple: Tuple): TrackedDirection | undefined {
  const found = store.connections.get(text(tuple));
  if (found === undefined || !hasExpired(store, found.connection)) return found;
  expire(store, found.connection);
  return undefined;
}

/**
 * Takes a known connection through one packet. A packet that was followed keeps it alive; any
 * packet of the reply direction that is not invalid shows that somebody answers.
 */
export function follow(store: Store, known: TrackedDirection, flow: Flow): tcp.Step {
  const { connection, direction } = known;
  const step = followProtocol(store, connection, direction, flow);
  if (step === "invalid") return step;
  if (step === "reset" || step === "reopen") {
    close(store, connection);
    return step;
  }
  if (direction === "reply") connection.seenReply = true;
  if (step === "translate") connection.lastSeen = store.now;
  return step;
}

function followProtocol(
  store: Store,
  connection: Tracked,
  direction: Direction,
  flow: Flow,
): tcp.Step {
  if (flow.tuple.proto === "tcp") return tcp.follow(connection, direction, flow.flags);
  const answered = connection.seenReply || direction === "reply";
  if (flow.tuple.proto === "udp") followUdp(store, connection, answered);
  else if (answered) connection.assured = true;
  return "translate";
}

/** nf_conntrack_proto_udp.c: a query and its answer are no stream, what goes on longer is one. */
function followUdp(store: Store, connection: Tracked, answered: boolean): void {
  if (!answered || store.now - connection.created <= UDP_STREAM_AGE) return;
  connection.state = "UDP_STREAM";
  connection.assured = true;
}

/** The state a connection begins in, or undefined when this packet cannot begin one. */
export function openingState(store: Store, flow: Flow): State | undefined {
  if (flow.tuple.proto === "udp") return "UDP";
  if (flow.tuple.proto === "sctp") return "SCTP";
  return tcp.openingState(flow.flags, configOf(store).tcpLoose);
}

export function isFull(store: Store, family: Family): boolean {
  const { connections, connections6 } = store.capacity;
  return store.lengths[family] >= (family === "ipv4" ? connections : connections6);
}

/** Remembers a connection under both its tuples, and gives back the direction that opened it. */
export function open(
  store: Store,
  flow: Flow,
  chosen: Pick<Tracked, "reply" | "backend" | "masquerade">,
): TrackedDirection {
  const connection: Tracked = {
    ...chosen,
    orig: flow.tuple,
    state: openingState(store, flow) as State,
    seenReply: false,
    assured: false,
    created: store.now,
    lastSeen: store.now,
  };
  const opener: TrackedDirection = { connection, direction: "orig" };
  store.connections.set(text(connection.orig), opener);
  store.connections.set(text(connection.reply), { connection, direction: "reply" });
  adjustLengths(store, connection, 1);
  store.tally.created++;
  return opener;
}

/** Ends a connection before its time. */
export function close(store: Store, connection: Tracked): void {
  remove(store, connection);
  store.tally.closed++;
}

export function closeAll(store: Store): void {
  for (const connection of all(store)) close(store, connection);
}

/** Moves the clock, and once in SWEEP_INTERVAL removes what has expired. */
export function advance(store: Store, now: number): void {
  store.now = Math.max(store.now, now);
  if (store.now - store.lastSweep < SWEEP_INTERVAL) return;
  store.lastSweep = store.now;
  for (const connection of all(store)) {
    if (hasExpired(store, connection)) expire(store, connection);
  }
  affinity.sweep(store);
}

/** Every connection once. Removing the present one while going through them is fine. */
export function* all(store: Store): IterableIterator<Tracked> {
  for (const { connection, direction } of store.connections.values()) {
    if (direction === "orig") yield connection;
  }
}

/** The connection that was opened with this tuple, expired or not. */
export function openedBy(store: Store, orig: Tuple): Tracked | undefined {
  const found = store.connections.get(text(orig));
  return found?.direction === "orig" ? found.connection : undefined;
}

/** What others may know of a connection. */
export function describe(connection: Tracked): Connection {
  const { reply, state, backend, masquerade, seenReply, assured, created, lastSeen } = connection;
  return { reply, state, backend, masquerade, seenReply, assured, created, lastSeen };
}

/** The tuple of the packets that go the other way. */
function inverse(tuple: Tuple): Tuple {
  return {
    saddr: tuple.daddr,
    sport: tuple.dport,
    daddr: tuple.saddr,
    dport: tuple.sport,
    proto: tuple.proto,
  };
}

/**
 * The tuple a packet of this direction leaves with: the connection's other direction, seen from the
 * side that sends.
 */
export function target({ connection, direction }: TrackedDirection): Tuple {
  return inverse(direction === "orig" ? connection.reply : connection.orig);
}

export function isSame(a: Tuple, b: Tuple): boolean {
  return text(a) === text(b);
}

function text({ saddr, sport, daddr, dport, proto }: Tuple): string {
  return `${proto} ${saddr} ${sport} ${daddr} ${dport}`;
}

function hasExpired(store: Store, connection: Tracked): boolean {
  return store.now - connection.lastSeen > configOf(store).timeouts[connection.state];
}

function expire(store: Store, connection: Tracked): void {
  remove(store, connection);
  store.tally.expired++;
}

function remove(store: Store, connection: Tracked): void {
  store.connections.delete(text(connection.orig));
  store.connections.delete(text(connection.reply));
  adjustLengths(store, connection, -1);
}

function adjustLengths(store: Store, connection: Tracked, by: 1 | -1): void {
  store.lengths[family(connection.orig.saddr)] += by;
  const length = (store.byBackend.get(connection.backend) ?? 0) + by;
  if (length === 0) store.byBackend.delete(connection.backend);
  else store.byBackend.set(connection.backend, length);
}
