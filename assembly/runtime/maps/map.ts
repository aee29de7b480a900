/**
 * What all maps begin with: their header in the arena, whose address is the handle that programs and the host have.
 * Each type lays its own state out in the words between `length` and `magic`.
 */
import {
  MAP_HEADER_LENGTH,
  MAP_HEADER_MAGIC,
  MAP_HEADER_SIZE,
  MAP_HEADER_VALUES,
  MAP_MAGIC,
  VALUE_ALIGNMENT,
} from "../../../abi/program";

@unmanaged
export class Header {
  type: u32;
  keySize: u32;
  valueSize: u32;
  maxEntries: u32;
  flags: u32;
  values: u32;
  stride: u32;
  length: u32;
}
if (offsetof<Header>("values") != MAP_HEADER_VALUES) ERROR("Header drifted from abi/program");
if (offsetof<Header>("length") != MAP_HEADER_LENGTH) ERROR("Header drifted from abi/program");

/** Errors stand where no address can be: in the last page of the 32 bits, as ERR_PTR of include/linux/err.h. */
const ERRORS: usize = 0xfffff000;

let arena: usize = 0;
/** Addresses from `arena` on at which a header would end inside. */
let span: usize = 0;

/** Where maps can be. */
export function setArena(base: usize, size: usize): void {
  arena = base;
  span = max<usize>(size, MAP_HEADER_SIZE - 1) - (MAP_HEADER_SIZE - 1);
}

/** Whether a handle is one: programs pass what they like. */
// @ts-ignore: decorator
@inline
export function valid(map: usize): bool {
  if ((map & (MAP_HEADER_SIZE - 1)) != 0 || map - arena >= span) return false;
  return load<u32>(map, MAP_HEADER_MAGIC) == MAP_MAGIC;
}

// @ts-ignore: decorator
@inline
export function error(number: u32): usize {
  return 0 - <usize>number;
}

// @ts-ignore: decorator
@inline
export function isError(address: usize): bool {
  return address >= ERRORS;
}

/** A size rounded up to what values are aligned to. */
// @ts-ignore: decorator
@inline
export function padded(size: u32): u32 {
  return (size + VALUE_ALIGNMENT - 1) & ~(VALUE_ALIGNMENT - 1);
}

/** Traps when a program's pointer reaches out of memory: before anything has changed, not half way through. */
// @ts-ignore: decorator
@inline
export function touch(pointer: usize, size: u32): void {
  if (<u64>pointer + size > <u64>memory.size() << 16) unreachable();
}
