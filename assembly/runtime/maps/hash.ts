/**
 * hash, percpu_hash, lru_hash and hash_of_maps: entries of one size that never move, preallocated and numbered, and
 * the index of assembly/maps that finds them; kernel/bpf/hashtab.c.
 *
 *  entry:  0      4       8     values
 *          | hash | state | key | value, or one for each CPU, at multiples of 8 |
 *
 * A free entry has state 0 and in the place of the hash the number of the entry that was freed before it, plus 1.
 * Nothing is kept in values: a program may still write through a pointer to one that was deleted.
 *
 * What is changed together is changed without a call in between, because every call may run out of stack.
 */
import {
  E2BIG,
  EEXIST,
  ENOENT,
  MAP_HEADER_MAGIC,
  MAP_HEADER_SIZE,
  MAP_TYPE_LRU_HASH,
  MAP_TYPE_PERCPU_HASH,
  UPDATE_EXIST,
  UPDATE_NOEXIST,
} from "../../../abi/program";
import * as index from "../../maps/index";
import { cpus } from "../state";
import { copy, equal, hash } from "./keys";
import { Header, error, padded } from "./map";

@unmanaged
export class HashMap extends Header {
  /** An `Index` of assembly/maps. */
  buckets: u32;
  bucketCount: u32;
  entrySize: u32;
  /** Where in an entry its value is. */
  valueOffset: u32;
  /** Number of the entry that was freed last, plus 1. */
  free: u32;
  /** Entries from this number on have never been taken. */
  fresh: u32;
  /** lru_hash: number of the entry that is asked next whether it can go. */
  hand: u32;
}
if (offsetof<HashMap>() != MAP_HEADER_MAGIC) ERROR("a map's header is 64 bytes");

@unmanaged
export class Entry {
  hash: u32;
  state: u32;
}

const TAKEN: u32 = 1;
/** lru_hash: used since the hand came by. */
const REFERENCED: u32 = 2;

function entrySize(type: u32, keySize: u32, valueSize: u32): u64 {
  const copies: u64 = type == MAP_TYPE_PERCPU_HASH ? cpus : 1;
  return offsetof<Entry>() + padded(keySize) + copies * padded(valueSize);
}

export function sizeOf(type: u32, keySize: u32, valueSize: u32, maxEntries: u32): u64 {
  const buckets = index.bucketsFor(maxEntries) * index.BUCKET_SIZE;
  return MAP_HEADER_SIZE + buckets + maxEntries * entrySize(type, keySize, valueSize);
}

export function init(map: HashMap): void {
  map.buckets = <u32>changetype<usize>(map) + MAP_HEADER_SIZE;
  map.bucketCount = <u32>index.bucketsFor(map.maxEntries);
  map.values = map.buckets + map.bucketCount * index.BUCKET_SIZE;
  map.stride = padded(map.valueSize);
  map.entrySize = <u32>entrySize(map.type, map.keySize, map.valueSize);
  map.valueOffset = offsetof<Entry>() + padded(map.keySize);
}

// @ts-ignore: decorator
@inline
function indexOf(map: HashMap): index.Index {
  return changetype<index.Index>(changetype<usize>(map) + offsetof<HashMap>("buckets"));
}

// @ts-ignore: decorator
@inline
function entryAt(map: HashMap, number: u32): Entry {
  return changetype<Entry>(<usize>map.values + number * map.entrySize);
}

// @ts-ignore: decorator
@inline
function numberOf(map: HashMap, entry: Entry): u32 {
  return <u32>(changetype<usize>(entry) - map.values) / map.entrySize;
}

// @ts-ignore: decorator
@inline
function keyOf(entry: usize): usize {
  return entry + offsetof<Entry>();
}

/** The entry of a key, 0 when there is none. */
function find(map: HashMap, key: usize): usize {
  switch (map.keySize) {
    case 4:
      return findSized<u32>(map, key);
    case 8:
      return findSized<u64>(map, key);
    case 16:
      return findSized<v128>(map, key);
    default:
      return findSized<u8>(map, key);
  }
}

// @ts-ignore: decorator
@inline
function findSized<W>(map: HashMap, key: usize): usize {
  const hashed = hash<W>(key, map.keySize);
  let bucket = index.bucketOf(indexOf(map), hashed);
  for (let probes: u32 = 0; probes < map.bucketCount; probes++) {
    for (let bits = index.matches(bucket, hashed); bits != 0; bits &= bits - 1) {
      const entry = index.refAt(bucket, bits);
      if (equal<W>(keyOf(entry), key, map.keySize)) return entry;
    }
    if (index.over(bucket) == 0) return 0;
    bucket = index.next(indexOf(map), bucket);
  }
  return 0;
}

