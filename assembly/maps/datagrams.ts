/**
 * Fragmented datagrams: what is known of each while its fragments come, RFC 791 section 3.2 and RFC
 * 8200 section 4.5. Written and read by the packet path alone. Those of a family stand in a queue
 * in the order in which they came: all have the same time to live, so the first is the first to
 * expire.
 */
import { FAMILY_IPV4 } from "../../abi/layout";
import { DATAGRAM_MAX } from "../../abi/limits";
import { hash } from "./hash";
import { GROUP_SLOTS } from "./swiss";
import * as swiss from "./swiss";

@unmanaged
export class DatagramKey {
  saddr0: u64;
  saddr1: u64;
  daddr0: u64;
  daddr1: u64;
  /** As in the packet. */
  id: u32;
  /** Of the IPv4 header; 0 for IPv6, where fragments do not say it. */
  proto: u8;
  family: u8;
}

/** Its ports are not known yet. */
export const WAITING: u8 = 0;
/** Its fragments are translated, or passed on. */
export const DECIDED: u8 = 1;
/** Its fragments are dropped. */
export const DROPPED: u8 = 2;

/** Units of eight bytes in the longest datagram. */
export const UNITS_MAX: u32 = (DATAGRAM_MAX + 1) / 8;

@unmanaged
export class Datagram extends DatagramKey {
  /** WAITING, DECIDED, DROPPED. */
  status: u8;
  /** What it is dropped for. */
  reason: u8;
  created: u32;
  /** Neighbours in the queue: slot + 1, 0 for none. */
  before: u32;
  behind: u32;
  /** Fragments kept, in the order they came: numbers of places, 0 for none. */
  firstHeld: u32;
  lastHeld: u32;
  /** Where it ends; 0 while the last fragment has not come. */
  end: u32;
  /** Units of eight bytes seen. */
  seen: u32;
  /** It is known where the transport header begins, and of what protocol it is. */
  begun: bool;
  transport: u8;
  /** What becomes of its fragments: an outcome, and OUT_FLAG_ bits. */
  out: u16;
  start: u32;
  outcome: u32;
  service: u32;
  backend: u32;
  /** Both in the packet's order. */
  newPorts: u32;
  ipDelta: u16;
  l4Delta: u16;
  /** Checksum of SCTP, which has no delta, and whether it is known. */
  crc: u32;
  hasCrc: bool;
  private header0: u64;
  private header8: u64;
  private header16: u32;
  /** Both addresses in the packet's order: 8 bytes, or 32. */
  private addresses0: u64;
  private addresses8: u64;
  private addresses16: u64;
  private addresses24: u64;

  get addresses(): usize {
    return changetype<usize>(this) + offsetof<Datagram>("addresses0");
  }

  /** The beginning of the transport header, as far as it has come. */
  get header(): usize {
    return changetype<usize>(this) + offsetof<Datagram>("header0");
  }

  /** Whether every fragment has come. */
  get isComplete(): bool {
    return this.end != 0 && this.seen == unitsOf(this.end);
  }
}
if (offsetof<Datagram>() % 16 != 0) ERROR("a datagram is cleared 16 bytes at a time");

/** Units of eight bytes that `length` bytes take. */
export function unitsOf(length: u32): u32 {
  return (length + 7) >>> 3;
}

export const TABLE = changetype<swiss.Table>(memory.data(offsetof<swiss.Table>(), 16));

/** A bit for every unit of a datagram. */
const BITMAP_SIZE: u32 = UNITS_MAX / 8;
let bitmaps: usize = 0;
/** Where a datagram is put together. */
let room: usize = 0;

/** Bytes of the bitmaps of a table of `groups` groups. */
export function bitmapsSize(groups: u32): u64 {
  return <u64>groups * GROUP_SLOTS * BITMAP_SIZE;
}

/** Where the bitmaps lie, and DATAGRAM_MAX + 1 bytes to put a datagram together in. */
export function place(bitmapBase: usize, assemblyBase: usize): void {
  bitmaps = bitmapBase;
  room = assemblyBase;
}

/** Room for the longest datagram. */
export function assembly(): usize {
  return room;
}

