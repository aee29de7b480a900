/**
 * The Internet checksum: computed (RFC 1071) and updated (RFC 1624, equation 3). Words are summed
 * as little-endian loads read them; one's complement sums do not mind the byte order (RFC 1071
 * section 2 B).
 */

/** Bytes of a vector: what is summed at a time. */
const STEP: u32 = 16;
/** Above this the lanes of a sum could wrap, or the sum of them. */
const LENGTH_MAX: u32 = 1 << 17;

/**
 * Lanes of a swizzle that move the last bytes of a vector to its front and clear the rest: read
 * from `STEP - rest` on for `rest` bytes.
 */
// biome-ignore format: a table
const TAIL = memory.data<u8>([
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
  255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
], 16);

/** One's complement sum of the words of `length` bytes at `at`, not folded. */
export function sum(at: usize, length: u32): u64 {
  return length < STEP ? sumShort(at, length) : sumLong(at, length);
}

/** Sum of a header of class H, which is whole words. */
// @ts-ignore: decorator
@inline
export function sumWords<H>(at: usize): u64 {
  let total: u64 = load<u32>(at);
  for (let word: u32 = 4; word < offsetof<H>(); word += 4) total += load<u32>(at + word);
  return total;
}

function sumShort(at: usize, length: u32): u64 {
  const end = at + length;
  let total: u64 = 0;
  for (; at + 4 <= end; at += 4) total += load<u32>(at);
  if (at + 2 <= end) {
    total += load<u16>(at);
    at += 2;
  }
  return at < end ? total + load<u8>(at) : total;
}

/**
 * The same of STEP bytes and more. What is left at the end is read with the bytes in front of it,
 * so that nothing behind the end is touched, and moved to where a word begins.
 */
// @ts-ignore: decorator
@inline
export function sumLong(at: usize, length: u32): u64 {
  assert(length >= STEP && length < LENGTH_MAX, "a vector at least, and lanes that do not wrap");
  const end = at + length;
  let even = i32x4.splat(0);
  let odd = i32x4.splat(0);
  for (; at + 2 * STEP <= end; at += 2 * STEP) {
    even = i32x4.add(even, i32x4.extadd_pairwise_i16x8_u(v128.load(at)));
    odd = i32x4.add(odd, i32x4.extadd_pairwise_i16x8_u(v128.load(at, STEP)));
  }
  if (at + STEP <= end) {
    even = i32x4.add(even, i32x4.extadd_pairwise_i16x8_u(v128.load(at)));
    at += STEP;
  }
  const lanes = v128.load(TAIL + STEP - <u32>(end - at));
  const tail = i8x16.swizzle(v128.load(end - STEP), lanes);
  return lanesOf(i32x4.add(i32x4.add(even, odd), i32x4.extadd_pairwise_i16x8_u(tail)));
}

/** Sum of the four lanes, taken two at a time: 2^32 counts as 1 when a sum is folded. */
// @ts-ignore: decorator
@inline
function lanesOf(sums: v128): u64 {
  return <u64>i64x2.extract_lane(sums, 0) + <u64>i64x2.extract_lane(sums, 1);
}

/** Folds a sum to 16 bits; 0 only when every word was 0. */
// @ts-ignore: decorator
@inline
export function fold(total: u64): u32 {
  total = (total & 0xffffffff) + (total >>> 32);
  total = (total & 0xffff) + (total >>> 16);
  total = (total & 0xffff) + (total >>> 16);
  return <u32>((total & 0xffff) + (total >>> 16));
}

/** 1 / 0xffff modulo 2^64, and the largest quotient of a number by 0xffff. */
const INVERSE: u64 = 0xfffefffefffeffff;
const QUOTIENT_MAX: u64 = 0x0001000100010001;

/**
 * Whether what was summed, its checksum with it, is whole: folds to 0xffff. That is, it is
 * divisible by 0xffff and not 0; exact quotients are what the inverse makes of it, and all other
 * numbers become larger.
 */
// @ts-ignore: decorator
@inline
export function isWhole(total: u64): bool {
  return total * INVERSE - 1 < QUOTIENT_MAX;
}

/** The checksum field for a sum. */
export function finish(total: u64): u16 {
  return <u16>~fold(total);
}

/** What a change of one 32-bit word adds to the sum: ~m + m'. */
// @ts-ignore: decorator
@inline
export function change(before: u32, after: u32): u64 {
  return <u64>~before + <u64>after;
}

/**
 * Folds changes to a delta to be kept. 0xffff is the other zero: adding it would turn a checksum of
 * 0xffff into 0, so it is stored as the one that changes nothing.
 */
export function delta(changes: u64): u16 {
  const folded = fold(changes);
  return folded == 0xffff ? 0 : <u16>folded;
}

/** The checksum after a delta: HC' = ~(~HC + delta), RFC 1624 equation 3. */
// @ts-ignore: decorator
@inline
export function update(check: u32, delta: u32): u32 {
  const total = (check ^ 0xffff) + delta;
  return ((total & 0xffff) + (total >>> 16)) ^ 0xffff;
}
