/**
 * prog_array and array_of_maps: what an index stands for, a place in the table plus 1 or the handle of a map; 0 is
 * none. fd_array of kernel/bpf/arraymap.c.
 */
import {
  E2BIG,
  EINVAL,
  ENOENT,
  MAP_HEADER_SIZE,
  MAP_TYPE_PROG_ARRAY,
  UPDATE_ANY,
  VALUE_ALIGNMENT,
} from "../../../abi/program";
import { Header, error, valid } from "./map";

const SLOT_SIZE: u32 = VALUE_ALIGNMENT;

export function sizeOf(maxEntries: u32): u64 {
  return MAP_HEADER_SIZE + <u64>maxEntries * SLOT_SIZE;
}

export function init(map: Header): void {
  map.values = <u32>changetype<usize>(map) + MAP_HEADER_SIZE;
  map.stride = SLOT_SIZE;
}

/** Address of what an index stands for, 0 when it stands for none. */
export function lookup(map: Header, index: u32): usize {
  return at(map, index) == 0 ? 0 : valueAt(map, index);
}

/** What an index stands for. */
// @ts-ignore: decorator
@inline
export function at(map: Header, index: u32): u32 {
  return index < map.maxEntries ? load<u32>(valueAt(map, index)) : 0;
}

// @ts-ignore: decorator
@inline
export function valueAt(map: Header, index: u32): usize {
  return <usize>map.values + index * SLOT_SIZE;
}

/** Place in the table plus 1 of the program at an index; 0 for none, and for what is no prog_array. */
export function entryAt(map: usize, index: u32): u32 {
  if (!valid(map)) return 0;
  const header = changetype<Header>(map);
  return header.type == MAP_TYPE_PROG_ARRAY ? at(header, index) : 0;
}

/** From outside. Returns where it has been put, or an error. */
export function put(map: Header, index: u32, value: u32, flags: u32): usize {
  if (value == 0 || flags != UPDATE_ANY) return error(EINVAL);
  if (index >= map.maxEntries) return error(E2BIG);
  if (at(map, index) == 0) map.length++;
  store<u32>(valueAt(map, index), value);
  return valueAt(map, index);
}

export function remove(map: Header, index: u32): i32 {
  if (index >= map.maxEntries) return -E2BIG;
  if (at(map, index) == 0) return -ENOENT;
  store<u32>(valueAt(map, index), 0);
  map.length--;
  return 0;
}

/** The next index that stands for something, -1 at the end; -1 asks for the first. */
export function next(map: Header, index: i32): i32 {
  for (let each: u32 = index + 1; each < map.maxEntries; each++) {
    if (at(map, each) != 0) return each;
  }
  return -1;
}