/** The same numbers as in `findSized`. */
function hashOf(map: HashMap, key: usize): u32 {
  switch (map.keySize) {
    case 4:
      return hash<u32>(key, 4);
    case 8:
      return hash<u64>(key, 8);
    case 16:
      return hash<v128>(key, 16);
    default:
      return hash<u8>(key, map.keySize);
  }
}

/** Address of the value of a key, of CPU 0 when there are several; 0 when there is none. */
// @ts-ignore: decorator
@inline
export function lookup(map: HashMap, key: usize): usize {
  const entry = find(map, key);
  return entry == 0 ? 0 : entry + map.valueOffset;
}

/** The same by a program: its use keeps the entry of an lru_hash. */
// @ts-ignore: decorator
@inline
export function use(map: HashMap, key: usize): usize {
  const entry = find(map, key);
  if (entry == 0) return 0;
  changetype<Entry>(entry).state |= REFERENCED;
  return entry + map.valueOffset;
}

/** Where an update's value goes, or an error. */
export function place(map: HashMap, key: usize, flags: u32): usize {
  const entry = find(map, key);
  if (entry == 0) return flags == UPDATE_EXIST ? error(ENOENT) : add(map, key);
  if (flags == UPDATE_NOEXIST) return error(EEXIST);
  changetype<Entry>(entry).state |= REFERENCED;
  return entry + map.valueOffset;
}

function add(map: HashMap, key: usize): usize {
  if (map.length >= map.maxEntries) {
    if (map.type != MAP_TYPE_LRU_HASH) return error(E2BIG);
    evict(map);
  }
  const hashed = hashOf(map, key);
  const entry = entryAt(map, map.free != 0 ? map.free - 1 : map.fresh);
  index.insert(indexOf(map), hashed, changetype<usize>(entry));
  take(map, entry, hashed);
  copy(keyOf(changetype<usize>(entry)), key, map.keySize);
  const value = changetype<usize>(entry) + map.valueOffset;
  if (map.type == MAP_TYPE_PERCPU_HASH) memory.fill(value, 0, map.stride * cpus);
  return value;
}

// @ts-ignore: decorator
@inline
function take(map: HashMap, entry: Entry, hashed: u32): void {
  if (map.free != 0) map.free = entry.hash;
  else map.fresh++;
  entry.hash = hashed;
  entry.state = TAKEN;
  map.length++;
}

/** The entry at the hand goes unless it was used, which is forgotten: the CLOCK algorithm. */
function evict(map: HashMap): void {
  let number = map.hand;
  let entry = entryAt(map, number);
  while ((entry.state & REFERENCED) != 0) {
    entry.state = TAKEN;
    number = number + 1 == map.maxEntries ? 0 : number + 1;
    entry = entryAt(map, number);
  }
  drop(map, entry);
  map.hand = number + 1 == map.maxEntries ? 0 : number + 1;
}

function drop(map: HashMap, entry: Entry): void {
  index.remove(indexOf(map), entry.hash, changetype<usize>(entry));
  entry.hash = map.free;
  entry.state = 0;
  map.free = numberOf(map, entry) + 1;
  map.length--;
}

export function remove(map: HashMap, key: usize): i32 {
  const entry = find(map, key);
  if (entry == 0) return -ENOENT;
  drop(map, changetype<Entry>(entry));
  return 0;
}

/** The number of the entry of a key, -1 when there is none. */
export function position(map: HashMap, key: usize): i32 {
  const entry = find(map, key);
  return entry == 0 ? -1 : numberOf(map, changetype<Entry>(entry));
}

/** The number of the next entry that is taken, -1 at the end; -1 asks for the first. */
export function next(map: HashMap, number: i32): i32 {
  for (let at: u32 = number + 1; at < map.fresh; at++) {
    if (entryAt(map, at).state != 0) return at;
  }
  return -1;
}

export function keyAt(map: HashMap, number: u32): usize {
  return keyOf(changetype<usize>(entryAt(map, number)));
}

export function valueAt(map: HashMap, number: u32): usize {
  return changetype<usize>(entryAt(map, number)) + map.valueOffset;
}
