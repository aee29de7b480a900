/** bpf_csum_diff of net/core/filter.c: what a checksum gains when bytes are taken from and put into what it covers. */
import { viewOf } from "../../packet/bytes.ts";

const WORD = 4;

/**
 * Of `seed`, without the bytes `from` and with the bytes `to`, folded to 16 bits as since Linux 6.13. What is summed
 * are words as they stand in memory, so the result goes into a packet as it is.
 */
export function difference(from: Uint8Array, to: Uint8Array, seed: number): number {
  if (from.length === 0) return fold(sum(to, seed));
  if (to.length === 0) return fold(complement(sum(from, complement(seed))));
  return fold(add(sum(to, seed), complement(sum(from, 0))));
}

/** csum_partial of lib/checksum.c. What lacks of the last word is zero. */
function sum(bytes: Uint8Array, start: number): number {
  const view = viewOf(bytes);
  const whole = bytes.length - (bytes.length % WORD);
  let total = start;
  for (let at = 0; at < whole; at += WORD) total = add(total, view.getUint32(at, true));
  const last = new Uint8Array(WORD);
  last.set(bytes.subarray(whole));
  return add(total, viewOf(last).getUint32(0, true));
}

/** One's complement addition: what is carried out on top comes in again below. */
function add(a: number, b: number): number {
  const total = a + b;
  return total >= 2 ** 32 ? total - 2 ** 32 + 1 : total;
}

function complement(word: number): number {
  return ~word >>> 0;
}

/** csum_from32to16. */
function fold(word: number): number {
  const total = (word >>> 16) + (word & 0xffff);
  return total > 0xffff ? total - 0xffff : total;
}
