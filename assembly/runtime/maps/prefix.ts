/**
 * Prefixes of keys of an lpm_trie as words: 64 bits each, the most significant byte of the key at the top, zero behind
 * the last byte. So the bits that two have in common are counted by one instruction.
 */

/** Words for so many bytes. */
// @ts-ignore: decorator
@inline
export function wordsFor(size: u32): u32 {
  return (size + 7) >> 3;
}

/** Word `number` of `size` bytes at `data`. */
// @ts-ignore: decorator
@inline
export function word(data: usize, size: u32, number: u32): u64 {
  const from = number << 3;
  const left = size - from;
  if (left >= 8) return bswap<u64>(load<u64>(data + from));
  if (left == 4) return <u64>bswap<u32>(load<u32>(data + from)) << 32;
  let bytes: u64 = 0;
  for (let at: u32 = 0; at < left; at++) bytes |= <u64>load<u8>(data + from + at) << (56 - at * 8);
  return bytes;
}

/** Writes `size` bytes at `data` as words to `to`. */
export function write(to: usize, data: usize, size: u32): void {
  for (let at: u32 = 0; at < wordsFor(size); at++) store<u64>(to + at * 8, word(data, size, at));
}

/** The bytes that `write` took. */
export function read(words: usize, data: usize, size: u32): void {
  for (let at: u32 = 0; at < size; at++) {
    store<u8>(data + at, <u8>(load<u64>(words + (at & ~7)) >> (56 - (at & 7) * 8)));
  }
}

/** How many of the first `limit` bits are the same. */
export function common(words: usize, data: usize, size: u32, limit: u32): u32 {
  for (let bits: u32 = 0; bits < limit; bits += 64) {
    const number = bits >> 6;
    const difference = load<u64>(words + number * 8) ^ word(data, size, number);
    if (difference != 0) return min(limit, bits + <u32>clz<u64>(difference));
  }
  return limit;
}

/** Whether the bits from word `from` on, up to bit `limit`, are the same. */
// @ts-ignore: decorator
@inline
export function covers(words: usize, data: usize, size: u32, from: u32, limit: u32): bool {
  for (let bits = from << 6; bits < limit; bits += 64) {
    const number = bits >> 6;
    const difference = load<u64>(words + number * 8) ^ word(data, size, number);
    if (difference != 0 && bits + <u32>clz<u64>(difference) < limit) return false;
  }
  return true;
}

/** Bit `index` of bytes. */
// @ts-ignore: decorator
@inline
export function bitOf(data: usize, index: u32): u32 {
  return (load<u8>(data + (index >> 3)) >> (7 - (index & 7))) & 1;
}

/** Bit `index` of words. */
// @ts-ignore: decorator
@inline
export function bitAt(words: usize, index: u32): u32 {
  return <u32>(load<u64>(words + (index >> 6) * 8) >> (63 - (index & 63))) & 1;
}
