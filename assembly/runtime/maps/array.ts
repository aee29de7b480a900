/**
 * array and percpu_array: values in a row, found by a u32 index, kernel/bpf/arraymap.c. All entries are there from the
 * beginning, zero, and cannot be deleted.
 *
 *  array          | value of 0      | value of 1      | ...
 *  percpu_array   | 0: CPU 0, 1 ... | 1: CPU 0, 1 ... | ...
 */
import { E2BIG, EEXIST, MAP_HEADER_SIZE, MAP_TYPE_PERCPU_ARRAY, UPDATE_NOEXIST } from "../../../abi/program";
import { cpus } from "../state";
import { Header, error, padded } from "./map";

/** Bytes of all values of an entry. */
// @ts-ignore: decorator
@inline
function entrySize(map: Header): u32 {
  return map.type == MAP_TYPE_PERCPU_ARRAY ? map.stride * cpus : map.stride;
}

export function sizeOf(type: u32, valueSize: u32, maxEntries: u32): u64 {
  const copies = type == MAP_TYPE_PERCPU_ARRAY ? cpus : 1;
  return MAP_HEADER_SIZE + <u64>maxEntries * copies * padded(valueSize);
}

export function init(map: Header): void {
  map.values = <u32>changetype<usize>(map) + MAP_HEADER_SIZE;
  map.stride = padded(map.valueSize);
  map.length = map.maxEntries;
}

/** Address of the value of `index`, of CPU 0 when there are several; 0 when there is none. */
// @ts-ignore: decorator
@inline
export function lookup(map: Header, index: u32): usize {
  return index < map.maxEntries ? <usize>map.values + index * entrySize(map) : 0;
}

/** Where an update's value goes, or an error. */
export function place(map: Header, index: u32, flags: u32): usize {
  if (index >= map.maxEntries) return error(E2BIG);
  return flags == UPDATE_NOEXIST ? error(EEXIST) : lookup(map, index);
}
