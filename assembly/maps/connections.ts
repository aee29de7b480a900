/**
 * conntrack4 and conntrack6: tuple -> connection, one record for both directions. Written and read
 * by the packet path. K is the class of the tuple, and stands for the family.
 */
import * as layout from "../../abi/layout";
import { hash } from "./hash";
import * as index from "./index";
import { keyOf } from "./index";
import * as records from "./records";
import { Table } from "./records";
import { copy } from "./swiss";

@unmanaged
export class Tuple4 {
  saddr: u32;
  daddr: u32;
  sport: u16;
  dport: u16;
  proto: u32;
}
if (offsetof<Tuple4>() != layout.CT4_TUPLE_SIZE) ERROR("Tuple4 drifted from abi/layout");
if (offsetof<Tuple4>("saddr") != layout.CT4_SADDR) ERROR("Tuple4.saddr drifted");
if (offsetof<Tuple4>("daddr") != layout.CT4_DADDR) ERROR("Tuple4.daddr drifted");
if (offsetof<Tuple4>("sport") != layout.CT4_SPORT) ERROR("Tuple4.sport drifted");
if (offsetof<Tuple4>("dport") != layout.CT4_DPORT) ERROR("Tuple4.dport drifted");
if (offsetof<Tuple4>("proto") != layout.CT4_PROTO) ERROR("Tuple4.proto drifted");

@unmanaged
export class Tuple6 {
  saddr0: u64;
  saddr1: u64;
  daddr0: u64;
  daddr1: u64;
  sport: u16;
  dport: u16;
  proto: u32;
}
if (offsetof<Tuple6>() != layout.CT6_TUPLE_SIZE) ERROR("Tuple6 drifted from abi/layout");
if (offsetof<Tuple6>("saddr0") != layout.CT6_SADDR) ERROR("Tuple6.saddr drifted");
if (offsetof<Tuple6>("daddr0") != layout.CT6_DADDR) ERROR("Tuple6.daddr drifted");
if (offsetof<Tuple6>("sport") != layout.CT6_SPORT) ERROR("Tuple6.sport drifted");
if (offsetof<Tuple6>("dport") != layout.CT6_DPORT) ERROR("Tuple6.dport drifted");
if (offsetof<Tuple6>("proto") != layout.CT6_PROTO) ERROR("Tuple6.proto drifted");

/** What the records of both families begin with; both tuples follow, then the track. */
@unmanaged
export class Connection {
  /** Milliseconds: the last packet of either direction. */
  lastSeen: u32;
  created: u32;
  backend: u32;
  flags: u8;
  state: u8;
  /** Which timeout ends the connection: a STATE_ or a TIMER_. */
  timer: u8;
  proto: u8;
  private deltas0: u32;
  private deltas1: u32;
  private spare: u64;
}
if (offsetof<Connection>() != layout.CT_TUPLES) ERROR("Connection drifted from abi/layout");
if (offsetof<Connection>("lastSeen") != layout.CT_LAST_SEEN) ERROR("Connection.lastSeen drifted");
if (offsetof<Connection>("created") != layout.CT_CREATED) ERROR("Connection.created drifted");
if (offsetof<Connection>("backend") != layout.CT_BACKEND) ERROR("Connection.backend drifted");
if (offsetof<Connection>("state") != layout.CT_STATE) ERROR("Connection.state drifted");
if (offsetof<Connection>("timer") != layout.CT_TIMER) ERROR("Connection.timer drifted");
if (offsetof<Connection>("flags") != layout.CT_FLAGS) ERROR("Connection.flags drifted");
if (offsetof<Connection>("proto") != layout.CT_PROTO) ERROR("Connection.proto drifted");
if (offsetof<Connection>("deltas0") != layout.CT_DELTAS) ERROR("Connection.deltas drifted");

export const TABLE4 = changetype<Table>(memory.data(offsetof<Table>(), 16));
export const TABLE6 = changetype<Table>(memory.data(offsetof<Table>(), 16));

// @ts-ignore: decorator
@inline
export function tableOf<K>(): Table {
  return offsetof<K>() == layout.CT4_TUPLE_SIZE ? TABLE4 : TABLE6;
}

