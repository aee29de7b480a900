/** Types, sizes and flags of maps, checked as bpf(2) checks them: kernel/bpf/{arraymap,hashtab,lpm_trie,ringbuf}.c. */
import {
  KEY_SIZE_MAX,
  LPM_DATA,
  LPM_DATA_SIZE_MAX,
  MAP_FLAG_NO_PREALLOC,
  MAP_FLAG_RDONLY,
  MAP_FLAG_RDONLY_PROG,
  MAP_FLAG_WRONLY,
  MAP_FLAG_WRONLY_PROG,
  MAP_TYPE_ARRAY,
  MAP_TYPE_ARRAY_OF_MAPS,
  MAP_TYPE_HASH,
  MAP_TYPE_HASH_OF_MAPS,
  MAP_TYPE_LPM_TRIE,
  MAP_TYPE_LRU_HASH,
  MAP_TYPE_PERCPU_ARRAY,
  MAP_TYPE_PERCPU_HASH,
  MAP_TYPE_PROG_ARRAY,
  MAP_TYPE_RINGBUF,
  VALUE_ALIGNMENT,
  VALUE_SIZE_MAX,
} from "../../abi/program.ts";
import { isName, NAME_RULE } from "../dataplane/name.ts";
import type { MapShape } from "../dataplane/runtime.ts";
import { MapError } from "./error.ts";
import type { MapFlag, MapType } from "./map.ts";
import { badValue } from "./scalar.ts";

export const TYPES: Readonly<Record<MapType, number>> = {
  hash: MAP_TYPE_HASH,
  array: MAP_TYPE_ARRAY,
  prog_array: MAP_TYPE_PROG_ARRAY,
  percpu_hash: MAP_TYPE_PERCPU_HASH,
  percpu_array: MAP_TYPE_PERCPU_ARRAY,
  lru_hash: MAP_TYPE_LRU_HASH,
  lpm_trie: MAP_TYPE_LPM_TRIE,
  array_of_maps: MAP_TYPE_ARRAY_OF_MAPS,
  hash_of_maps: MAP_TYPE_HASH_OF_MAPS,
  ringbuf: MAP_TYPE_RINGBUF,
};

export const FLAGS: Readonly<Record<MapFlag, number>> = {
  no_prealloc: MAP_FLAG_NO_PREALLOC,
  rdonly: MAP_FLAG_RDONLY,
  wronly: MAP_FLAG_WRONLY,
  rdonly_prog: MAP_FLAG_RDONLY_PROG,
  wronly_prog: MAP_FLAG_WRONLY_PROG,
};

const BOTH = MAP_FLAG_RDONLY | MAP_FLAG_WRONLY;
const BOTH_PROG = MAP_FLAG_RDONLY_PROG | MAP_FLAG_WRONLY_PROG;
const ACCESS = BOTH | BOTH_PROG;

/** Flags a type may have: its _CREATE_FLAG_MASK there, of those that mean something here. */
const FLAGS_ALLOWED: Readonly<Record<MapType, number>> = {
  hash: ACCESS | MAP_FLAG_NO_PREALLOC,
  array: ACCESS,
  prog_array: BOTH,
  percpu_hash: ACCESS | MAP_FLAG_NO_PREALLOC,
  percpu_array: ACCESS,
  lru_hash: ACCESS,
  lpm_trie: ACCESS | MAP_FLAG_NO_PREALLOC,
  array_of_maps: BOTH,
  hash_of_maps: ACCESS | MAP_FLAG_NO_PREALLOC,
  ringbuf: 0,
};

const ARRAYS: readonly MapType[] = ["array", "prog_array", "percpu_array", "array_of_maps"];
const PER_CPU: readonly MapType[] = ["percpu_array", "percpu_hash"];
const MAPS_OF_MAPS: readonly MapType[] = ["array_of_maps", "hash_of_maps"];
const REFERENCES: readonly MapType[] = [...MAPS_OF_MAPS, "prog_array"];

