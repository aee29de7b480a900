/**
 * Index of the connections: tuple -> ref. A bucket is a cache line, so that the tags of twelve
 * slots and the refs behind them come with one miss.
 *
 *  0                     12     13     16                          64
 *  | tags, 0: empty slot | over | zero | refs of the twelve slots  |
 *
 * Homes, tags and `over` are those of swiss.ts: a key goes to the first bucket with an empty slot
 * from its home on, and a lookup ends at the first bucket nobody passed.
 *
 * A ref is the address of a record, and in its lowest bit which of its two keys is meant. K is the
 * class of the key.
 */
import { CT_TUPLES } from "../../abi/layout";
import { after, equal, home, tagOf } from "./swiss";

@unmanaged
export class Index {
  buckets: usize;
  /** Buckets there are. */
  count: u32;
}

export const BUCKET_SIZE: u32 = 64;
const SLOTS: u32 = 12;
const SLOT_BITS: u32 = 0xfff;
const OVER: u32 = 12;
const REFS: u32 = 16;
if (REFS + SLOTS * sizeof<u32>() != BUCKET_SIZE) ERROR("a bucket is a cache line");
/** Where a count stops being exact. */
const OVER_MAX: u32 = 255;
/** Share of the slots that may be taken: 7/8. */
const LOAD_NUMERATOR: u64 = 7;
const LOAD_DENOMINATOR: u64 = 8;

/** Buckets for `keys` keys at the highest load. */
export function bucketsFor(keys: u64): u64 {
  const perBucket = <u64>SLOTS * LOAD_NUMERATOR;
  return max<u64>((keys * LOAD_DENOMINATOR + perBucket - 1) / perBucket, 1);
}

/** The key that a ref means. */
// @ts-ignore: decorator
@inline
export function keyOf<K>(ref: usize): usize {
  return (ref & ~1) + (ref & 1) * offsetof<K>() + CT_TUPLES;
}

/** The home bucket of a hash. */
// @ts-ignore: decorator
@inline
export function bucketOf(index: Index, hash: u32): usize {
  return index.buckets + home(hash, index.count) * BUCKET_SIZE;
}

/** The bucket behind one; the first follows the last. */
export function next(index: Index, bucket: usize): usize {
  const number = <u32>(bucket - index.buckets) / BUCKET_SIZE;
  return index.buckets + after(number, index.count) * BUCKET_SIZE;
}

/** A bit for every slot of a bucket that has the tag of `hash`. */
// @ts-ignore: decorator
@inline
export function matches(bucket: usize, hash: u32): u32 {
  return tagged(bucket, tagOf(hash));
}

// @ts-ignore: decorator
@inline
function tagged(bucket: usize, tag: u32): u32 {
  const equal = i8x16.eq(v128.load(bucket), i8x16.splat(<i8>tag));
  return <u32>i8x16.bitmask(equal) & SLOT_BITS;
}

/** The ref in the first slot of `bits`. */
// @ts-ignore: decorator
@inline
export function refAt(bucket: usize, bits: u32): usize {
  return load<u32>(bucket + ctz<u32>(bits) * sizeof<u32>(), REFS);
}

// @ts-ignore: decorator
@inline
export function over(bucket: usize): u32 {
  return load<u8>(bucket, OVER);
}

/** The ref of a key, 0 when there is none. */
export function lookup<K>(index: Index, key: usize, hash: u32): usize {
  let bucket = bucketOf(index, hash);
  for (let probes: u32 = 0; probes < index.count; probes++) {
    for (let bits = matches(bucket, hash); bits != 0; bits &= bits - 1) {
      const ref = refAt(bucket, bits);
      if (equal<K>(keyOf<K>(ref), key)) return ref;
    }
    if (over(bucket) == 0) return 0;
    bucket = next(index, bucket);
  }
  return 0;
}

/** Adds the ref of a key that is not in the index, which has an empty slot. */
export function insert(index: Index, hash: u32, ref: usize): void {
  let bucket = bucketOf(index, hash);
  let empty = tagged(bucket, 0);
  while (empty == 0) {
    if (over(bucket) < OVER_MAX) store<u8>(bucket, <u8>(over(bucket) + 1), OVER);
    bucket = next(index, bucket);
    empty = tagged(bucket, 0);
  }
  const slot = ctz<u32>(empty);
  store<u8>(bucket + slot, <u8>tagOf(hash));
  store<u32>(bucket + slot * sizeof<u32>(), <u32>ref, REFS);
}

/** Takes out a ref that was added with that hash. */
export function remove(index: Index, hash: u32, ref: usize): void {
  let bucket = bucketOf(index, hash);
  let slot = slotOf(bucket, hash, ref);
  while (slot == SLOTS) {
    assert(over(bucket) != 0, "every bucket passed has counted the ref");
    if (over(bucket) < OVER_MAX) store<u8>(bucket, <u8>(over(bucket) - 1), OVER);
    bucket = next(index, bucket);
    slot = slotOf(bucket, hash, ref);
  }
  store<u8>(bucket + slot, 0);
}

/** The slot of a bucket that has the ref, SLOTS when none has. */
function slotOf(bucket: usize, hash: u32, ref: usize): u32 {
  for (let bits = matches(bucket, hash); bits != 0; bits &= bits - 1) {
    if (refAt(bucket, bits) == ref) return ctz<u32>(bits);
  }
  return SLOTS;
}
