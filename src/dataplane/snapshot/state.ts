/**
 * What an engine keeps from one packet to the next beside the maps of the control plane, in the form in which engines
 * hand it to each other: typed columns, neither records of one nor objects of the other. Times are milliseconds of the
 * engine's clock. Fragments under way are not part of it.
 */
import type { Counters, Traffic } from "../counters.ts";
import type { Family } from "../entries.ts";
import { type Columns, createTable, type Table } from "./columns.ts";

/** Bytes of an address. */
export const ADDRESS_SIZES: Readonly<Record<Family, number>> = { ipv4: 4, ipv6: 16 };

/**
 * Connections of a family. orig is the tuple of the direction that opened it, reply that of its answers; addresses as
 * in packets.
 */
const CONNECTION = {
  origSport: ["u16"],
  origDport: ["u16"],
  replySport: ["u16"],
  replyDport: ["u16"],
  /** IANA's number. */
  proto: ["u8"],
  /** STATE_ and TIMER_ of abi/conntrack. */
  state: ["u8"],
  timer: ["u8"],
  /** FLAG_ of abi/conntrack. */
  flags: ["u8"],
  backend: ["u32"],
  created: ["f64"],
  lastSeen: ["f64"],
} as const;

function connectionSchema<const Size extends number>(size: Size) {
  return {
    origSaddr: ["u8", size],
    origDaddr: ["u8", size],
    replySaddr: ["u8", size],
    replyDaddr: ["u8", size],
    ...CONNECTION,
  } as const;
}
export const CONNECTIONS = {
  ipv4: connectionSchema(ADDRESS_SIZES.ipv4),
  ipv6: connectionSchema(ADDRESS_SIZES.ipv6),
} as const;
export type ConnectionColumns = Columns<ReturnType<typeof connectionSchema<number>>>;

/**
 * Of the TCP connections of a family in their order: struct ip_ct_tcp of the kernel's nf_conntrack_tcp.h. Two numbers
 * where it says 2: of who opened the connection, then of the other. `maxEnd` limits what that side itself may send;
 * `maxAck` is 0 without SIDE_MAX_ACK.
 */
export const TRACKS = {
  end: ["u32", 2],
  maxEnd: ["u32", 2],
  maxWindow: ["u32", 2],
  maxAck: ["u32", 2],
  /** SIDE_ below. */
  sideFlags: ["u8", 2],
  scale: ["u8", 2],
  lastSeq: ["u32"],
  lastEnd: ["u32"],
  lastAck: ["u32"],
  lastWindow: ["u16"],
  /** Index in KINDS. */
  lastKind: ["u8"],
  /** 0 for who opened the connection, 1 for the other. */
  lastDirection: ["u8"],
  /** LAST_ below. */
  lastFlags: ["u8"],
  lastScale: ["u8"],
  retransmissions: ["u8"],
} as const;

export const SIDE_SCALES = 0x01;
export const SIDE_SACK = 0x02;
export const SIDE_CLOSES = 0x04;
export const SIDE_LIBERAL = 0x08;
export const SIDE_UNACKNOWLEDGED = 0x10;
export const SIDE_MAX_ACK = 0x20;
export const SIDE_FLAGS_MAX = 0x3f;

export const LAST_SCALES = 0x01;
export const LAST_SACK = 0x02;
export const LAST_CHALLENGED = 0x04;
export const LAST_SIMULTANEOUS = 0x08;
export const LAST_FLAGS_MAX = 0x0f;

/** Kinds of TCP segments. */
export const KINDS = ["none", "syn", "synack", "fin", "ack", "rst"] as const;

/** Of the SCTP associations of a family in their order: struct ip_ct_sctp. */
export const ASSOCIATIONS = {
  /** Verification tags that packets carry: of who opened it, of the other. */
  tag: ["u32", 2],
  /** ASSOCIATION_ below. */
  flags: ["u8"],
} as const;

/** Who has sent an INIT that no cookie has settled yet. */
export const ASSOCIATION_INIT = [0x01, 0x02] as const;
/** A HEARTBEAT came with a tag that is not the direction's; the second bit when it was the other's. */
export const ASSOCIATION_STRANGE = 0x04;
export const ASSOCIATION_STRANGE_REPLY = 0x08;
export const ASSOCIATION_FLAGS_MAX = 0x0f;

/** Clients that session affinity remembers. A place without a backend is free. */
export const CLIENTS = {
  /** 4 or 6. */
  family: ["u8"],
  /** IPv4 mapped to ::ffff:a.b.c.d. */
  address: ["u8", 16],
  service: ["u32"],
  timeout: ["u32"],
  backend: ["u32", 2],
  used: ["f64", 2],
} as const;

/** Of one family. */
export interface ConnectionState {
  readonly connections: Table<ReturnType<typeof connectionSchema<number>>>;
  readonly tracks: Table<typeof TRACKS>;
  readonly associations: Table<typeof ASSOCIATIONS>;
}

export interface EngineState {
  /** Key of Maglev's hash. */
  readonly seed: number;
  /** State of the random source. */
  readonly random: number;
  readonly now: number;
  readonly lastSweep: number;
  /** What stands for all times before it: a 32-bit clock has forgotten them. */
  readonly origin: number;
  readonly families: Readonly<Record<Family, ConnectionState>>;
  readonly clients: Table<typeof CLIENTS>;
  readonly counters: Counters;
  /** Rows that are not all zero, by number. */
  readonly backends: readonly (readonly [number: number, traffic: Traffic])[];
  readonly services: readonly (readonly [number: number, refusals: Refusals])[];
}

export interface Refusals {
  readonly rejected: number;
  readonly dropped: number;
}

export interface Lengths {
  readonly connections: number;
  readonly tracks: number;
  readonly associations: number;
}

/** All zero. */
export function createConnectionState(family: Family, lengths: Lengths): ConnectionState {
  return {
    connections: createTable(CONNECTIONS[family], lengths.connections),
    tracks: createTable(TRACKS, lengths.tracks),
    associations: createTable(ASSOCIATIONS, lengths.associations),
  } as ConnectionState;
}