/** Key of an array, and a reference to a map or a program. */
export const WORD_SIZE = 4;
/** PCPU_MIN_UNIT_SIZE of include/linux/percpu.h. */
const PER_CPU_VALUE_SIZE_MAX = 32768;
const PAGE_SIZE = 4096;
const U32_MAX = 2 ** 32 - 1;

export function typeName(type: number): MapType | undefined {
  return (Object.keys(TYPES) as MapType[]).find((name) => TYPES[name] === type);
}

/** What has the sizes of a word and stands for something else. */
export function isReference(type: MapType): boolean {
  return REFERENCES.includes(type);
}

export function isArray(type: MapType): boolean {
  return ARRAYS.includes(type);
}

export function isMapOfMaps(type: MapType): boolean {
  return MAPS_OF_MAPS.includes(type);
}

export function isPerCpu(type: MapType): boolean {
  return PER_CPU.includes(type);
}

/** Bytes from one CPU's value to the next one's, as they are outside of programs. */
export function strideOf({ valueSize }: MapShape): number {
  return Math.ceil(valueSize / VALUE_ALIGNMENT) * VALUE_ALIGNMENT;
}

export function flagNames(flags: number): MapFlag[] {
  return (Object.keys(FLAGS) as MapFlag[]).filter((name) => (flags & FLAGS[name]) !== 0);
}

/** Throws MapError EINVAL. */
export function checkName(name: unknown): asserts name is string {
  if (isName(name)) return;
  throw badValue("the name of a map", name, NAME_RULE);
}

/**
 * Throws MapError as bpf(2) refuses to create a map: EINVAL, E2BIG for sizes beyond all limits, EOPNOTSUPP for what
 * the type could not do. `inner` is what the maps in a map of maps are like.
 */
export function checkShape(shape: MapShape, inner: MapShape | undefined, place: string): MapType {
  const type = typeName(shape.type);
  if (type === undefined) throw badValue(`${place}: type`, shape.type, "a type of maps there is");
  checkFlags(shape, type, place);
  if (type === "ringbuf") checkRing(shape, place);
  else checkSizes(shape, type, place);
  checkInner(inner, type, place);
  return type;
}

function checkFlags({ flags }: MapShape, type: MapType, place: string): void {
  const allowed = FLAGS_ALLOWED[type];
  if (type === "lru_hash" && flags === (flags & ACCESS) + MAP_FLAG_NO_PREALLOC) {
    throw new MapError(
      "EOPNOTSUPP",
      `${place}: no_prealloc means nothing to an lru_hash: leave it out`,
    );
  }
  if (!Number.isInteger(flags) || flags < 0 || (flags & allowed) !== flags) {
    const names = flagNames(allowed).join(", ");
    const wanted = names === "" ? "0, a ringbuf has none" : `of ${names} for a ${type}`;
    throw badValue(`${place}: flags`, flags, wanted);
  }
  if ((flags & BOTH) === BOTH || (flags & BOTH_PROG) === BOTH_PROG) {
    throw new MapError("EINVAL", `${place}: read-only and write-only at once: leave one flag out`);
  }
  if (type !== "lpm_trie" || (flags & MAP_FLAG_NO_PREALLOC) !== 0) return;
  throw new MapError("EINVAL", `${place}: an lpm_trie must have the flag no_prealloc`);
}

function checkRing({ keySize, valueSize, maxEntries }: MapShape, place: string): void {
  if (keySize !== 0 || valueSize !== 0) {
    throw new MapError("EINVAL", `${place}: a ringbuf has neither keys nor values of a fixed size`);
  }
  const isSize = Number.isInteger(maxEntries) && maxEntries >= PAGE_SIZE && maxEntries <= U32_MAX;
  if (isSize && Number.isInteger(Math.log2(maxEntries))) return;
  throw badValue(`${place}: maxEntries`, maxEntries, `a power of two from ${PAGE_SIZE} on`);
}

