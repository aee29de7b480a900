/**
 * The Internet checksum: computed (RFC 1071) and updated (RFC 1624, equation 3). Words are summed
 * as little-endian loads read them; one's complement sums do not mind the byte order (RFC 1071
 * section 2 B).
 */

/** Bytes of a vector, and of a block: a frame of 1,500 bytes gains 4 % by them. */
const STEP: u32 = 16;
const BLOCK: u32 = 4 * STEP;

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
  return sumInline(at, length);
}

/**
 * The same. What is left at the end is read with the bytes in front of it, so that nothing behind
 * the end is touched, and moved to where a word begins. Vectors are added as two numbers of 64 bits
 * that wrap, their upper halves once more by themselves: what the lower halves sum up to is the
 * difference. That takes three operations a vector, widening 16-bit words takes four.
 */
// @ts-ignore: decorator
@inline
export function sumInline(at: usize, length: u32): u64 {
  const end = at + length;
  const places = v128.load(TAIL + STEP - (length & (STEP - 1)));
  let whole = i8x16.swizzle(v128.load(end - STEP), places);
  let upper = i64x2.shr_u(whole, 32);
  for (; at + BLOCK <= end; at += BLOCK) {
    const a = v128.load(at);
    const b = v128.load(at, STEP);
    const c = v128.load(at, 2 * STEP);
    const d = v128.load(at, 3 * STEP);
    whole = i64x2.add(whole, i64x2.add(i64x2.add(a, b), i64x2.add(c, d)));
    upper = i64x2.add(upper, i64x2.add(uppersOf(a, b), uppersOf(c, d)));
  }
  for (; at + STEP <= end; at += STEP) {
    const a = v128.load(at);
    whole = i64x2.add(whole, a);
    upper = i64x2.add(upper, i64x2.shr_u(a, 32));
  }
  const lower = i64x2.sub(whole, i64x2.shl(upper, 32));
  const sums = i64x2.add(lower, upper);
  return <u64>i64x2.extract_lane(sums, 0) + <u64>i64x2.extract_lane(sums, 1);
}

// @ts-ignore: decorator
@inline
function uppersOf(a: v128, b: v128): v128 {
  return i64x2.add(i64x2.shr_u(a, 32), i64x2.shr_u(b, 32));
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
