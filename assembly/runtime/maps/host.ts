/**
 * Maps as the host makes and uses them. It has taken their room from the arena, passes handles and keys that are
 * right, and copies values itself: what it gets is their address, all CPUs' values being in a row there.
 */
import {
  EINVAL,
  MAP_HEADER_MAGIC,
  MAP_MAGIC,
  MAP_TYPE_ARRAY,
  MAP_TYPE_ARRAY_OF_MAPS,
  MAP_TYPE_HASH_OF_MAPS,
  MAP_TYPE_LPM_TRIE,
  MAP_TYPE_PERCPU_ARRAY,
  MAP_TYPE_PROG_ARRAY,
  MAP_TYPE_RINGBUF,
  UPDATE_EXIST,
} from "../../../abi/program";
import * as hashes from "../../maps/hash";
import { setCpus } from "../state";
import * as array from "./array";
import * as hash from "./hash";
import { copy } from "./keys";
import { place } from "./helpers";
import { Header, error, setArena } from "./map";
import * as ringbuf from "./ringbuf";
import * as slots from "./slots";
import * as trie from "./trie";

/** To be called once, before all else: where maps can be, and what keys their hashes. */
export function configure(base: usize, size: usize, cpus: u32, seed: u32): void {
  setArena(base, size);
  setCpus(cpus);
  hashes.init(seed);
}

/** What the types of maps come down to here. */
const ARRAY: u32 = 0;
const SLOTS: u32 = 1;
const TRIE: u32 = 2;
const RING: u32 = 3;
const HASH: u32 = 4;

function kindOf(type: u32): u32 {
  switch (type) {
    case MAP_TYPE_ARRAY:
    case MAP_TYPE_PERCPU_ARRAY:
      return ARRAY;
    case MAP_TYPE_PROG_ARRAY:
    case MAP_TYPE_ARRAY_OF_MAPS:
      return SLOTS;
    case MAP_TYPE_LPM_TRIE:
      return TRIE;
    case MAP_TYPE_RINGBUF:
      return RING;
    default:
      return HASH;
  }
}

/** Bytes that a map takes on a cache line of its own; 0 when 32 bits do not do. */
export function size(type: u32, keySize: u32, valueSize: u32, maxEntries: u32): u32 {
  const bytes = sizeOf(type, keySize, valueSize, maxEntries);
  return bytes > 0xffffffff ? 0 : <u32>bytes;
}

function sizeOf(type: u32, keySize: u32, valueSize: u32, maxEntries: u32): u64 {
  switch (kindOf(type)) {
    case ARRAY:
      return array.sizeOf(type, valueSize, maxEntries);
    case SLOTS:
      return slots.sizeOf(maxEntries);
    case TRIE:
      return trie.sizeOf(keySize, valueSize, maxEntries);
    case RING:
      return ringbuf.sizeOf(maxEntries);
    default:
      return hash.sizeOf(type, keySize, valueSize, maxEntries);
  }
}

/** Makes a map of zeroed room of that size. */
export function create(
  map: usize,
  type: u32,
  keySize: u32,
  valueSize: u32,
  maxEntries: u32,
  flags: u32,
): void {
  const header = changetype<Header>(map);
  header.type = type;
  header.keySize = keySize;
  header.valueSize = valueSize;
  header.maxEntries = maxEntries;
  header.flags = flags;
  init(header);
  store<u32>(map, MAP_MAGIC, MAP_HEADER_MAGIC);
}

function init(map: Header): void {
  switch (kindOf(map.type)) {
    case ARRAY:
      return array.init(map);
    case SLOTS:
      return slots.init(map);
    case TRIE:
      return trie.init(changetype<trie.Trie>(map));
    case RING:
      return ringbuf.init(changetype<ringbuf.Ring>(map));
    default:
      return hash.init(changetype<hash.HashMap>(map));
  }
}

/** Its handle is none any more; the room is the host's again. */
export function free(map: Header): void {
  if (map.type == MAP_TYPE_RINGBUF) ringbuf.free(changetype<ringbuf.Ring>(map));
  store<u32>(changetype<usize>(map), 0, MAP_HEADER_MAGIC);
}

/** Address of a key's value, 0 for none. Does not count as a use. */
export function lookup(map: Header, key: usize): usize {
  switch (kindOf(map.type)) {
    case ARRAY:
      return array.lookup(map, load<u32>(key));
    case SLOTS:
      return slots.lookup(map, load<u32>(key));
    case TRIE:
      return trie.lookup(changetype<trie.Trie>(map), key);
    case RING:
      return 0;
    default:
      return hash.lookup(changetype<hash.HashMap>(map), key);
  }
}

/** Where the host is to put the value of a key; or an error. `handle` is that value, of maps that hold handles. */
export function update(map: Header, key: usize, handle: u32, flags: u32): usize {
  if (map.type == MAP_TYPE_RINGBUF || flags > <u32>UPDATE_EXIST) return error(EINVAL);
  if (map.type == MAP_TYPE_HASH_OF_MAPS && handle == 0) return error(EINVAL);
  if (kindOf(map.type) == SLOTS) return slots.put(map, load<u32>(key), handle, flags);
  return place(map, key, flags);
}

/** 0 or a negative error number. */
export function remove(map: Header, key: usize): i32 {
  switch (kindOf(map.type)) {
    case SLOTS:
      return slots.remove(map, load<u32>(key));
    case TRIE:
      return trie.remove(changetype<trie.Trie>(map), key);
    case HASH:
      return hash.remove(changetype<hash.HashMap>(map), key);
    default:
      return -EINVAL;
  }
}

/** The number of a key's entry in the order of the map, -1 when there is none. */
export function position(map: Header, key: usize): i32 {
  switch (kindOf(map.type)) {
    case ARRAY:
    case SLOTS:
      return load<u32>(key) < map.maxEntries ? load<u32>(key) : -1;
    case TRIE:
      return trie.position(changetype<trie.Trie>(map), key);
    case RING:
      return -1;
    default:
      return hash.position(changetype<hash.HashMap>(map), key);
  }
}

/** The number of the entry behind one, -1 at the end; -1 asks for the first. */
export function next(map: Header, number: i32): i32 {
  switch (kindOf(map.type)) {
    case ARRAY:
      return <u32>(number + 1) < map.maxEntries ? number + 1 : -1;
    case SLOTS:
      return slots.next(map, number);
    case TRIE:
      return trie.next(changetype<trie.Trie>(map), number);
    case RING:
      return ringbuf.next(changetype<ringbuf.Ring>(map), number);
    default:
      return hash.next(changetype<hash.HashMap>(map), number);
  }
}

/** Writes the key of an entry to `key`. */
export function writeKey(map: Header, number: u32, key: usize): void {
  switch (kindOf(map.type)) {
    case ARRAY:
    case SLOTS:
      return store<u32>(key, number);
    case TRIE:
      return trie.writeKey(changetype<trie.Trie>(map), number, key);
    case RING:
      return;
    default:
      return copy(key, hash.keyAt(changetype<hash.HashMap>(map), number), map.keySize);
  }
}

/** Address of an entry's value, of a record its header. */
export function valueAt(map: Header, number: u32): usize {
  switch (kindOf(map.type)) {
    case ARRAY:
      return array.lookup(map, number);
    case SLOTS:
      return slots.valueAt(map, number);
    case TRIE:
      return trie.valueAt(changetype<trie.Trie>(map), number);
    case RING:
      return ringbuf.valueAt(changetype<ringbuf.Ring>(map), number);
    default:
      return hash.valueAt(changetype<hash.HashMap>(map), number);
  }
}
