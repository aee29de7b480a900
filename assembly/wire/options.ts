/** TCP options, RFC 9293 section 3.1: what connection tracking wants to know of them. */

const END: u32 = 0;
const PADDING: u32 = 1;
/** RFC 7323 section 2.2. */
const SCALE: u32 = 3;
const SCALE_SIZE: u32 = 3;
/** The largest shift, RFC 7323 section 2.3. */
const SCALE_MAX: u32 = 14;
/** RFC 2018 sections 2 and 3. */
const SACK_PERMITTED: u32 = 4;
const SACK_PERMITTED_SIZE: u32 = 2;
const SACK: u32 = 5;
const SACK_HEAD: u32 = 2;
const SACK_BLOCK: u32 = 8;

/** Two paddings, then a timestamp: all that most segments have. RFC 7323 appendix A. */
const TIMESTAMP_SIZE: u32 = 12;
const TIMESTAMP: u32 = 0x0a080101;

/** Whether a timestamp is all there is. */
// @ts-ignore: decorator
@inline
export function isTimestamp(at: usize, length: u32): bool {
  return length == TIMESTAMP_SIZE && load<u32>(at) == TIMESTAMP;
}

/** The first option from `at` on, 0 at the end of the list and where it is cut. */
function first(at: usize, end: usize): usize {
  while (at < end && load<u8>(at) == PADDING) at++;
  if (at + 2 > end || load<u8>(at) == END) return 0;
  const size = sizeOf(at);
  return size < 2 || at + size > end ? 0 : at;
}

function sizeOf(option: usize): u32 {
  return load<u8>(option, 1);
}

/** No scale option. */
export const UNSCALED: u32 = 0xff;

/** Selective acknowledgements are permitted. */
export const SACKS: u32 = 0x100;

/**
 * What a SYN announces: in the lowest byte the bits by which its windows are shifted, or UNSCALED,
 * and SACKS.
 */
export function announced(at: usize, end: usize): u32 {
  let shift = UNSCALED;
  let sacks: u32 = 0;
  for (let option = first(at, end); option != 0; option = first(option + sizeOf(option), end)) {
    const kind: u32 = load<u8>(option);
    const size = sizeOf(option);
    if (kind == SCALE && size == SCALE_SIZE) shift = min<u32>(load<u8>(option, 2), SCALE_MAX);
    else if (kind == SACK_PERMITTED && size == SACK_PERMITTED_SIZE) sacks = SACKS;
  }
  return shift | sacks;
}

/**
 * The highest sequence number acknowledged: `ack`, or what a selective acknowledgement says beyond.
 */
export function acknowledged(at: usize, end: usize, ack: u32): u32 {
  if (isTimestamp(at, <u32>(end - at))) return ack;
  for (let option = first(at, end); option != 0; option = first(option + sizeOf(option), end)) {
    if (load<u8>(option) == SACK && isWhole(sizeOf(option))) return edge(option, ack);
  }
  return ack;
}

/** Whether a selective acknowledgement of that size consists of blocks, one at least. */
function isWhole(size: u32): bool {
  return size >= SACK_HEAD + SACK_BLOCK && (size - SACK_HEAD) % SACK_BLOCK == 0;
}

/** Every block ends with its right edge. */
function edge(option: usize, ack: u32): u32 {
  let highest = ack;
  const end = option + sizeOf(option);
  for (let block = option + SACK_HEAD; block < end; block += SACK_BLOCK) {
    const right = bswap<u32>(load<u32>(block, 4));
    if (<i32>(highest - right) < 0) highest = right;
  }
  return highest;
}
