/** What the packet path keeps <-> the records of abi/layout: connections and remembered clients. */
import { FLAG_ASSURED, FLAG_MASQUERADE, FLAG_SEEN_REPLY } from "../../abi/conntrack.ts";
import * as layout from "../../abi/layout.ts";
import * as address from "../packet/address.ts";
import {
  familyName,
  familyNumber,
  type Memory,
  PROTO_NUMBER,
  protoName,
  readOwnAddress,
  TIMER_NAMES,
  writeAddress,
} from "./codec.ts";
import type {
  AffinityEntry,
  Connection,
  Entries,
  Family,
  Proto,
  RememberedBackend,
  State,
  Timer,
  Tuple,
} from "./entries.ts";

export function writeAffinityKey(
  memory: Memory,
  at: number,
  key: Entries["affinity"]["key"],
): void {
  const family = address.family(key.address);
  writeAddress(memory, at + layout.AFFINITY_ADDRESS, family, key.address);
  memory.bytes[at + layout.AFFINITY_FAMILY] = familyNumber(family);
  memory.view.setUint32(at + layout.AFFINITY_SERVICE, key.service, true);
}

/** Two places; one without a backend is free. */
const PLACES = [
  { backend: layout.AFFINITY_BACKEND0, used: layout.AFFINITY_USED0 },
  { backend: layout.AFFINITY_BACKEND1, used: layout.AFFINITY_USED1 },
] as const;

/** `base` is taken from the times. */
export function writeAffinity(
  { view }: Memory,
  at: number,
  { backends, timeout }: AffinityEntry,
  base: number,
): void {
  view.setUint32(at + layout.AFFINITY_TIMEOUT, timeout, true);
  PLACES.forEach((place, index) => {
    const { backend, used } = backends[index] ?? { backend: 0, used: base };
    view.setUint32(at + place.backend, backend, true);
    view.setUint32(at + place.used, Math.max(0, used - base), true);
  });
}

export function readAffinityKey(memory: Memory, at: number): Entries["affinity"]["key"] {
  const family = familyName(memory.bytes[at + layout.AFFINITY_FAMILY] as number);
  return {
    service: memory.view.getUint32(at + layout.AFFINITY_SERVICE, true),
    address: readOwnAddress(memory, at + layout.AFFINITY_ADDRESS, family),
  };
}

/** `base` is added to the times of the record. */
export function readAffinity({ view }: Memory, at: number, base: number): AffinityEntry {
  const backends = PLACES.map(
    (place): RememberedBackend => ({
      backend: view.getUint32(at + place.backend, true),
      used: view.getUint32(at + place.used, true) + base,
    }),
  );
  return {
    backends: backends.filter(({ backend }) => backend !== 0),
    timeout: view.getUint32(at + layout.AFFINITY_TIMEOUT, true),
  };
}

interface TupleOffsets {
  readonly saddr: number;
  readonly daddr: number;
  readonly sport: number;
  readonly dport: number;
  readonly proto: number;
  readonly size: number;
}

const TUPLE: Readonly<Record<Family, TupleOffsets>> = {
  ipv4: {
    saddr: layout.CT4_SADDR,
    daddr: layout.CT4_DADDR,
    sport: layout.CT4_SPORT,
    dport: layout.CT4_DPORT,
    proto: layout.CT4_PROTO,
    size: layout.CT4_TUPLE_SIZE,
  },
  ipv6: {
    saddr: layout.CT6_SADDR,
    daddr: layout.CT6_DADDR,
    sport: layout.CT6_SPORT,
    dport: layout.CT6_DPORT,
    proto: layout.CT6_PROTO,
    size: layout.CT6_TUPLE_SIZE,
  },
};

export function writeTuple(
  { bytes, view }: Memory,
  at: number,
  family: Family,
  tuple: Tuple,
): void {
  const offsets = TUPLE[family];
  bytes.set(address.parse(tuple.saddr), at + offsets.saddr);
  bytes.set(address.parse(tuple.daddr), at + offsets.daddr);
  view.setUint16(at + offsets.sport, tuple.sport);
  view.setUint16(at + offsets.dport, tuple.dport);
  view.setUint32(at + offsets.proto, PROTO_NUMBER[tuple.proto as Proto] ?? 0, true);
}

function readTuple({ bytes, view }: Memory, at: number, family: Family): Tuple {
  const offsets = TUPLE[family];
  const size = family === "ipv4" ? 4 : 16;
  const addressAt = (offset: number) =>
    address.format(bytes.subarray(at + offset, at + offset + size));
  return {
    saddr: addressAt(offsets.saddr),
    sport: view.getUint16(at + offsets.sport),
    daddr: addressAt(offsets.daddr),
    dport: view.getUint16(at + offsets.dport),
    proto: protoName(bytes[at + offsets.proto]),
  };
}

/** Whether a ref means the direction that did not open the connection. */
export function isReply(ref: number): boolean {
  return (ref & 1) !== 0;
}

/** The tuple that opened the connection at `at`. */
export function readOrig(memory: Memory, at: number, family: Family): Tuple {
  return readTuple(memory, at + layout.CT_TUPLES, family);
}

/** `base` is added to the times of the record. */
export function readConnection(
  memory: Memory,
  at: number,
  family: Family,
  base: number,
): Connection {
  const { view, bytes } = memory;
  const flags = bytes[at + layout.CT_FLAGS] as number;
  return {
    reply: readTuple(memory, at + layout.CT_TUPLES + TUPLE[family].size, family),
    state: TIMER_NAMES[bytes[at + layout.CT_STATE] as number] as State,
    timer: TIMER_NAMES[bytes[at + layout.CT_TIMER] as number] as Timer,
    backend: view.getUint32(at + layout.CT_BACKEND, true),
    masquerade: (flags & FLAG_MASQUERADE) !== 0,
    seenReply: (flags & FLAG_SEEN_REPLY) !== 0,
    assured: (flags & FLAG_ASSURED) !== 0,
    created: view.getUint32(at + layout.CT_CREATED, true) + base,
    lastSeen: view.getUint32(at + layout.CT_LAST_SEEN, true) + base,
  };
}