function bitmapOf(datagram: Datagram): usize {
  const slot = swiss.slotOf<Datagram>(TABLE, changetype<usize>(datagram));
  return bitmaps + slot * BITMAP_SIZE;
}

/** The bits of units `from` to `to` that lie in word `word` of a bitmap. */
function maskOf(word: u32, from: u32, to: u32): u64 {
  const first = word << 6;
  const low = from > first ? ~(<u64>0) << <u64>(from - first) : ~(<u64>0);
  const high = to < first + 64 ? ((<u64>1) << <u64>(to - first)) - 1 : ~(<u64>0);
  return low & high;
}

/** How many of the units from `from` to before `to` have been seen. */
export function countSeen(datagram: Datagram, from: u32, to: u32): u32 {
  const bitmap = bitmapOf(datagram);
  let count: u32 = 0;
  for (let word = from >>> 6; word << 6 < to; word++) {
    count += <u32>popcnt<u64>(load<u64>(bitmap + word * 8) & maskOf(word, from, to));
  }
  return count;
}

/** Marks units of which none has been seen. */
export function mark(datagram: Datagram, from: u32, to: u32): void {
  assert(countSeen(datagram, from, to) == 0, "units are marked once");
  flip(datagram, from, to);
  datagram.seen += to - from;
}

/** Takes marks back. */
export function unmark(datagram: Datagram, from: u32, to: u32): void {
  flip(datagram, from, to);
  datagram.seen -= to - from;
}

function flip(datagram: Datagram, from: u32, to: u32): void {
  const bitmap = bitmapOf(datagram);
  for (let word = from >>> 6; word << 6 < to; word++) {
    const at = bitmap + word * 8;
    store<u64>(at, load<u64>(at) ^ maskOf(word, from, to));
  }
}

/** Those of one family, the oldest first: slots + 1, 0 for none. */
@unmanaged
class Queue {
  first: u32;
  last: u32;
}
const QUEUE4 = changetype<Queue>(memory.data(offsetof<Queue>(), 8));
const QUEUE6 = changetype<Queue>(memory.data(offsetof<Queue>(), 8));

function queueOf(family: u32): Queue {
  return family == FAMILY_IPV4 ? QUEUE4 : QUEUE6;
}

function numberOf(datagram: Datagram): u32 {
  return swiss.slotOf<Datagram>(TABLE, changetype<usize>(datagram)) + 1;
}

function numbered(number: u32): Datagram | null {
  return number == 0
    ? null
    : changetype<Datagram>(swiss.at<Datagram>(TABLE, number - 1));
}

/** The oldest datagram of a family. */
export function oldest(family: u32): Datagram | null {
  return numbered(queueOf(family).first);
}

/** The one of its family that came next. */
export function after(datagram: Datagram): Datagram | null {
  return numbered(datagram.behind);
}

export function lookup(key: usize): Datagram | null {
  const at = swiss.lookup<DatagramKey, Datagram>(TABLE, key, hash<DatagramKey>(key));
  return changetype<Datagram | null>(at);
}

export function isFull(): bool {
  return TABLE.length >= TABLE.capacity;
}

/** Begins to follow a datagram; null when there is no room. */
export function insert(key: usize): Datagram | null {
  const at = swiss.insert<DatagramKey, Datagram>(TABLE, key, hash<DatagramKey>(key));
  if (at == 0) return null;
  const datagram = changetype<Datagram>(at);
  memory.fill(bitmapOf(datagram), 0, BITMAP_SIZE);
  enqueue(datagram);
  return datagram;
}

function enqueue(datagram: Datagram): void {
  const queue = queueOf(datagram.family);
  const last = numbered(queue.last);
  datagram.before = queue.last;
  queue.last = numberOf(datagram);
  if (last == null) queue.first = queue.last;
  else last.behind = queue.last;
}

/** Follows the datagram no longer. */
export function remove(datagram: Datagram): void {
  const queue = queueOf(datagram.family);
  const before = numbered(datagram.before);
  const behind = numbered(datagram.behind);
  if (before == null) queue.first = datagram.behind;
  else before.behind = datagram.behind;
  if (behind == null) queue.last = datagram.before;
  else behind.before = datagram.before;
  swiss.remove<DatagramKey, Datagram>(TABLE, changetype<usize>(datagram));
}
