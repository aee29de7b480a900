/** Connections: found by the tuple of either direction, followed, begun and ended. */
import { UDP_STREAM_AGE } from "../../abi/limits.ts";
import type { Connection, State, Timer, Tuple } from "../dataplane/entries.ts";
import { family } from "../packet/address.ts";
import type { Flow } from "../packet/parse.ts";
import type { Direction } from "./direction.ts";
import * as sctp from "./sctp.ts";
import type { Step } from "./step.ts";
import { configOf, type Store, type Tracked, type TrackedDirection } from "./store.ts";
import * as tcp from "./tcp.ts";

/** The connection of a tuple. One that has expired is removed on the way and counts as none. */
export function lookup(store: Store, tuple: Tuple): TrackedDirection | undefined {
  const found = store.connections.get(text(tuple));
  if (found === undefined || !hasExpired(store, found.connection)) return found;
  expire(store, found.connection);
  return undefined;
}

/** The same for those who only look: one that has expired stays for others to find. */
export function peek(store: Store, tuple: Tuple): TrackedDirection | undefined {
  const found = store.connections.get(text(tuple));
  return found === undefined || hasExpired(store, found.connection) ? undefined : found;
}

/**
 * Takes a known connection through one packet. A packet that was followed keeps it alive; any
 * packet of the reply direction that is not invalid shows that somebody answers.
 */
export function follow(store: Store, known: TrackedDirection, flow: Flow): Step {
  const { connection, direction } = known;
  const step = followProtocol(store, connection, direction, flow);
  if (step === "invalid") return step;
  if (step === "reset" && flow.ip.fragment !== null) return linger(store, known);
  if (step === "reset" || step === "reopen") {
    close(store, connection);
    return step;
  }
  if (direction === "reply") connection.seenReply = true;
  if (step === "translate") connection.lastSeen = store.now;
  return step;
}

/** A datagram in pieces needs its connection until the last piece has come. */
function linger(store: Store, { connection, direction }: TrackedDirection): Step {
  connection.state = "CLOSE";
  connection.timer = "CLOSE";
  connection.lastSeen = store.now;
  if (direction === "reply") connection.seenReply = true;
  return "translate";
}

function followProtocol(store: Store, connection: Tracked, direction: Direction, flow: Flow): Step {
  const { now } = store;
  if (isTcp(connection)) {
    return tcp.follow(connection, direction, flow, { config: configOf(store), now });
  }
  if (isSctp(connection)) return sctp.follow(connection, direction, flow);
  followUdp(connection, direction, now);
  return "translate";
}

function isTcp(connection: Tracked): connection is tcp.TcpConnection {
  return connection.tcp !== null;
}

function isSctp(connection: Tracked): connection is sctp.SctpConnection {
  return connection.sctp !== null;
}

/** nf_conntrack_proto_udp.c: a query and its answer are no stream, what goes on longer is one. */
function followUdp(connection: Tracked, direction: Direction, now: number): void {
  const answered = connection.seenReply || direction === "reply";
  if (!answered || now - connection.created <= UDP_STREAM_AGE) return;
  connection.state = "UDP_STREAM";
  connection.timer = "UDP_STREAM";
  connection.assured = true;
}

/** What a connection begins with. */
export type Opening = Pick<Tracked, "timer" | "state" | "assured" | "tcp" | "sctp">;

/** Undefined when this packet cannot begin a connection. */
export function opening(store: Store, flow: Flow): Opening | undefined {
  if (flow.tuple.proto === "udp") return begun("UDP", "UDP", {});
  if (flow.tuple.proto === "sctp") {
    const opened = sctp.open(flow);
    return opened && begun(opened.state, opened.state, opened);
  }
  const opened = tcp.open(flow, configOf(store));
  return opened && begun(opened.state, opened.timer, opened);
}

function begun(state: State, timer: Timer, known: Partial<Opening>): Opening {
  return { assured: false, tcp: null, sctp: null, ...known, state, timer };
}

/** Remembers a connection under both its tuples, and gives back the direction that opened it. */
export function open(
  store: Store,
  flow: Flow,
  opening: Opening,
  chosen: Pick<Tracked, "reply" | "backend" | "masquerade" | "direct">,
): TrackedDirection {
  const connection: Tracked = {
    ...chosen,
    ...opening,
    orig: flow.tuple,
    seenReply: false,
    created: store.now,
    lastSeen: store.now,
  };
  store.tally.created++;
  return resume(store, connection);
}

/** Remembers one that somebody else has followed so far. */
export function resume(store: Store, connection: Tracked): TrackedDirection {
  const opener: TrackedDirection = { connection, direction: "orig" };
  store.connections.set(text(connection.orig), opener);
  store.connections.set(text(connection.reply), { connection, direction: "reply" });
  adjustLengths(store, connection, 1);
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

/** Ends a connection to make room for another one. */
export function evict(store: Store, connection: Tracked): void {
  remove(store, connection);
  store.tally.evicted++;
}

/** Ends the UDP connections to these backends, and returns how many there were. */
export function retire(store: Store, backends: readonly number[]): number {
  const retired = [...all(store)].filter(
    ({ orig, backend }) => orig.proto === "udp" && backends.includes(backend),
  );
  for (const connection of retired) close(store, connection);
  return retired.length;
}

export function sweep(store: Store): void {
  for (const connection of all(store)) {
    if (hasExpired(store, connection)) expire(store, connection);
  }
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
  const { reply, state, timer, backend, masquerade } = connection;
  const { seenReply, assured, created, lastSeen } = connection;
  return { reply, state, timer, backend, masquerade, seenReply, assured, created, lastSeen };
}

/** The tuple of the packets that go the other way. */
export function inverse(tuple: Tuple): Tuple {
  return {
    saddr: tuple.daddr,
    sport: tuple.dport,
    daddr: tuple.saddr,
    dport: tuple.sport,
    proto: tuple.proto,
  };
}

/** The tuple that packets of this direction come with. */
export function source({ connection, direction }: TrackedDirection): Tuple {
  return direction === "orig" ? connection.orig : connection.reply;
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

export function hasExpired(store: Store, { lastSeen, timer }: Tracked): boolean {
  return store.now - lastSeen > configOf(store).timeouts[timer];
}

export function expire(store: Store, connection: Tracked): void {
  remove(store, connection);
  store.tally.expired++;
}

function remove(store: Store, connection: Tracked): void {
  store.connections.delete(text(connection.orig));
  store.connections.delete(text(connection.reply));
  adjustLengths(store, connection, -1);
}

function adjustLengths(store: Store, { orig, backend, direct }: Tracked, by: 1 | -1): void {
  store.lengths[family(orig.saddr)] += by;
  if (direct) return;
  const length = (store.byBackend.get(backend) ?? 0) + by;
  if (length === 0) store.byBackend.delete(backend);
  else store.byBackend.set(backend, length);
}
