/**
 * Keys as bytes: hashed, compared, copied. W says their size at compile time: u32, u64 or v128 for keys of 4, 8 or 16
 * bytes, u8 for all others. Nothing reads past the end of a key, which may be the end of memory.
 */
import { hashPair, hashThree } from "../../maps/hash";

/** The keyed hash of a key. */
// @ts-ignore: decorator
@inline
export function hash<W>(key: usize, size: u32): u32 {
  if (sizeof<W>() == 4) return hashPair(load<u32>(key), 0);
  if (sizeof<W>() == 8) return hashPair(load<u64>(key), 0);
  if (sizeof<W>() == 16) return hashPair(load<u64>(key), load<u64>(key, 8));
  return hashBytes(key, size);
}

function hashBytes(key: usize, size: u32): u32 {
  const end = key + size;
  let state: u32 = 0;
  for (; end - key > 16; key += 16) state = hashThree(load<u64>(key), load<u64>(key, 8), state);
  if (end - key <= 8) return hashPair(rest(key, end), state);
  return hashThree(load<u64>(key), rest(key + 8, end), state);
}

/** The last bytes of a key, one to eight: different numbers for different bytes. */
// @ts-ignore: decorator
@inline
function rest(at: usize, end: usize): u64 {
  const size = end - at;
  if (size == 8) return load<u64>(at);
  if (size >= 4) return load<u32>(at) | (<u64>load<u32>(end - 4) << 32);
  return load<u8>(at) | (<u64>load<u8>(at + (size >> 1)) << 8) | (<u64>load<u8>(end - 1) << 16);
}

// @ts-ignore: decorator
@inline
export function equal<W>(a: usize, b: usize, size: u32): bool {
  if (sizeof<W>() == 4) return load<u32>(a) == load<u32>(b);
  if (sizeof<W>() == 8) return load<u64>(a) == load<u64>(b);
  if (sizeof<W>() == 16) {
    return ((load<u64>(a) ^ load<u64>(b)) | (load<u64>(a, 8) ^ load<u64>(b, 8))) == 0;
  }
  return equalBytes(a, b, size);
}

function equalBytes(a: usize, b: usize, size: u32): bool {
  const end = a + size;
  for (; end - a > 8; a += 8, b += 8) {
    if (load<u64>(a) != load<u64>(b)) return false;
  }
  return rest(a, end) == rest(b, b + (end - a));
}

/** Copies bytes; small ones by words, which costs less than the call that memory.copy is. */
// @ts-ignore: decorator
@inline
export function copy(to: usize, from: usize, size: u32): void {
  if (size > SMALL) {
    memory.copy(to, from, size);
    return;
  }
  let at: u32 = 0;
  for (; at + 8 <= size; at += 8) store<u64>(to + at, load<u64>(from + at));
  if ((size & 4) != 0) {
    store<u32>(to + at, load<u32>(from + at));
    at += 4;
  }
  for (; at < size; at++) store<u8>(to + at, load<u8>(from + at));
}

const SMALL: u32 = 64;
