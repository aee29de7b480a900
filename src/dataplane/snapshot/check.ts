/**
 * Whether what a snapshot says of connections and clients can be: the packet path believes what stands in its
 * records.
 */
import {
  FLAG_ASSURED,
  FLAG_DIRECT,
  FLAG_MASQUERADE,
  FLAG_SEEN_REPLY,
} from "../../../abi/conntrack.ts";
import { SWEEP_INTERVAL, TIMEOUT_MAX } from "../../../abi/limits.ts";
import { SCTP, TCP, UDP } from "../../packet/parse.ts";
import { FAMILIES, type Family, STATES, type State, TIMERS, type Timer } from "../entries.ts";
import type { Table } from "./columns.ts";
import { damaged } from "./damage.ts";
import { findDouble } from "./double.ts";
import {
  ADDRESS_SIZES,
  ASSOCIATION_FLAGS_MAX,
  type CLIENTS,
  type ConnectionColumns,
  type ConnectionState,
  type EngineState,
  KINDS,
  LAST_FLAGS_MAX,
  SIDE_FLAGS_MAX,
  type TRACKS,
} from "./state.ts";

const FLAGS = FLAG_MASQUERADE | FLAG_SEEN_REPLY | FLAG_ASSURED | FLAG_DIRECT;
/** RFC 7323 section 2.3. */
const SCALE_MAX = 14;
const TIME_MAX = Number.MAX_SAFE_INTEGER;

/** By protocol: a bit for each state, and each timer, that its connections can have. */
const STATES_OF = protocols((timer) => STATES.includes(timer as State));
const TIMERS_OF = protocols(() => true);

function protocols(counts: (timer: Timer) => boolean): Readonly<Record<number, number>> {
  const bits = (belongs: (timer: Timer) => boolean) =>
    TIMERS.reduce((all, timer, index) => {
      return belongs(timer) && counts(timer) ? all | (1 << (index + 1)) : all;
    }, 0);
  const [isUdp, isSctp] = [/^UDP/, /^SCTP/].map((word) => (timer: Timer) => word.test(timer)) as [
    (timer: Timer) => boolean,
    (timer: Timer) => boolean,
  ];
  return {
    [UDP]: bits(isUdp),
    [SCTP]: bits(isSctp),
    [TCP]: bits((timer) => !isUdp(timer) && !isSctp(timer)),
  };
}

/** Throws DataplaneError "bad-snapshot". */
export function checkState(state: EngineState): void {
  const { now, lastSweep, origin } = state;
  const sinceSweep = now - lastSweep;
  if (sinceSweep < 0 || sinceSweep >= SWEEP_INTERVAL || origin > now)
    throw damaged({ path: "clock" }, "contradicts itself");
  for (const family of FAMILIES) checkFamily(state, family);
  checkClients(state.clients);
}

function checkFamily(state: EngineState, family: Family): void {
  const part = state.families[family];
  const path = `connections.${family}`;
  checkConnections(path, part.connections, state.now);
  checkLengths(path, part);
  checkTracks(`tracks.${family}`, part.tracks);
  const { flags } = part.associations.columns;
  checkRows(`associations.${family}`, part.associations.length, (row) => {
    return (flags[row] as number) <= ASSOCIATION_FLAGS_MAX;
  });
  checkTuples(path, part.connections, family);
}

function checkRows(path: string, length: number, isSound: (row: number) => boolean): void {
  for (let row = 0; row < length; row++)
    if (!isSound(row)) throw damaged({ path: `${path}[${row}]` }, "cannot be");
}

function checkConnections(
  path: string,
  { length, columns }: ConnectionState["connections"],
  now: number,
): void {
  const { proto, state, timer, flags, backend, created, lastSeen } = columns;
  checkRows(path, length, (row) => {
    const states = STATES_OF[proto[row] as number] ?? 0;
    const timers = TIMERS_OF[proto[row] as number] ?? 0;
    const bits = flags[row] as number;
    const isDirect = (bits & FLAG_DIRECT) !== 0;
    return (
      isIn(states, state[row] as number) &&
      isIn(timers, timer[row] as number) &&
      bits <= FLAGS &&
      isDirect === (backend[row] === 0) &&
      isTime(created[row] as number, now) &&
      isTime(lastSeen[row] as number, now)
    );
  });
}

function isIn(bits: number, number: number): boolean {
  return number < 32 && ((bits >>> number) & 1) === 1;
}

