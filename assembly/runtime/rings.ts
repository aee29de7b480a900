/**
 * How many backends a ring has. Maglev's have each many times, and counting them takes as long as there are slots, so
 * what was counted is remembered until the host says that rings have changed.
 */
import { MAP_RINGS, MAP_SLOTS, RING_BASE, RING_LENGTH, SLOT_SIZE } from "../../abi/layout";
import * as block from "./block";
import * as dataplane from "./dataplane";

/** What is remembered of a ring, in a place that other rings may take. */
@unmanaged
class Known {
  /** Number of the ring's row. */
  row: u32;
  /** Which state of the rings it was. */
  revision: u32;
  size: u32;
  private spare: u32;
}
if (offsetof<Known>() != block.RING_SIZE_SIZE) ERROR("Known has outgrown its room");

/** Places start with 0: never a revision. */
let revision: u32 = 1;

/** Rings or slots have changed. */
export function forget(): void {
  revision++;
}

/** Different backends in a ring of a service port. */
export function sizeOf(service: u32, ring: u32): u32 {
  const row = service * 2 + ring;
  const place = (row & (block.RINGS_KNOWN - 1)) * offsetof<Known>();
  const known = changetype<Known>(block.rings + place);
  if (known.revision == revision && known.row == row) return known.size;
  known.row = row;
  known.revision = revision;
  known.size = count(row);
  return known.size;
}

function count(row: u32): u32 {
  const ring = find(MAP_RINGS, row);
  if (ring == 0) return 0;
  const length = load<u32>(ring, RING_LENGTH);
  const slots = find(MAP_SLOTS, load<u32>(ring, RING_BASE));
  if (length == 0 || slots == 0) return 0;
  let size: u32 = 0;
  for (let i: u32 = 0; i < length; i++) size += u32(mark(load<u32>(slots + i * SLOT_SIZE)));
  for (let i: u32 = 0; i < length; i++) unmark(load<u32>(slots + i * SLOT_SIZE));
  return size;
}

/** Address of a row. */
function find(map: u32, row: u32): usize {
  store<u32>(block.scratch, row);
  return dataplane.lookup(map, block.scratch);
}

/** Sets a backend's bit; false when it was set. */
function mark(backend: u32): bool {
  if (backend == 0 || backend > block.backends) return false;
  const at = block.bitmap + (backend >>> 3);
  const bit: u32 = 1 << (backend & 7);
  const bits: u32 = load<u8>(at);
  store<u8>(at, bits | bit);
  return (bits & bit) == 0;
}

function unmark(backend: u32): void {
  if (backend <= block.backends) store<u8>(block.bitmap + (backend >>> 3), 0);
}
