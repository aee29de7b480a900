/**
 * Lays out memory behind the static data: tables first, then what the host fills. Every size is
 * known before the first packet, so nothing is allocated later.
 *
 *  | tables and arrays | descriptors | frames, each behind its headroom | jumbo frame | scratch |
 */
import { DESC_SIZE, RELEASED_SIZE } from "../../abi/layout";
import { DATAGRAM_MAX, FRAME_MAX } from "../../abi/limits";
import * as balance from "../flow/balance";
import * as random from "../flow/random";
import { Address } from "../maps/addresses";
import * as addresses from "../maps/addresses";
import { Affinity } from "../maps/affinity";
import * as affinity from "../maps/affinity";
import { Rows } from "../maps/array";
import { Backend } from "../maps/backends";
import * as backends from "../maps/backends";
import { TABLE4, TABLE6, Tuple4, Tuple6, sizeOf } from "../maps/connections";
import { Datagram } from "../maps/datagrams";
import * as datagrams from "../maps/datagrams";
import { Endpoint } from "../maps/endpoints";
import * as endpoints from "../maps/endpoints";
import * as hash from "../maps/hash";
import * as held from "../maps/held";
import { Interface } from "../maps/interfaces";
import { BUCKET_SIZE, bucketsFor } from "../maps/index";
import * as interfaces from "../maps/interfaces";
import { Range } from "../maps/ranges";
import * as ranges from "../maps/ranges";
import * as records from "../maps/records";
import { RINGS, Ring, SLOTS, Slot } from "../maps/rings";
import { Service } from "../maps/services";
import * as services from "../maps/services";
import { CONTROL_SIZE, GROUP_SLOTS, Table, groupsFor } from "../maps/swiss";
import { ServiceTraffic, Traffic } from "../maps/traffic";
import * as traffic from "../maps/traffic";
import * as crc32c from "../wire/crc32c";

const LINE: u64 = 64;
const SCRATCH_SIZE: u64 = 4096;
/** Above this an address plus the longest IP packet would not fit 32 bits. */
const END_MAX: u64 = 0x100000000 - 0x10000;

/** End of what is laid out so far; 64 bits, so that sums of capacities cannot wrap. */
let end: u64 = 0;
let descriptorBase: usize = 0;
let frameBase: usize = 0;
let stride: u32 = 0;
let jumboBase: usize = 0;
let scratchBase: usize = 0;

/**
 * Lays everything out for the capacities and keys what is seeded. Returns the bytes of memory
 * needed, 0 when they are more than 32 bits can address; table memory itself must come zeroed.
 */
export function configure(
  frontends: u32,
  backendCount: u32,
  serviceCount: u32,
  slots: u32,
  rangeCount: u32,
  addressCount: u32,
  interfaceCount: u32,
  connections: u32,
  connections6: u32,
  clients: u32,
  datagramCount: u32,
  fragments: u32,
  batch: u32,
  frame: u32,
  headroom: u32,
  seed: u32,
): usize {
  end = <u64>__heap_base;
  placeTable<Service>(services.TABLE, frontends);
  placeTable<Address>(addresses.TABLE, addressCount);
  placeTable<Endpoint>(endpoints.TABLE, backendCount);
  placeTable<Affinity>(affinity.TABLE, clients);
  placeConnections(TABLE4, connections, sizeOf<Tuple4>());
  placeConnections(TABLE6, connections6, sizeOf<Tuple6>());
  placeRows<Backend>(backends.ROWS, <u64>backendCount + 1);
  placeRows<Traffic>(traffic.BACKENDS, <u64>backendCount + 1);
  placeRows<ServiceTraffic>(traffic.SERVICES, <u64>serviceCount + 1);
  placeRows<Ring>(RINGS, (<u64>serviceCount + 1) * 2);
  placeRows<Slot>(SLOTS, slots);
  placeRows<Interface>(interfaces.ROWS, <u64>interfaceCount + 1);
  placeRows<Range>(ranges.ROWS, rangeCount);
  placeDatagrams(datagramCount, fragments, frame);
  placeFrames(batch, frame, headroom);
  keySeeds(seed);
  return end > END_MAX ? 0 : <usize>end;
}

/** Takes `size` bytes on a cache line of their own. */
function take(size: u64): usize {
  const at = (end + LINE - 1) & ~(LINE - 1);
  end = at + size;
  return <usize>at;
}

function placeTable<E>(table: Table, capacity: u64): void {
  const groups = groupsFor(capacity);
  table.control = take(groups * CONTROL_SIZE);
  table.entries = take(groups * GROUP_SLOTS * offsetof<E>());
  table.groups = <u32>groups;
  table.capacity = <u32>capacity;
  table.length = 0;
}

/** Every connection has two tuples. */
function placeConnections(table: records.Table, capacity: u64, size: u32): void {
  const buckets = bucketsFor(capacity * 2);
  table.buckets = take(buckets * BUCKET_SIZE);
  table.count = <u32>buckets;
  table.size = size;
  table.records = take(capacity * size);
  table.capacity = <u32>capacity;
  table.length = 0;
  table.end = table.records;
  table.free = 0;
}

function placeRows<E>(rows: Rows, length: u64): void {
  rows.base = take(length * offsetof<E>());
  rows.length = <u32>length;
}

function placeDatagrams(count: u32, fragments: u32, frame: u32): void {
  placeTable<Datagram>(datagrams.TABLE, count);
  const bitmaps = take(datagrams.bitmapsSize(datagrams.TABLE.groups));
  datagrams.place(bitmaps, take(DATAGRAM_MAX + 1));
  const places = take(<u64>fragments * held.sizeOf(frame));
  held.place(fragments, frame, places, take(<u64>fragments * RELEASED_SIZE));
}

/** `headroom` is whole cache lines, what a reject needs at least. */
function placeFrames(batch: u32, frame: u32, headroom: u32): void {
  const slot = oddLines(<u64>headroom + <u64>frame) * LINE;
  descriptorBase = take(<u64>batch * DESC_SIZE);
  frameBase = take(<u64>batch * slot) + headroom;
  stride = <u32>slot;
  jumboBase = take(<u64>headroom + FRAME_MAX) + headroom;
  scratchBase = take(SCRATCH_SIZE);
}

/**
 * Cache lines for `size` bytes, always an odd number: the headers of all slots then spread over all
 * sets of a cache. A ring of 4,096 slots of 2 KiB took 25 ns a packet, of 2 KiB and a line 20 ns.
 */
function oddLines(size: u64): u64 {
  return ((size + LINE - 1) / LINE) | 1;
}

function keySeeds(seed: u32): void {
  hash.init(seed);
  random.init(seed);
  balance.init(seed);
}

/** Fills the tables that are computed. To be called once memory has grown. */
export function start(): void {
  crc32c.init();
}

/** The ring of descriptors. */
export function descriptors(): usize {
  return descriptorBase;
}

/** Where slot 0 takes its frame; the headroom lies in front. */
export function frames(): usize {
  return frameBase;
}

/** Bytes from one slot to the next. */
export function frameStride(): u32 {
  return stride;
}

/** Where a frame of any size goes, up to FRAME_MAX. */
export function jumbo(): usize {
  return jumboBase;
}

/** Room for keys and records of calls, 4 KiB. */
export function scratch(): usize {
  return scratchBase;
}
