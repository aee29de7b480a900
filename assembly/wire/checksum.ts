/**
 * The Internet checksum: computed (RFC 1071) and updated (RFC 1624, equation 3). Words are summed
 * as little-endian loads read them; one's complement sums do not mind the byte order (RFC 1071
 * section 2 B).
 */

/** One's complement sum of the words of `length` bytes at `at`, not folded. */
export function sum(at: usize, length: u32): u64 {
  const end = at + length;
  let total: u64 = 0;
  for (; at + 4 <= end; at += 4) total += load<u32>(at);
  if (at + 2 <= end) {
    total += load<u16>(at);
    at += 2;
  }
  return at < end ? total + load<u8>(at) : total;
}

/** Folds a sum to 16 bits; 0 only when every word was 0. */
function fold(total: u64): u32 {
  total = (total & 0xffffffff) + (total >>> 32);
  total = (total & 0xffff) + (total >>> 16);
  total = (total & 0xffff) + (total >>> 16);
  return <u32>((total & 0xffff) + (total >>> 16));
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
