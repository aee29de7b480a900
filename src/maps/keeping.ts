/**
 * Maps of one's own <-> their part of a snapshot. A map is a MessagePack map:
 *
 *   name, shape       [type, keySize, valueSize, maxEntries, flags] with the numbers of bpf(2)
 *   inner             of a map of maps the shape of those in it, else null
 *   key, value        layouts where somebody has said them, else null; a struct is an array of [field, layout]
 *   cpus              of per-CPU maps: values an entry has, each rounded up to 8 bytes
 *   keys, values      byte strings, entry behind entry in the order of the map
 *   records           of a ring buffer, in their place: the records nobody has read yet
 *   names             of a map of maps, in the place of values: names of the maps in it
 *
 * What a prog_array holds is not kept: programs are loaded anew. Of an lru_hash it is not kept which entries were used
 * lately.
 */
import { UPDATE_ANY } from "../../abi/program.ts";
import { DataplaneError } from "../dataplane/error.ts";
import type { ByteMap, MapShape } from "../dataplane/runtime.ts";
import {
  badSnapshot,
  damaged,
  optionalOf,
  type Place,
  placeOf,
  placesOf,
  stringOf,
  wholeOf,
} from "../dataplane/snapshot/damage.ts";
import { concat } from "../packet/bytes.ts";
import { MapError } from "./error.ts";
import type { MapRecord } from "./face.ts";
import { compileLayout, fits, isRow } from "./layout.ts";
import type { FieldType, KeptMap, Layout, MapType, Struct, UserMap } from "./map.ts";
import type { Maps } from "./registry.ts";
import { flagNames, isMapOfMaps, isPerCpu, strideOf, typeName } from "./shape.ts";
import { numberIn, translate } from "./translation.ts";

const WORD_MAX = 2 ** 32 - 1;

export function packMaps(maps: Maps, cpus: number): object[] {
  const records = maps.records();
  const names = new Map(records.map(({ bytes, name }) => [bytes.handle, name]));
  return records.map((record) => packMap(record, cpus, names));
}

function packMap(
  { name, type, bytes, inner, key, value }: MapRecord,
  cpus: number,
  names: ReadonlyMap<number, string>,
): object {
  const common = {
    name,
    shape: packShape(bytes.shape),
    inner: inner ? packShape(inner) : null,
    key: packLayout(key),
    value: packLayout(value),
  };
  if (type === "prog_array") return { ...common, keys: new Uint8Array(), values: new Uint8Array() };
  const entries = [...bytes.entries()];
  const values = entries.map(([, each]) => each);
  if (type === "ringbuf") return { ...common, records: values };
  const keys = concat(entries.map(([each]) => each));
  if (isMapOfMaps(type))
    return { ...common, keys, names: values.map((each) => names.get(numberIn(each)) ?? "") };
  return { ...common, ...(isPerCpu(type) ? { cpus } : {}), keys, values: concat(values) };
}

function packShape({ type, keySize, valueSize, maxEntries, flags }: MapShape): number[] {
  return [type, keySize, valueSize, maxEntries, flags];
}

/** What is written in order is read in order, whatever the fields are called. */
function packLayout(layout: Layout | undefined): unknown {
  if (layout === undefined) return null;
  if (typeof layout !== "object" || isRow(layout)) return layout;
  return Object.entries(layout).map(([field, each]) => [field, packLayout(each)]);
}

/** Throws DataplaneError "bad-snapshot". */
export function readKept(place: Place, cpus: number): KeptMap {
  const { name, shape, key, value, contents } = unpackMap(place, cpus);
  const { keySize, valueSize, maxEntries } = shape;
  const { length } = contents.kind === "records" ? contents.records : contents.keys;
  const type = typeName(shape.type) as MapType;
  const flags = flagNames(shape.flags);
  return { name, type, keySize, valueSize, maxEntries, flags, length, key, value };
}

/** A map as a snapshot has it, its bytes as many as they have to be. */
interface SavedMap {
  readonly place: Place;
  readonly name: string;
  readonly shape: MapShape;
  readonly inner: MapShape | undefined;
  readonly key: Layout | undefined;
  readonly value: Layout | undefined;
  readonly contents: Contents;
}

type Contents =
  | { readonly kind: "records"; readonly records: readonly Uint8Array[] }
  | {
      readonly kind: "names";
      readonly keys: readonly Uint8Array[];
      readonly names: readonly string[];
    }
  | {
      readonly kind: "values";
      readonly keys: readonly Uint8Array[];
      readonly values: readonly Uint8Array[];
    };

/**
 * Makes them, where there are none yet, with all that was in them: all of them or none. Throws DataplaneError
 * "bad-snapshot", "capacity".
 */
export function unpackMaps(maps: Maps, cpus: number, place: Place): void {
  const saved = placesOf(place).map((each) => unpackMap(each, cpus));
  const made: UserMap[] = [];
  try {
    for (const map of saved) made.push(create(maps, map));
    // A map may hold one that comes behind it.
    for (const [index, map] of saved.entries()) fill(maps, made[index] as UserMap, map);
  } catch (error) {
    // Those that are held go after those that hold them.
    for (const map of [...made.filter(holds), ...made.filter((each) => !holds(each))]) map.close();
    throw error;
  }
}

function holds(map: UserMap): boolean {
  return isMapOfMaps(map.type);
}

function unpackMap(place: Place, cpus: number): SavedMap {
  const part = (name: string) => placeOf(place, name);
  const shape = unpackShape(part("shape"));
  return {
    place,
    name: stringOf(part("name")),
    shape,
    inner: optionalOf(part("inner"), unpackShape),
    key: optionalOf(part("key"), (layout) => unpackFitting(layout, shape.keySize)),
    value: optionalOf(part("value"), (layout) => unpackFitting(layout, shape.valueSize)),
    contents: unpackContents(place, shape, cpus),
  };
}

