/** The maps of a dataplane that people and programs make: their names, and who uses them. */
import type { MapShape, Runtime } from "../dataplane/runtime.ts";
import type { LoadedProgram } from "../program/loaded.ts";
import { MapError } from "./error.ts";
import type { MapRecord } from "./face.ts";
import { compileLayout, copyLayout, fits } from "./layout.ts";
import type { Layout, MapInfo, MapRegistry, UserMap } from "./map.ts";
import { References } from "./references.ts";
import { TypedRing } from "./ring.ts";
import { badValue } from "./scalar.ts";
import {
  checkName,
  checkShape,
  flagNames,
  isInnerOf,
  isPerCpu,
  isReference,
  isSameShape,
  typeName,
} from "./shape.ts";
import { readSpec, type Wanted } from "./spec.ts";
import {
  type Referent,
  translate,
  translateEach,
  translateRecords,
  translateReference,
} from "./translation.ts";
import { type Speech, TypedMap } from "./user-map.ts";

/** Programs, as a prog_array knows them. */
export interface ProgramPlaces {
  /**
   * Where it stands in the function table; undefined for all that no prog_array may hold: a program in batch form,
   * service NAT, one that was unloaded, another dataplane's, what is no program.
   */
  placeOf(program: unknown): number | undefined;
  programAt(place: number): LoadedProgram | undefined;
}

/** A map that a program declares, with layouts where its compiler has said them. */
export interface MapDeclaration {
  readonly name: string;
  readonly shape: MapShape;
  readonly key?: Layout | undefined;
  readonly value?: Layout | undefined;
  /** Of a map of maps. */
  readonly inner?: MapShape | undefined;
}

export interface LinkedMap {
  readonly map: UserMap;
  /** What the program has of it. */
  readonly handle: number;
  /** It was not there before. */
  readonly created: boolean;
}

/** The registry as the linker and the dataplane have it. Everything throws MapError. */
export interface Maps extends MapRegistry {
  /** The map of that name, which must have that shape, or a new one. */
  declare(declaration: MapDeclaration): LinkedMap;
  /**
   * A map that takes the place of one that is declared: an open one of this dataplane, of that type and with keys
   * and values of those sizes. Entries and flags may differ, as with bpf_map__reuse_fd.
   */
  adopt(map: unknown, declaration: MapDeclaration): LinkedMap;
  /** From now on the program of that name uses it. */
  use(map: UserMap, program: string): void;
  release(map: UserMap, program: string): void;
  /** All of them with their bytes, in the order of their numbers. */
  records(): readonly MapRecord[];
  /** Names of the prog_arrays that hold the program at that place. */
  holders(place: number): readonly string[];
  /** Records may have come: wakes those who wait for them. */
  notify(): void;
}

export type MapRuntime = Pick<Runtime, "createMap" | "arena" | "cpus">;

/** Its functions may be taken from it one by one. `taken` are the names of maps that are not its own. */
export function createMapRegistry(
  runtime: MapRuntime,
  programs: ProgramPlaces,
  taken: readonly string[] = [],
): Maps {
  const registry = new Registry(runtime, programs, taken);
  return {
    create: ((spec: unknown) => registry.create(spec)) as MapRegistry["create"],
    get: ((name: string) => registry.get(name)) as MapRegistry["get"],
    list: () => registry.list(),
    declare: (declaration) => registry.declare(declaration),
    adopt: (map, declaration) => registry.adopt(map, declaration),
    use: (map, program) => void registry.recordOf(map).programs.add(program),
    release: (map, program) => void registry.recordOf(map).programs.delete(program),
    records: () => registry.records(),
    holders: (place) => registry.holders(place),
    notify: () => registry.notify(),
  };
}

class Registry {
  readonly #runtime: MapRuntime;
  /** By name, in the order of their numbers. */
  readonly #maps = new Map<string, TypedMap | TypedRing>();
  readonly #records = new WeakMap<object, MapRecord>();
  readonly #byHandle = new Map<number, TypedMap | TypedRing>();
  readonly #rings = new Set<TypedRing>();
  readonly #innerMaps = new References();
  readonly #programs = new References();
  readonly #places: ProgramPlaces;
  readonly #taken: readonly string[];
  #lastId = 0;

