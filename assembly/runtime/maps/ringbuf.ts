/**
 * ringbuf: records from programs to the host in the order in which room was taken for them, kernel/bpf/ringbuf.c.
 * Where the kernel maps its pages twice, the data area is twice as long: a record that begins before the end goes on
 * behind it, and the next one begins as far behind the start.
 *
 *  | record, 8 + length, rounded up to 8 | record | ...   size | the end of a last record | size * 2
 */
import {
  EAGAIN,
  EINVAL,
  MAP_HEADER_MAGIC,
  MAP_HEADER_SIZE,
  MAP_TYPE_RINGBUF,
  RINGBUF_AVAIL_DATA,
  RINGBUF_BUSY,
  RINGBUF_CONSUMER,
  RINGBUF_DISCARD,
  RINGBUF_PRODUCER,
  RINGBUF_RECORD_HEADER_SIZE,
  RINGBUF_SIZE,
} from "../../../abi/program";
import { RINGBUF_LOST } from "../../../abi/runtime";
import { Header, touch, valid } from "./map";

@unmanaged
export class Ring extends Header {
  /** Bytes that were ever taken, and that were ever read. */
  producer: u64;
  consumer: u64;
  /** Records that found no room. */
  lost: u32;
  /** Address of the ring that was made before it, so that a record finds its ring. */
  before: u32;
  reserved: u32;
}
if (offsetof<Ring>("reserved") + sizeof<u32>() != MAP_HEADER_MAGIC) ERROR("a map's header is 64 bytes");
if (offsetof<Ring>("lost") != RINGBUF_LOST) ERROR("Ring.lost drifted from abi/runtime");

/** RINGBUF_MAX_RECORD_SZ there. */
const RECORD_MAX: u32 = 0xffffffff / 4;
const BUSY: u32 = <u32>RINGBUF_BUSY;
const LENGTH: u32 = ~(BUSY | RINGBUF_DISCARD);

/** The ring that was made last. */
let rings: usize = 0;

export function sizeOf(bytes: u32): u64 {
  return MAP_HEADER_SIZE + 2 * <u64>bytes;
}

export function init(map: Ring): void {
  map.values = <u32>changetype<usize>(map) + MAP_HEADER_SIZE;
  map.before = <u32>rings;
  rings = changetype<usize>(map);
}

/** A ring that nobody uses any more leaves the list. */
export function free(map: Ring): void {
  if (rings == changetype<usize>(map)) {
    rings = map.before;
    return;
  }
  let ring = changetype<Ring>(rings);
  while (ring.before != <u32>changetype<usize>(map)) ring = changetype<Ring>(<usize>ring.before);
  ring.before = map.before;
}

/** Bytes that a record of `length` takes with its header. */
// @ts-ignore: decorator
@inline
function sizeFor(length: u32): u32 {
  return (length + RINGBUF_RECORD_HEADER_SIZE + 7) & ~7;
}

// @ts-ignore: decorator
@inline
function recordAt(map: Ring, position: u64): usize {
  return <usize>map.values + (<u32>position & (map.maxEntries - 1));
}

/** Room for a record that is busy until it is submitted or discarded; its address, 0 when there is none. */
export function take(map: Ring, length: u32): usize {
  const size = sizeFor(length);
  const filled = map.producer + size - map.consumer;
  if (length > RECORD_MAX || filled >= map.maxEntries) {
    map.lost++;
    return 0;
  }
  const record = recordAt(map, map.producer);
  store<u64>(record, length | BUSY);
  map.producer += size;
  map.length = <u32>filled;
  return record + RINGBUF_RECORD_HEADER_SIZE;
}

export function reserve(map: usize, size: u32): usize {
  return isRing(map) ? take(changetype<Ring>(map), size) : 0;
}

export function submit(sample: usize): void {
  commit(sample, 0);
}

export function discard(sample: usize): void {
  commit(sample, RINGBUF_DISCARD);
}

/** What `take` has returned is no longer busy; anything else is left alone. */
function commit(sample: usize, bits: u32): void {
  const record = sample - RINGBUF_RECORD_HEADER_SIZE;
  if (!isRecord(record)) return;
  const length = load<u32>(record);
  if ((length & BUSY) != 0) store<u32>(record, (length & ~BUSY) | bits);
}

/** Whether an address is where a record can begin that was taken and not read. */
function isRecord(at: usize): bool {
  for (let ring = rings; ring != 0; ring = changetype<Ring>(ring).before) {
    const map = changetype<Ring>(ring);
    const offset = <u32>at - map.values;
    const behind = (offset - <u32>map.consumer) & (map.maxEntries - 1);
    if (offset < map.maxEntries) return (offset & 7) == 0 && behind < map.length;
  }
  return false;
}

export function output(map: usize, data: usize, size: u32): i32 {
  if (!isRing(map)) return -EINVAL;
  if (size <= RECORD_MAX) touch(data, size);
  const sample = take(changetype<Ring>(map), size);
  if (sample == 0) return -EAGAIN;
  memory.copy(sample, data, size);
  store<u32>(sample - RINGBUF_RECORD_HEADER_SIZE, size);
  return 0;
}

export function query(map: usize, what: u32): i64 {
  if (!isRing(map)) return -EINVAL;
  const ring = changetype<Ring>(map);
  switch (what) {
    case RINGBUF_AVAIL_DATA:
      return ring.length;
    case RINGBUF_SIZE:
      return ring.maxEntries;
    case RINGBUF_CONSUMER:
      return ring.consumer;
    case RINGBUF_PRODUCER:
      return ring.producer;
    default:
      return 0;
  }
}

// @ts-ignore: decorator
@inline
function isRing(map: usize): bool {
  return valid(map) && changetype<Header>(map).type == MAP_TYPE_RINGBUF;
}

/** The header of the oldest record, when it is complete and wanted; 0 when there is none. */
export function peek(map: Ring): usize {
  while (map.length != 0) {
    const record = recordAt(map, map.consumer);
    const length = load<u32>(record);
    if ((length & BUSY) != 0) return 0;
    if ((length & RINGBUF_DISCARD) == 0) return record;
    skip(map);
  }
  return 0;
}

/** The oldest record has been read. One whose length a program has overwritten takes all behind it along. */
export function skip(map: Ring): void {
  const read = min(sizeAt(map, 0), map.length);
  map.consumer += read;
  map.length -= read;
}

/** Bytes of the record so far behind the oldest, with its header. */
function sizeAt(map: Ring, behind: u32): u32 {
  return sizeFor(load<u32>(recordAt(map, map.consumer + behind)) & LENGTH);
}

/**
 * The number of the record behind one, -1 at the end; -1 asks for the first. The number is an eighth of its position,
 * which stays when those in front of it are read.
 */
export function next(map: Ring, number: i32): i32 {
  let behind: u32 = 0;
  if (number >= 0) {
    behind = (number << 3) - <u32>map.consumer;
    behind = behind < map.length ? behind + sizeAt(map, behind) : 0;
  }
  for (; behind < map.length; behind += sizeAt(map, behind)) {
    const length = load<u32>(recordAt(map, map.consumer + behind));
    if ((length & BUSY) != 0) return -1;
    if ((length & RINGBUF_DISCARD) == 0) return (<u32>map.consumer + behind) >> 3;
  }
  return -1;
}

/** Address of a record's header. */
export function valueAt(map: Ring, number: u32): usize {
  return recordAt(map, <u64>number << 3);
}