function unpackShape(place: Place): MapShape {
  const [type, keySize, valueSize, maxEntries, flags, ...more] = placesOf(place).map((each) =>
    wholeOf(each, WORD_MAX),
  ) as [number, number, number, number, number, ...number[]];
  if (flags === undefined || more.length > 0) throw damaged(place, "is no shape");
  return { type, keySize, valueSize, maxEntries, flags };
}

/** A ring buffer, whose records have any size, says none. */
function unpackFitting(place: Place, size: number): Layout {
  const layout = unpackLayout(place);
  try {
    if (fits(compileLayout(layout, place.path), size) || size === 0) return layout;
  } catch (error) {
    throw translated(error, place);
  }
  throw damaged(place, `is no layout of ${size} bytes`);
}

function unpackLayout(place: Place): Layout {
  const { value } = place;
  if (typeof value === "string" || typeof value === "number") return value as FieldType | number;
  if (typeof value === "object" && value !== null && isRow(value)) return value;
  const fields = placesOf(place).map((field) => {
    const [name, layout] = placesOf(field);
    if (name === undefined || layout === undefined) throw damaged(field, "is no field");
    return [stringOf(name), unpackLayout(layout)];
  });
  return Object.fromEntries(fields) as Struct;
}

function unpackContents(place: Place, shape: MapShape, cpus: number): Contents {
  const type = typeName(shape.type);
  if (type === undefined) throw damaged(placeOf(place, "shape"), "is of a type there is not");
  if (type === "ringbuf")
    return { kind: "records", records: placesOf(placeOf(place, "records")).map(bytesOf) };
  const keys = pieces(placeOf(place, "keys"), shape.keySize);
  if (isMapOfMaps(type)) {
    const names = placesOf(placeOf(place, "names")).map(stringOf);
    if (names.length === keys.length) return { kind: "names", keys, names };
    throw damaged(placeOf(place, "names"), "are not as many as the keys");
  }
  const values = isPerCpu(type)
    ? perCpu(place, shape, cpus)
    : pieces(placeOf(place, "values"), shape.valueSize);
  if (values.length === keys.length) return { kind: "values", keys, values };
  throw damaged(placeOf(place, "values"), "are not as many as the keys");
}

function bytesOf(place: Place): Uint8Array {
  if (place.value instanceof Uint8Array) return place.value;
  throw damaged(place, "is no byte string");
}

function pieces(place: Place, size: number): Uint8Array[] {
  const bytes = bytesOf(place);
  if (bytes.length === 0) return [];
  if (size === 0 || bytes.length % size !== 0)
    throw damaged(place, `is not made of pieces of ${size} bytes`);
  const length = bytes.length / size;
  return Array.from({ length }, (_, index) => bytes.slice(index * size, (index + 1) * size));
}

/** CPUs that come along have values of zero. */
function perCpu(place: Place, shape: MapShape, cpus: number): Uint8Array[] {
  const stride = strideOf(shape);
  const known = wholeOf(placeOf(place, "cpus"), WORD_MAX);
  if (known > cpus)
    throw new DataplaneError(
      "capacity",
      `the snapshot needs ${known} cpus, the dataplane has ${cpus}: ` +
        `create it with capacity.cpus of at least ${known}; nothing was changed`,
    );
  return pieces(placeOf(place, "values"), known * stride).map((value) => {
    const all = new Uint8Array(cpus * stride);
    all.set(value);
    return all;
  });
}

function create(maps: Maps, { place, name, shape, key, value, inner }: SavedMap): UserMap {
  try {
    const { map, created } = maps.declare({ name, shape, key, value, inner });
    if (created) return map;
  } catch (error) {
    throw translated(error, place);
  }
  throw damaged(placeOf(place, "name"), "is another map's too");
}

function translated(error: unknown, { path }: Place): unknown {
  if (!(error instanceof MapError)) return error;
  if (error.code === "ENOMEM")
    return new DataplaneError("capacity", `${error.message}; nothing was changed`);
  return badSnapshot(`the snapshot is damaged: ${path}: ${error.message}`);
}

function fill(maps: Maps, map: UserMap, { place, shape, key, contents }: SavedMap): void {
  const { bytes } = maps.records().find(({ name }) => name === map.name) as MapRecord;
  const isDone = (result: number) => {
    if (result < 0) throw damaged(place, `holds what the map refuses with error ${-result}`);
  };
  if (contents.kind === "records")
    for (const record of contents.records) isDone(bytes.emit(record));
  else if (contents.kind === "values") fillValues(bytes, contents, isDone);
  else {
    const { decode } = translate(key, shape.keySize, place.path);
    contents.keys.forEach((each, index) => {
      hold(maps, map, { place, key: decode(each), name: contents.names[index] as string });
    });
  }
}

function fillValues(
  bytes: ByteMap,
  { keys, values }: Extract<Contents, { kind: "values" }>,
  isDone: (result: number) => void,
): void {
  keys.forEach((key, index) => {
    isDone(bytes.update(key, values[index] as Uint8Array, UPDATE_ANY));
  });
}

/** Through the map as people have it, which knows who holds whom. */
function hold(
  maps: Maps,
  map: UserMap,
  { place, key, name }: { readonly place: Place; readonly key: unknown; readonly name: string },
): void {
  const inner = maps.get(name);
  if (inner === undefined) throw damaged(place, `holds ${JSON.stringify(name)}, which is no map`);
  try {
    map.update(key, inner);
  } catch (error) {
    throw translated(error, place);
  }
}