  constructor(runtime: MapRuntime, places: ProgramPlaces, taken: readonly string[]) {
    this.#runtime = runtime;
    this.#places = places;
    this.#taken = taken;
  }

  create(spec: unknown): UserMap {
    if (typeof spec !== "object" || spec === null) throw badValue("a map", spec, "an object");
    const { name } = spec as { readonly name?: unknown };
    this.#checkName(name);
    const wanted = readSpec(spec, name);
    if (this.#maps.has(name)) {
      throw new MapError("EEXIST", `${name} is there already: get it, or close it first`);
    }
    return this.#make(name, wanted);
  }

  get(name: unknown): UserMap | undefined {
    return this.#maps.get(name as string);
  }

  list(): readonly MapInfo[] {
    return [...this.#maps.values()].map((map) => map.info());
  }

  records(): readonly MapRecord[] {
    return [...this.#maps.values()].map((map) => this.recordOf(map));
  }

  declare({ name, shape, key, value, inner }: MapDeclaration): LinkedMap {
    this.#checkName(name);
    checkShape(shape, inner, name);
    const wanted = {
      shape,
      key: fitting(key, shape.keySize, `${name}: key`),
      value: fitting(value, shape.valueSize, `${name}: value`),
      inner,
    };
    const known = this.#maps.get(name);
    if (known === undefined) return this.#link(this.#make(name, wanted), true);
    this.#checkSame(known, wanted, `${name}, which is there already,`);
    this.#learn(known, wanted);
    return this.#link(known, false);
  }

  adopt(map: unknown, { name, shape, inner }: MapDeclaration): LinkedMap {
    const record = typeof map === "object" && map !== null ? this.#records.get(map) : undefined;
    if (record === undefined || !record.open) {
      throw badValue(`the map for ${name}`, map, "an open map of this dataplane");
    }
    const { maxEntries, flags } = record.bytes.shape;
    const wanted = { shape: { ...shape, maxEntries, flags }, inner };
    this.#checkSame(map as UserMap, wanted, `the map for ${name}, ${record.name},`);
    return this.#link(map as UserMap, false);
  }

  /** Throws MapError: EINVAL, and EEXIST for what no map can have while the dataplane's own are found by name. */
  #checkName(name: unknown): asserts name is string {
    checkName(name);
    if (!this.#taken.includes(name)) return;
    throw new MapError("EEXIST", `${name} is a map of the dataplane's own: take another name`);
  }

  holders(place: number): readonly string[] {
    return this.#programs.holders(place + 1);
  }

  notify(): void {
    for (const ring of this.#rings) ring.wake();
  }

  recordOf(map: UserMap): MapRecord {
    const record = this.#records.get(map);
    if (record === undefined) throw badValue("the map", map, "one of this dataplane");
    return record;
  }

  #make(name: string, { shape, key, value, inner }: Wanted): UserMap {
    const type = checkShape(shape, inner, name);
    const before = this.#runtime.arena.used;
    const bytes = this.#runtime.createMap(shape);
    if (bytes === undefined) throw this.#noRoom(name);
    const memory = this.#runtime.arena.used - before;
    const id = ++this.#lastId;
    const common = {
      id,
      name,
      type,
      bytes,
      memory,
      inner,
      programs: new Set<string>(),
      open: true,
    };
    return this.#enter({ ...common, key, value });
  }

  #enter(record: MapRecord): UserMap {
    const leave = (left: MapRecord) => this.#leave(left);
    const map =
      record.type === "ringbuf"
        ? new TypedRing(record, leave, decoderOf(record))
        : new TypedMap(record, leave, this.#speechOf(record));
    if (map instanceof TypedRing) this.#rings.add(map);
    this.#records.set(map, record);
    this.#maps.set(record.name, map);
    this.#byHandle.set(record.bytes.handle, map);
    return map;
  }

  /** Throws MapError EBUSY. */
  #leave({ name, bytes, programs }: MapRecord): void {
    const users = [...programs].map((program) => `program ${program}`);
    const holders = this.#innerMaps.holders(bytes.handle).map((map) => `map ${map}`);
    const all = [...users, ...holders].join(", ");
    if (all !== "")
      throw new MapError("EBUSY", `${name} is used by ${all}: take it from them first`);
    const map = this.#maps.get(name);
    this.#maps.delete(name);
    this.#byHandle.delete(bytes.handle);
    if (map instanceof TypedRing) this.#rings.delete(map);
  }

  #link(map: UserMap, created: boolean): LinkedMap {
    return { map, handle: this.recordOf(map).bytes.handle, created };
  }