function checkSizes(shape: MapShape, type: MapType, place: string): void {
  const { keySize, valueSize, maxEntries } = shape;
  const key = ARRAYS.includes(type) ? ONE_WORD : type === "lpm_trie" ? LPM_KEY : ANY_KEY;
  checkSize(`${place}: bytes of a key`, keySize, key);
  if (isReference(type)) checkSize(`${place}: bytes of a value`, valueSize, ONE_WORD);
  else checkSize(`${place}: bytes of a value`, valueSize, valueLimits(type));
  if (Number.isInteger(maxEntries) && maxEntries >= 1 && maxEntries <= U32_MAX) return;
  throw badValue(`${place}: maxEntries`, maxEntries, `an integer from 1 to ${U32_MAX}`);
}

interface Limits {
  readonly least: number;
  readonly most: number;
  /** What more than the most is. */
  readonly excess: "EINVAL" | "E2BIG";
}

const ONE_WORD: Limits = { least: WORD_SIZE, most: WORD_SIZE, excess: "EINVAL" };
const ANY_KEY: Limits = { least: 1, most: KEY_SIZE_MAX, excess: "E2BIG" };
/** LPM_KEY_SIZE_MIN and LPM_KEY_SIZE_MAX there. */
const LPM_KEY: Limits = {
  least: LPM_DATA + 1,
  most: LPM_DATA + LPM_DATA_SIZE_MAX,
  excess: "EINVAL",
};

function valueLimits(type: MapType): Limits {
  const most = isPerCpu(type) ? PER_CPU_VALUE_SIZE_MAX : VALUE_SIZE_MAX;
  return { least: 1, most, excess: type === "lpm_trie" ? "EINVAL" : "E2BIG" };
}

function checkSize(place: string, size: number, { least, most, excess }: Limits): void {
  if (Number.isInteger(size) && size >= least && size <= most) return;
  const wanted = least === most ? `${least}` : `an integer from ${least} to ${most}`;
  if (size > most) throw new MapError(excess, `${place} is ${size}: it must be ${wanted}`);
  throw badValue(place, size, wanted);
}

/** Throws MapError EINVAL for a type that has no `inner`. */
export function checkOuter(type: MapType, place: string): void {
  if (isMapOfMaps(type)) return;
  throw new MapError("EINVAL", `${place}: inner is only for array_of_maps and hash_of_maps`);
}

/** kernel/bpf/map_in_map.c, bpf_map_meta_alloc: one level, and no prog_array in it. */
function checkInner(inner: MapShape | undefined, type: MapType, place: string): void {
  if (inner === undefined) {
    if (!isMapOfMaps(type)) return;
    throw new MapError("EINVAL", `${place}: inner must say what the maps in it are like`);
  }
  checkOuter(type, place);
  const kind = checkShapeIn(inner, `${place}: inner`);
  if (kind !== "prog_array") return;
  throw new MapError("EOPNOTSUPP", `${place}: a prog_array cannot be in a map`);
}

function checkShapeIn(inner: MapShape, place: string): MapType {
  const kind = typeName(inner.type);
  if (kind === undefined || !isMapOfMaps(kind)) return checkShape(inner, undefined, place);
  throw new MapError("EINVAL", `${place} is a map of maps itself: there is only one level`);
}

/** Whether a map may stand in a map of maps: map_meta_equal there, which lets most types differ in length. */
export function isInnerOf(inner: MapShape, shape: MapShape): boolean {
  const same = { ...shape, maxEntries: inner.maxEntries };
  return isSameShape(inner, inner.type === MAP_TYPE_ARRAY ? shape : same);
}

export function isSameShape(a: MapShape, b: MapShape): boolean {
  return (
    a.type === b.type &&
    a.keySize === b.keySize &&
    a.valueSize === b.valueSize &&
    a.maxEntries === b.maxEntries &&
    a.flags === b.flags
  );
}