/** Bytes of a record. */
// @ts-ignore: decorator
@inline
export function sizeOf<K>(): u32 {
  return offsetof<K>() == layout.CT4_TUPLE_SIZE ? layout.CT4_SIZE : layout.CT6_SIZE;
}
if (layout.CT_TUPLES + 2 * layout.CT4_TUPLE_SIZE > layout.CT4_TRACK) ERROR("no room for tuples");
if (layout.CT_TUPLES + 2 * layout.CT6_TUPLE_SIZE > layout.CT6_TRACK) ERROR("no room for tuples");

/** The connection that a ref belongs to. */
// @ts-ignore: decorator
@inline
export function at(ref: usize): Connection {
  return changetype<Connection>(ref & ~1);
}

/** Direction of a ref: 0 the opener's, 1 the other. */
// @ts-ignore: decorator
@inline
export function directionOf(ref: usize): u32 {
  return <u32>ref & 1;
}

/** The ref of the other direction. */
// @ts-ignore: decorator
@inline
export function inverse(ref: usize): usize {
  return ref ^ 1;
}

/** The tuple that packets of a direction come with. */
// @ts-ignore: decorator
@inline
export function tupleOf<K>(ref: usize): K {
  return changetype<K>(keyOf<K>(ref));
}

// @ts-ignore: decorator
@inline
function deltasAt(ref: usize): usize {
  return (ref & ~1) + directionOf(ref) * layout.CT_DELTAS_SIZE + layout.CT_DELTAS;
}

/** What a direction's translation adds to the checksum of the IPv4 header. */
// @ts-ignore: decorator
@inline
export function ipDeltaOf(ref: usize): u32 {
  return load<u16>(deltasAt(ref), layout.CT_IP_DELTA);
}

/** What it adds to the checksum of the transport. */
// @ts-ignore: decorator
@inline
export function l4DeltaOf(ref: usize): u32 {
  return load<u16>(deltasAt(ref), layout.CT_L4_DELTA);
}

/** Sets the deltas of a direction; those of the other take back what they add. */
export function setDeltas(ref: usize, ip: u32, l4: u32): void {
  store<u16>(deltasAt(ref), ip, layout.CT_IP_DELTA);
  store<u16>(deltasAt(ref), l4, layout.CT_L4_DELTA);
  store<u16>(deltasAt(inverse(ref)), opposite(ip), layout.CT_IP_DELTA);
  store<u16>(deltasAt(inverse(ref)), opposite(l4), layout.CT_L4_DELTA);
}

/** Zero has no other form in a delta: wire/checksum. */
function opposite(delta: u32): u32 {
  return delta == 0 ? 0 : 0xffff - delta;
}

/** Where the protocol keeps what it knows of a connection: TCP its track, SCTP its tags. */
// @ts-ignore: decorator
@inline
export function trackOf<K>(ref: usize): usize {
  const track = offsetof<K>() == layout.CT4_TUPLE_SIZE ? layout.CT4_TRACK : layout.CT6_TRACK;
  return (ref & ~1) + track;
}

/**
 * Makes a connection of two tuples that are in no other one; there must be room. Returns the ref of
 * its first direction. The rest of the record is what it was.
 */
export function insert<K>(tuple: usize, tupleHash: u32, reply: usize, replyHash: u32): usize {
  const table = tableOf<K>();
  assert(index.lookup<K>(table, tuple, tupleHash) == 0, "a tuple is inserted once");
  assert(index.lookup<K>(table, reply, replyHash) == 0, "a tuple is inserted once");
  const ref = records.take(table);
  copy<K>(keyOf<K>(ref), tuple);
  copy<K>(keyOf<K>(inverse(ref)), reply);
  index.insert(table, tupleHash, ref);
  index.insert(table, replyHash, inverse(ref));
  return ref;
}

/** Takes a connection out: who still has a ref of it finds no tuple there. */
export function remove<K>(connection: Connection): void {
  const ref = changetype<usize>(connection);
  forget<K>(ref);
  forget<K>(inverse(ref));
  records.giveBack(tableOf<K>(), ref);
}

function forget<K>(ref: usize): void {
  const tuple = keyOf<K>(ref);
  index.remove(tableOf<K>(), hash<K>(tuple), ref);
  store<u32>(tuple, 0, offsetof<K>("proto"));
}
