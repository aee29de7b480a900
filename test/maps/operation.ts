/** What is done to maps, as lists that an engine, a specification and the kernel can play alike. */
import { MapError } from "../../src/maps/error.ts";
import type { MapRecord } from "../../src/maps/face.ts";
import type { UserMap } from "../../src/maps/map.ts";
import { type Engine, PROGRAM } from "./engines.ts";

/** A map in a map, by its name, or some program. */
export type Reference = { readonly map: string } | { readonly program: true };

/** Bytes are hexadecimal text. Values of per-CPU maps are those of all CPUs, each rounded up to 8 bytes. */
export type Operation =
  | readonly [
      "create",
      name: string,
      type: number,
      keySize: number,
      valueSize: number,
      maxEntries: number,
      flags: number,
      inner: string | null,
    ]
  | readonly ["update", name: string, key: string, value: string | Reference, flags: number]
  | readonly ["lookup", name: string, key: string]
  | readonly ["delete", name: string, key: string]
  | readonly ["dump", name: string]
  | readonly ["emit", name: string, record: string]
  | readonly ["consume", name: string, most: number]
  | readonly ["query", name: string, what: number]
  /** The same by a program on a CPU: lookup, update and delete. */
  | readonly ["use", name: string, key: string, cpu: number]
  | readonly ["put", name: string, key: string, value: string, flags: number, cpu: number]
  | readonly ["drop", name: string, key: string];

/** 0, an error number, negated, or what was found. */
export type Result = number | string | readonly string[] | readonly (readonly [string, string])[];

const ENOENT = 2;
const FLAGS = ["any", "noexist", "exist"] as const;
/** Where a program has its value; its key stands at the start of the spare room. */
const VALUE_AT = 4096;
const PER_CPU: readonly number[] = [5, 6];
const REFERENCES: readonly number[] = [3, 12, 13];
/** What lookups of a map of references say: its numbers are the engine's own. */
const THERE = "there";

export function play(engine: Engine, operations: readonly Operation[]): Result[] {
  return operations.map((operation) => {
    try {
      return perform(engine, operation);
    } catch (error) {
      if (error instanceof MapError) return -error.errno;
      throw error;
    }
  });
}

function perform(engine: Engine, operation: Operation): Result {
  const [kind, name] = operation;
  if (kind === "create") return create(engine, operation);
  const record = recordOf(engine, name);
  const map = engine.maps.get(name) as UserMap;
  switch (kind) {
    case "update":
      return update(engine, record, map, operation);
    case "lookup": {
      const value = map.lookup(hexBytes(operation[2]));
      return value === undefined ? -ENOENT : told(engine, record, value);
    }
    case "delete":
      return map.delete(hexBytes(operation[2])) ? 0 : -ENOENT;
    case "dump":
      return dump(engine, record, map);
    case "emit":
      return record.bytes.emit(hexBytes(operation[2]));
    case "consume":
      return record.bytes.consume(operation[2]).map(hex);
    case "query":
      return Number(engine.helpers.ringbuf_query(record.bytes.handle, operation[2]));
    default:
      return performByProgram(engine, record, operation);
  }
}

function create(
  { maps }: Engine,
  [, name, type, keySize, valueSize, maxEntries, flags, inner]: Operation &
    readonly ["create", ...unknown[]],
): number {
  const shape = { type, keySize, valueSize, maxEntries, flags };
  const within = maps.records().find((record) => record.name === inner)?.bytes.shape;
  maps.declare({ name, shape, inner: within });
  return 0;
}

function update(
  engine: Engine,
  { bytes }: MapRecord,
  map: UserMap,
  [, , key, value, flags]: Operation & readonly ["update", ...unknown[]],
): number {
  const flag = FLAGS[flags];
  // People have no other flags, but the maps below must refuse them.
  if (flag === undefined) return bytes.update(hexBytes(key), hexBytes(value as string), flags);
  map.update(hexBytes(key), spoken(engine, bytes.shape.type, value, bytes.shape.valueSize), {
    flag,
  });
  return 0;
}

/** What `update` takes. */
function spoken(engine: Engine, type: number, value: string | Reference, size: number): unknown {
  if (typeof value !== "string") return "map" in value ? engine.maps.get(value.map) : PROGRAM;
  const bytes = hexBytes(value);
  if (!PER_CPU.includes(type)) return bytes;
  const stride = Math.ceil(size / 8) * 8;
  const { cpus } = engine.runtime;
  return Array.from({ length: cpus }, (_, cpu) => bytes.slice(cpu * stride, cpu * stride + size));
}

/** What `lookup` gives, as bytes. */
function told({ runtime }: Engine, { bytes }: MapRecord, value: unknown): string {
  const { type, valueSize } = bytes.shape;
  if (REFERENCES.includes(type)) return THERE;
  if (!PER_CPU.includes(type)) return hex(value as Uint8Array);
  const stride = Math.ceil(valueSize / 8) * 8;
  const all = new Uint8Array(runtime.cpus * stride);
  for (const [cpu, each] of (value as Uint8Array[]).entries()) all.set(each, cpu * stride);
  return hex(all);
}

function dump(engine: Engine, record: MapRecord, map: UserMap): [string, string][] {
  const pairs = [...map.entries()].map(([key, value]): [string, string] => {
    return [hex(key as Uint8Array), told(engine, record, value)];
  });
  return pairs.sort(([a], [b]) => (a < b ? -1 : 1));
}

function performByProgram(
  { helpers, memory, spare, setCpu }: Engine,
  { bytes }: MapRecord,
  operation: Operation,
): Result {
  const { handle, shape } = bytes;
  memory.set(hexBytes(operation[2] as string), spare);
  if (operation[0] === "use") {
    setCpu(operation[3]);
    const at = helpers.map_lookup(handle, spare) >>> 0;
    return at === 0 ? -ENOENT : hex(memory.subarray(at, at + shape.valueSize));
  }
  if (operation[0] === "put") {
    setCpu(operation[5]);
    memory.set(hexBytes(operation[3]), spare + VALUE_AT);
    return helpers.map_update(handle, spare, spare + VALUE_AT, operation[4]);
  }
  return helpers.map_delete(handle, spare);
}

export function recordOf({ maps }: Engine, name: string): MapRecord {
  const record = maps.records().find((each) => each.name === name);
  if (record === undefined) throw new RangeError(`there is no map ${name}`);
  return record;
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

export function hexBytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "hex"));
}