  #checkSame(map: UserMap, wanted: Pick<Wanted, "shape" | "inner">, subject: string): void {
    const { bytes, inner } = this.recordOf(map);
    const isSame = isSameShape(bytes.shape, wanted.shape);
    const isSameInner =
      inner === wanted.inner || (inner && wanted.inner && isSameShape(inner, wanted.inner));
    if (isSame && isSameInner) return;
    throw new MapError(
      "EINVAL",
      `${subject} has another type, other sizes, entries or flags than the program declares: ` +
        `${printShape(bytes.shape, inner)}, not ${printShape(wanted.shape, wanted.inner)}`,
    );
  }

  /** Layouts that nobody has said before. */
  #learn(map: TypedMap | TypedRing, { key, value }: Wanted): void {
    const record = this.recordOf(map);
    record.key ??= key;
    record.value ??= value;
    if (map instanceof TypedMap) map.speak(this.#speechOf(record));
    else map.speak(decoderOf(record));
  }

  #speechOf(record: MapRecord): Speech {
    const { name, type, bytes, key, value } = record;
    const keys = translate(key, bytes.shape.keySize, `${name}: key`);
    const place = `${name}: value`;
    if (isReference(type)) {
      const isPrograms = type === "prog_array";
      const referent = isPrograms ? this.#programsIn(place) : this.#mapsIn(record, place);
      const references = isPrograms ? this.#programs : this.#innerMaps;
      return { key: keys, value: translateReference(referent), references };
    }
    const values = isPerCpu(type)
      ? translateEach(value, bytes.shape, this.#runtime.cpus, place)
      : translate(value, bytes.shape.valueSize, place);
    return { key: keys, value: values, references: undefined };
  }

  #programsIn(place: string): Referent {
    return {
      number: (value) => {
        const at = this.#places.placeOf(value);
        if (at !== undefined) return at + 1;
        throw badValue(place, value, "a loaded program of this dataplane in packet form");
      },
      value: (number) => this.#places.programAt(number - 1),
    };
  }

  #mapsIn({ inner }: MapRecord, place: string): Referent {
    return {
      number: (value) => {
        const record =
          typeof value === "object" && value !== null ? this.#records.get(value) : undefined;
        if (record === undefined || !record.open) {
          throw badValue(place, value, "an open map of this dataplane");
        }
        if (inner !== undefined && isInnerOf(inner, record.bytes.shape)) return record.bytes.handle;
        throw new MapError(
          "EINVAL",
          `${place}: ${record.name} is not as \`inner\` says: ` +
            `${printShape(record.bytes.shape)}, not ${inner && printShape(inner)}`,
        );
      },
      value: (number) => this.#byHandle.get(number),
    };
  }

  #noRoom(name: string): MapError {
    const { capacity, used } = this.#runtime.arena;
    return new MapError(
      "ENOMEM",
      `${name} does not fit what is left of ${capacity} bytes, ${used} of them taken: ` +
        "create the dataplane with a larger capacity.arena, or close maps",
    );
  }
}

function decoderOf({ name, value }: MapRecord): (record: Uint8Array) => unknown {
  return translateRecords(value, `${name}: a record`);
}

/** A layout that has not as many bytes as the program says is none that anybody has said. */
function fitting(layout: Layout | undefined, size: number, place: string): Layout | undefined {
  if (layout === undefined || size === 0) return layout;
  return fits(compileLayout(layout, place), size) ? copyLayout(layout) : undefined;
}

function printShape(
  { type, keySize, valueSize, maxEntries, flags }: MapShape,
  inner?: MapShape,
): string {
  const sizes = `key ${keySize}, value ${valueSize}, entries ${maxEntries}`;
  const outer = `${typeName(type) ?? type}, ${sizes}, flags ${flagNames(flags).join(" ") || "none"}`;
  return inner === undefined ? outer : `${outer}, of ${printShape(inner)}`;
}