function isTime(time: number, latest: number): boolean {
  return Number.isInteger(time) && time >= 0 && time <= latest;
}

/** Every TCP connection has a track, every SCTP one an association. */
function checkLengths(path: string, { connections, tracks, associations }: ConnectionState): void {
  const counts = { [TCP]: 0, [SCTP]: 0, [UDP]: 0 };
  for (const proto of connections.columns.proto) counts[proto as typeof TCP]++;
  if (counts[TCP] !== tracks.length || counts[SCTP] !== associations.length)
    throw damaged({ path }, "are not those whose tracks and associations are told");
}

function checkTracks(path: string, { length, columns }: Table<typeof TRACKS>): void {
  const { sideFlags, scale, lastKind, lastDirection, lastFlags, lastScale } = columns;
  checkRows(path, length, (row) => {
    return (
      (lastKind[row] as number) < KINDS.length &&
      (lastDirection[row] as number) <= 1 &&
      (lastFlags[row] as number) <= LAST_FLAGS_MAX &&
      (lastScale[row] as number) <= SCALE_MAX
    );
  });
  checkRows(`${path} sides`, 2 * length, (side) => {
    return (sideFlags[side] as number) <= SIDE_FLAGS_MAX && (scale[side] as number) <= SCALE_MAX;
  });
}

/** Both tuples of a connection lead to it and to no other one. */
function checkTuples(
  path: string,
  { length, columns }: ConnectionState["connections"],
  family: Family,
): void {
  const double = findDouble(tuplesOf(columns, length, ADDRESS_SIZES[family]));
  if (double !== undefined)
    throw damaged({ path: `${path}[${double >>> 1}]` }, "has a tuple that is there already");
}

/** Both tuples of all connections, one behind the other: words in rows of one width. */
function tuplesOf(columns: ConnectionColumns, length: number, size: number) {
  const wide = size / 4;
  const width = 2 * wide + 2;
  const words = new Uint32Array(2 * length * width);
  const sides = [
    [columns.origSaddr, columns.origDaddr, columns.origSport, columns.origDport],
    [columns.replySaddr, columns.replyDaddr, columns.replySport, columns.replyDport],
  ] as const;
  sides.forEach(([saddr, daddr, sport, dport], side) => {
    const [from, to] = [saddr, daddr].map((column) => new Uint32Array(column.buffer)) as [
      Uint32Array,
      Uint32Array,
    ];
    for (let row = 0; row < length; row++) {
      const at = (2 * row + side) * width;
      for (let i = 0; i < wide; i++) {
        words[at + i] = from[row * wide + i] as number;
        words[at + wide + i] = to[row * wide + i] as number;
      }
      words[at + 2 * wide] = ((sport[row] as number) << 16) | (dport[row] as number);
      words[at + 2 * wide + 1] = columns.proto[row] as number;
    }
  });
  return { words, width };
}

const IPV4_AT = 12;
const MAPPED = "0,0,0,0,0,0,0,0,0,0,255,255";

function checkClients({ length, columns }: Table<typeof CLIENTS>): void {
  const { family, address, service, timeout, backend, used } = columns;
  const isPlace = (at: number) => isTime(used[at] as number, TIME_MAX);
  checkRows("clients", length, (row) => {
    const start = address.subarray(16 * row, 16 * row + IPV4_AT);
    const [first, second] = [backend[2 * row] as number, backend[2 * row + 1] as number];
    return (
      (family[row] === 6 || (family[row] === 4 && start.join() === MAPPED)) &&
      service[row] !== 0 &&
      (timeout[row] as number) <= TIMEOUT_MAX &&
      first !== second &&
      isPlace(2 * row) &&
      isPlace(2 * row + 1)
    );
  });
  const keys = clientKeys(columns, length);
  const double = findDouble(keys);
  if (double !== undefined) throw damaged({ path: `clients[${double}]` }, "is there already");
}

/** Address and service port, and the family: an IPv4 address may be written as an IPv6 one. */
function clientKeys({ address, service }: Table<typeof CLIENTS>["columns"], length: number) {
  const width = 5;
  const words = new Uint32Array(length * width);
  const addresses = new Uint32Array(address.buffer);
  for (let row = 0; row < length; row++) {
    words.set(addresses.subarray(4 * row, 4 * row + 4), row * width);
    words[row * width + 4] = service[row] as number;
  }
  return { words, width };
}
