/**
 * The block of memory that the host has set apart for the runtime, in front of the arena: what it knows of packets,
 * one place per slot, what it counts of links, and room for calls of its own. Slots are those of the batch, then
 * those of the fragments it may let go, then the same for the frame that comes alone.
 *
 *  | contexts | parked contexts | notes | tallies | ring sizes | bitmap | scratch |
 */
import { CTX_SIZE } from "../../abi/program";
import { NOTE_SIZE, TALLIES, TALLY_SIZE } from "../../abi/runtime";

/** Rings whose sizes are remembered, a power of two, and bytes of each. */
export const RINGS_KNOWN: u32 = 1024;
export const RING_SIZE_SIZE: u32 = 16;
const SCRATCH_SIZE: u32 = 1024;
const LINE: u64 = 64;
/** Above this an address plus the longest frame would not fit 32 bits. */
const END_MAX: u64 = 0x100000000 - 0x100000;

export let contexts: usize = 0;
export let parked: usize = 0;
export let notes: usize = 0;
export let tallies: usize = 0;
/** What is remembered of rings. */
export let rings: usize = 0;
/** A bit for each backend, all of them clear. */
export let bitmap: usize = 0;
/** For keys and records of calls. */
export let scratch: usize = 0;

export let headroom: u32 = 0;
export let backends: u32 = 0;
export let interfaces: u32 = 0;

let end: u64 = 0;

/**
 * Lays the block out from `start` on, in memory that is zeroed. Returns where it ends, 0 when 32 bits cannot address
 * that.
 */
export function configure(
  start: usize,
  batch: u32,
  fragments: u32,
  backendCount: u32,
  interfaceCount: u32,
  headroomSize: u32,
): usize {
  const slots = <u64>batch + <u64>fragments * 2 + 1;
  end = start;
  contexts = take(slots * CTX_SIZE);
  parked = take(slots * CTX_SIZE);
  notes = take(slots * NOTE_SIZE);
  tallies = take(TALLIES * TALLY_SIZE);
  rings = take(RINGS_KNOWN * RING_SIZE_SIZE);
  bitmap = take(<u64>backendCount / 8 + 1);
  scratch = take(SCRATCH_SIZE);
  headroom = headroomSize;
  backends = backendCount;
  interfaces = interfaceCount;
  return end > END_MAX ? 0 : <usize>end;
}

/** Takes `size` bytes on a cache line of their own. */
function take(size: u64): usize {
  const at = (end + LINE - 1) & ~(LINE - 1);
  end = at + size;
  return <usize>at;
}
