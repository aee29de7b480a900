/** Connections in the memory of the Wasm packet path <-> columns. */
import * as layout from "../../../abi/layout.ts";
import { SCTP, TCP } from "../../packet/parse.ts";
import type { Family } from "../entries.ts";
import { type Access, occupied } from "../maps/access.ts";
import { ADDRESS_SIZES, type ConnectionState, createConnectionState } from "../snapshot/state.ts";
import { readAssociation, writeAssociation } from "./associations.ts";
import { readTrack, writeTrack } from "./tracks.ts";

/** Where a family's records have what. */
interface Shape {
  readonly map: number;
  readonly size: number;
  /** From the beginning of a tuple. */
  readonly saddr: number;
  readonly daddr: number;
  readonly sport: number;
  readonly dport: number;
  readonly proto: number;
  /** From one tuple to the next. */
  readonly tupleSize: number;
  readonly track: number;
}

const SHAPES: Readonly<Record<Family, Shape>> = {
  ipv4: {
    map: layout.MAP_CONNTRACK4,
    size: layout.CT4_SIZE,
    saddr: layout.CT4_SADDR,
    daddr: layout.CT4_DADDR,
    sport: layout.CT4_SPORT,
    dport: layout.CT4_DPORT,
    proto: layout.CT4_PROTO,
    tupleSize: layout.CT4_TUPLE_SIZE,
    track: layout.CT4_TRACK,
  },
  ipv6: {
    map: layout.MAP_CONNTRACK6,
    size: layout.CT6_SIZE,
    saddr: layout.CT6_SADDR,
    daddr: layout.CT6_DADDR,
    sport: layout.CT6_SPORT,
    dport: layout.CT6_DPORT,
    proto: layout.CT6_PROTO,
    tupleSize: layout.CT6_TUPLE_SIZE,
    track: layout.CT6_TRACK,
  },
};

/** `epoch` is added to the times of the records. */
export function readConnections(access: Access, family: Family, epoch: number): ConnectionState {
  const { bytes } = access.memory;
  const records = Float64Array.from(occupied(access, SHAPES[family].map));
  const lengths = { connections: records.length, tracks: 0, associations: 0 };
  for (const at of records) {
    if (bytes[at + layout.CT_PROTO] === TCP) lengths.tracks++;
    if (bytes[at + layout.CT_PROTO] === SCTP) lengths.associations++;
  }
  const state = createConnectionState(family, lengths);
  const next = { track: 0, association: 0 };
  records.forEach((at, row) => {
    readRecord(access, at, { state, row, family, epoch });
    const track = at + SHAPES[family].track;
    const proto = bytes[at + layout.CT_PROTO];
    if (proto === TCP) readTrack(access.memory, track, state.tracks.columns, next.track++);
    if (proto === SCTP)
      readAssociation(access.memory, track, state.associations.columns, next.association++);
  });
  return state;
}

interface Target {
  readonly state: ConnectionState;
  readonly row: number;
  readonly family: Family;
  readonly epoch: number;
}

function readRecord({ memory }: Access, at: number, { state, row, family, epoch }: Target): void {
  const { bytes, view } = memory;
  const { columns } = state.connections;
  columns.proto[row] = bytes[at + layout.CT_PROTO] as number;
  columns.state[row] = bytes[at + layout.CT_STATE] as number;
  columns.timer[row] = bytes[at + layout.CT_TIMER] as number;
  columns.flags[row] = bytes[at + layout.CT_FLAGS] as number;
  columns.backend[row] = view.getUint32(at + layout.CT_BACKEND, true);
  columns.created[row] = view.getUint32(at + layout.CT_CREATED, true) + epoch;
  columns.lastSeen[row] = view.getUint32(at + layout.CT_LAST_SEEN, true) + epoch;
  const shape = SHAPES[family];
  const [orig, reply] = [at + layout.CT_TUPLES, at + layout.CT_TUPLES + shape.tupleSize];
  columns.origSport[row] = view.getUint16(orig + shape.sport);
  columns.origDport[row] = view.getUint16(orig + shape.dport);
  columns.replySport[row] = view.getUint16(reply + shape.sport);
  columns.replyDport[row] = view.getUint16(reply + shape.dport);
  const size = ADDRESS_SIZES[family];
  for (let i = 0, to = row * size; i < size; i++, to++) {
    columns.origSaddr[to] = bytes[orig + shape.saddr + i] as number;
    columns.origDaddr[to] = bytes[orig + shape.daddr + i] as number;
    columns.replySaddr[to] = bytes[reply + shape.saddr + i] as number;
    columns.replyDaddr[to] = bytes[reply + shape.daddr + i] as number;
  }
}

/** Takes in connections of which the map has none yet and room for all. `epoch` is taken from their times. */
export function writeConnections(
  access: Access,
  family: Family,
  epoch: number,
  state: ConnectionState,
): void {
  const { map, size, track } = SHAPES[family];
  const { exports, memory, scratch } = access;
  const { proto } = state.connections.columns;
  const next = { track: 0, association: 0 };
  for (let row = 0; row < state.connections.length; row++) {
    memory.bytes.fill(0, scratch, scratch + size);
    writeRecord(access, { state, row, family, epoch });
    if (proto[row] === TCP) writeTrack(memory, scratch + track, state.tracks.columns, next.track++);
    if (proto[row] === SCTP)
      writeAssociation(memory, scratch + track, state.associations.columns, next.association++);
    exports.adopt(map, scratch);
  }
}

function writeRecord({ memory, scratch: at }: Access, target: Target): void {
  const { bytes, view } = memory;
  const { state, row, epoch } = target;
  const { columns } = state.connections;
  const sinceEpoch = (time: number | undefined) => Math.max(0, (time as number) - epoch);
  bytes[at + layout.CT_PROTO] = columns.proto[row] as number;
  bytes[at + layout.CT_STATE] = columns.state[row] as number;
  bytes[at + layout.CT_TIMER] = columns.timer[row] as number;
  bytes[at + layout.CT_FLAGS] = columns.flags[row] as number;
  view.setUint32(at + layout.CT_BACKEND, columns.backend[row] as number, true);
  view.setUint32(at + layout.CT_CREATED, sinceEpoch(columns.created[row]), true);
  view.setUint32(at + layout.CT_LAST_SEEN, sinceEpoch(columns.lastSeen[row]), true);
  writeTuples(memory, at + layout.CT_TUPLES, target);
}

/** Both of them, one behind the other. */
function writeTuples(
  { bytes, view }: Access["memory"],
  orig: number,
  { state, row, family }: Target,
): void {
  const { columns } = state.connections;
  const { saddr, daddr, sport, dport, proto, tupleSize } = SHAPES[family];
  const reply = orig + tupleSize;
  view.setUint16(orig + sport, columns.origSport[row] as number);
  view.setUint16(orig + dport, columns.origDport[row] as number);
  view.setUint16(reply + sport, columns.replySport[row] as number);
  view.setUint16(reply + dport, columns.replyDport[row] as number);
  view.setUint32(orig + proto, columns.proto[row] as number, true);
  view.setUint32(reply + proto, columns.proto[row] as number, true);
  const size = ADDRESS_SIZES[family];
  for (let i = 0, from = row * size; i < size; i++, from++) {
    bytes[orig + saddr + i] = columns.origSaddr[from] as number;
    bytes[orig + daddr + i] = columns.origDaddr[from] as number;
    bytes[reply + saddr + i] = columns.replySaddr[from] as number;
    bytes[reply + daddr + i] = columns.replyDaddr[from] as number;
  }
}
