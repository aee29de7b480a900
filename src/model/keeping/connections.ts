/** Connections as the model has them <-> columns. */
import {
  FLAG_ASSURED,
  FLAG_DIRECT,
  FLAG_MASQUERADE,
  FLAG_SEEN_REPLY,
} from "../../../abi/conntrack.ts";
import {
  type Family,
  type Proto,
  type State,
  TIMERS,
  type Timer,
  type Tuple,
} from "../../dataplane/entries.ts";
import {
  ADDRESS_SIZES,
  type ConnectionColumns,
  type ConnectionState,
  createConnectionState,
} from "../../dataplane/snapshot/state.ts";
import * as address from "../../packet/address.ts";
import { SCTP, TCP, UDP } from "../../packet/parse.ts";
import * as conntrack from "../conntrack.ts";
import type { Store, Tracked } from "../store.ts";
import { loadAssociation, saveAssociation } from "./association.ts";
import { loadTrack, saveTrack } from "./track.ts";

const PROTOCOLS: Readonly<Record<Proto, number>> = { tcp: TCP, udp: UDP, sctp: SCTP };

export function saveConnections(store: Store, family: Family): ConnectionState {
  const all = [...conntrack.all(store)].filter(({ orig }) => address.family(orig.saddr) === family);
  const tracks = all.flatMap(({ tcp }) => tcp ?? []);
  const associations = all.flatMap(({ sctp }) => sctp ?? []);
  const state = createConnectionState(family, {
    connections: all.length,
    tracks: tracks.length,
    associations: associations.length,
  });
  for (const [row, connection] of all.entries())
    saveConnection(state.connections.columns, row, connection);
  for (const [row, track] of tracks.entries()) saveTrack(state.tracks.columns, row, track);
  for (const [row, association] of associations.entries())
    saveAssociation(state.associations.columns, row, association);
  return state;
}

function saveConnection(columns: ConnectionColumns, row: number, connection: Tracked): void {
  const { orig, reply, masquerade, seenReply, assured, direct } = connection;
  saveAddress(columns.origSaddr, row, orig.saddr);
  saveAddress(columns.origDaddr, row, orig.daddr);
  saveAddress(columns.replySaddr, row, reply.saddr);
  saveAddress(columns.replyDaddr, row, reply.daddr);
  columns.origSport[row] = orig.sport;
  columns.origDport[row] = orig.dport;
  columns.replySport[row] = reply.sport;
  columns.replyDport[row] = reply.dport;
  columns.proto[row] = PROTOCOLS[orig.proto as Proto];
  columns.state[row] = numberOf(connection.state);
  columns.timer[row] = numberOf(connection.timer);
  columns.flags[row] =
    (masquerade ? FLAG_MASQUERADE : 0) |
    (seenReply ? FLAG_SEEN_REPLY : 0) |
    (assured ? FLAG_ASSURED : 0) |
    (direct ? FLAG_DIRECT : 0);
  columns.backend[row] = connection.backend;
  columns.created[row] = connection.created;
  columns.lastSeen[row] = connection.lastSeen;
}

function saveAddress(column: Uint8Array, row: number, text: string): void {
  const bytes = address.parse(text);
  column.set(bytes, row * bytes.length);
}

/** abi/conntrack numbers them from 1, the states first. */
function numberOf(timer: Timer): number {
  return TIMERS.indexOf(timer) + 1;
}

function nameOf(number: number): Timer {
  return TIMERS[number - 1] as Timer;
}

/** Into a store that has none yet. */
export function loadConnections(store: Store, family: Family, state: ConnectionState): void {
  const next = { track: 0, association: 0 };
  for (let row = 0; row < state.connections.length; row++) {
    const { columns } = state.connections;
    const proto = columns.proto[row];
    const known = {
      tcp: proto === TCP ? loadTrack(state.tracks.columns, next.track++) : null,
      sctp: proto === SCTP ? loadAssociation(state.associations.columns, next.association++) : null,
    };
    conntrack.resume(store, { ...loadConnection(columns, row, family), ...known });
  }
}

function loadConnection(
  columns: ConnectionColumns,
  row: number,
  family: Family,
): Omit<Tracked, "tcp" | "sctp"> {
  const flags = columns.flags[row] as number;
  const has = (flag: number) => (flags & flag) !== 0;
  const { orig, reply } = loadTuples(columns, row, family);
  return {
    orig,
    reply,
    state: nameOf(columns.state[row] as number) as State,
    timer: nameOf(columns.timer[row] as number),
    backend: columns.backend[row] as number,
    direct: has(FLAG_DIRECT),
    masquerade: has(FLAG_MASQUERADE),
    seenReply: has(FLAG_SEEN_REPLY),
    assured: has(FLAG_ASSURED),
    created: columns.created[row] as number,
    lastSeen: columns.lastSeen[row] as number,
  };
}

function loadTuples(
  columns: ConnectionColumns,
  row: number,
  family: Family,
): { orig: Tuple; reply: Tuple } {
  const size = ADDRESS_SIZES[family];
  const text = (column: Uint8Array) =>
    address.format(column.subarray(row * size, (row + 1) * size));
  const number = columns.proto[row];
  const proto = Object.keys(PROTOCOLS).find((name) => PROTOCOLS[name as Proto] === number) as Proto;
  return {
    orig: {
      saddr: text(columns.origSaddr),
      sport: columns.origSport[row] as number,
      daddr: text(columns.origDaddr),
      dport: columns.origDport[row] as number,
      proto,
    },
    reply: {
      saddr: text(columns.replySaddr),
      sport: columns.replySport[row] as number,
      daddr: text(columns.replyDaddr),
      dport: columns.replyDport[row] as number,
      proto,
    },
  };
}
