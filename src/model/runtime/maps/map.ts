/** A map of the model, from both sides: that of people and that of programs. */
import {
  EINVAL,
  EPERM,
  MAP_FLAG_RDONLY_PROG,
  MAP_FLAG_WRONLY_PROG,
  MAP_TYPE_ARRAY,
  MAP_TYPE_ARRAY_OF_MAPS,
  MAP_TYPE_HASH_OF_MAPS,
  MAP_TYPE_PERCPU_ARRAY,
  MAP_TYPE_PROG_ARRAY,
  UPDATE_EXIST,
} from "../../../../abi/program.ts";
import type { ByteMap } from "../../../dataplane/runtime.ts";

/** What programs do with maps. Addresses may lie anywhere: those that lead out of memory throw. */
export interface ModelMap extends ByteMap {
  /** Address of the value, the handle of an inner map, or 0. */
  lookupFrom(key: number, cpu: number): number;
  updateFrom(key: number, value: number, flags: number, cpu: number): number;
  removeFrom(key: number): number;
}

export const REFERENCES: readonly number[] = [
  MAP_TYPE_PROG_ARRAY,
  MAP_TYPE_ARRAY_OF_MAPS,
  MAP_TYPE_HASH_OF_MAPS,
];
const ARRAYS: readonly number[] = [MAP_TYPE_ARRAY, MAP_TYPE_PERCPU_ARRAY];

/** Whether a program may read from a map of that kind. */
export function isReadable({ shape }: ByteMap): boolean {
  return shape.type !== MAP_TYPE_PROG_ARRAY && (shape.flags & MAP_FLAG_WRONLY_PROG) === 0;
}

/** 0 when a program may update entries of such a map, else the error it gets. */
export function updateRefusal({ shape }: ByteMap): number {
  if (REFERENCES.includes(shape.type)) return -EINVAL;
  return (shape.flags & MAP_FLAG_RDONLY_PROG) === 0 ? 0 : -EPERM;
}

/** The same of removing them. */
export function removalRefusal(map: ByteMap): number {
  return ARRAYS.includes(map.shape.type) ? -EINVAL : updateRefusal(map);
}

/** BPF_ANY, BPF_NOEXIST or BPF_EXIST; there are no others. */
export function isUpdateFlag(flags: number): boolean {
  return Number.isInteger(flags) && flags >= 0 && flags <= UPDATE_EXIST;
}
