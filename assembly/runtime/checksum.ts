/** bpf_csum_diff of net/core/filter.c. */

/** What the checksum of something changes by when `from` in it becomes `to`, folded to 16 bits. */
export function difference(from: usize, fromSize: u32, to: usize, toSize: u32, seed: u32): i32 {
  if (fromSize == 0) return <i32>fold(toSize == 0 ? seed : sum(to, toSize, seed));
  if (toSize == 0) return <i32>fold(~sum(from, fromSize, ~seed));
  const removed: u32 = ~sum(from, fromSize, 0);
  return <i32>fold(sum(to, toSize, seed), removed);
}

/** csum_partial: the one's complement sum of words and a seed. What lacks of the last word is zero. */
function sum(at: usize, size: u32, seed: u32): u32 {
  let total: u64 = seed;
  const words = size & ~3;
  for (let done: u32 = 0; done < words; done += 4) total += load<u32>(at + done);
  if (size & 2) total += load<u16>(at + words);
  if (size & 1) total += <u32>load<u8>(at + size - 1) << ((size & 2) * 8);
  total = (total & 0xffffffff) + (total >>> 32);
  return <u32>((total & 0xffffffff) + (total >>> 32));
}

/** csum_add and csum_from32to16. */
function fold(sum: u32, other: u32 = 0): u32 {
  const both = <u64>sum + other;
  let total = <u32>both + <u32>(both >>> 32);
  total += rotl<u32>(total, 16);
  return total >>> 16;
}
