/** Maps as people make and use them, in the words of bpf(2) and libbpf. */
import type { LoadedProgram } from "../program/loaded.ts";

/**
 * Types of maps, by the names of enum bpf_map_type in lower case, as bpftool prints them. A lru_hash that is full
 * gives an entry up for a new one: a hand goes round its slots and takes the first that has not been used since it
 * came by last. Used is what a program has looked up and what anybody has updated again, not what is looked up from
 * outside of programs.
 */
export type MapType =
  | "hash"
  | "array"
  | "prog_array"
  | "percpu_hash"
  | "percpu_array"
  | "lru_hash"
  | "lpm_trie"
  | "array_of_maps"
  | "hash_of_maps"
  | "ringbuf";

/** BPF_F_ flags in lower case. */
export type MapFlag = "no_prealloc" | "rdonly" | "wronly" | "rdonly_prog" | "wronly_prog";

/**
 * One field, little-endian unless it is a be one. Numbers up to 32 bits are numbers, 64 bits bigints. `ipv4` is
 * four bytes as in the packet, spoken as text; `ipv6` 16; `addr16` either, IPv4 mapped; `mac` six. `prefix4` and
 * `prefix6` are keys of an lpm_trie, spoken as "10.0.0.0/8". { bytes: n } is a Uint8Array, { text: n } UTF-8 text
 * filled up with zeros.
 */
export type FieldType =
  | "u8"
  | "u16"
  | "u32"
  | "u64"
  | "i8"
  | "i16"
  | "i32"
  | "i64"
  | "f32"
  | "f64"
  | "bool"
  | "be16"
  | "be32"
  | "be64"
  | "ipv4"
  | "ipv6"
  | "addr16"
  | "mac"
  | "prefix4"
  | "prefix6"
  | { readonly bytes: number }
  | { readonly text: number };

/** Fields in their order, each at a multiple of its own size as in C and in an @unmanaged class. */
export interface Struct {
  readonly [field: string]: FieldType | Struct;
}

/** What a key or a value is: a field, a struct, or so many bytes that nobody looks into. */
export type Layout = FieldType | Struct | number;

type ScalarOf<F> = F extends "u64" | "i64" | "be64"
  ? bigint
  : F extends "bool"
    ? boolean
    : F extends
          | "ipv4"
          | "ipv6"
          | "addr16"
          | "mac"
          | "prefix4"
          | "prefix6"
          | { readonly text: number }
      ? string
      : F extends { readonly bytes: number }
        ? Uint8Array
        : number;

/** What a layout is in TypeScript. */
export type ValueOf<L> = L extends number
  ? Uint8Array
  : L extends string | { readonly bytes: number } | { readonly text: number }
    ? ScalarOf<L>
    : { -readonly [Field in keyof L]: ValueOf<L[Field]> };

export interface MapSpec<Key extends Layout = Layout, Value extends Layout = Layout> {
  /** 1 to 63 bytes of A-Z a-z 0-9 _ . - and none that a map of the dataplane's own has. */
  readonly name: string;
  readonly type: MapType;
  /** Not of a ring buffer. Default of arrays: "u32". */
  readonly key?: Key;
  /** Not of a prog_array or a map of maps. Of a ring buffer what its records are like, bytes unless it is said. */
  readonly value?: Value;
  /** Most entries; of a ring buffer its bytes, a power of two and at least 4,096. */
  readonly maxEntries: number;
  readonly flags?: readonly MapFlag[];
  /** Of a map of maps: what every map in it is like; its name does not matter. */
  readonly inner?: Omit<MapSpec, "name" | "inner">;
}

export interface UpdateOptions {
  /** BPF_ANY, BPF_NOEXIST (only a new entry) or BPF_EXIST (only one that is there). Default "any". */
  readonly flag?: "any" | "noexist" | "exist";
}

/** What bpftool map show says. */
export interface MapInfo {
  readonly id: number;
  readonly name: string;
  readonly type: MapType;
  /** Bytes. */
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: readonly MapFlag[];
  readonly length: number;
  /** Undefined when nobody has said. */
  readonly key: Layout | undefined;
  readonly value: Layout | undefined;
  /** Bytes of the arena it takes. */
  readonly memory: number;
  /** Names of the programs that use it. */
  readonly programs: readonly string[];
}

/** What is known of a map in a snapshot. Its `length` is that of the entries that were kept, of a ring buffer of records. */
export type KeptMap = Omit<MapInfo, "id" | "memory" | "programs">;

/** Many entries in one call, as BPF_MAP_LOOKUP_BATCH and its like. */
export interface MapBatch<Key, Value> {
  /** Up to `count` entries after `cursor`; undefined starts, and a cursor of undefined in the result says the end. */
  lookup(
    count: number,
    cursor?: unknown,
  ): { readonly entries: [Key, Value][]; readonly cursor: unknown };
  /** The same, and they are deleted. */
  lookupAndDelete(
    count: number,
    cursor?: unknown,
  ): { readonly entries: [Key, Value][]; readonly cursor: unknown };
  /** How many were updated before the first that could not be, whose error is thrown with that `count`. */
  update(entries: Iterable<readonly [Key, Value]>, options?: UpdateOptions): number;
  /** How many of them were there. */
  delete(keys: Iterable<Key>): number;
}

/**
 * A map that programs share. Errors are MapError with the names of bpf(2). Of a per-CPU map a value is an array with
 * one value per CPU; of a map of maps it is the inner map; of a prog_array the loaded program.
 */
export interface UserMap<Key = unknown, Value = unknown> {
  readonly name: string;
  readonly type: MapType;
  readonly id: number;
  readonly capacity: number;
  readonly length: number;
  info(): MapInfo;
  /** What JSON.stringify and console.log show: the same, of a map that was closed without its memory. */
  toJSON(): MapInfo;
  /** Undefined for a key that is not there. Throws EINVAL for what is no key, EPERM for a map that cannot be read. */
  lookup(key: Key): Value | undefined;
  /** Throws E2BIG when it is full, EEXIST or ENOENT as the flag asks, EINVAL, ENOSPC (lpm_trie), EPERM. */
  update(key: Key, value: Value, options?: UpdateOptions): void;
  /** False when there was no such entry. Throws EINVAL for arrays, whose entries cannot be deleted. */
  delete(key: Key): boolean;
  entries(): IterableIterator<[Key, Value]>;
  readonly batch: MapBatch<Key, Value>;
  /** Gives its room back. Throws EBUSY while a program, a link or another map uses it. */
  close(): void;
}

/**
 * A ring buffer: what programs have emitted, record by record. Each goes to one reader, however many there are:
 * iterators that wait get theirs in the order in which they began to wait, once the packets of a call of `process`
 * are through; `read` takes what they leave. An iterator ends when the map is closed. Of a record that is shorter
 * than its layout the rest is zero, of a longer one the rest is left out.
 */
export interface RingBuffer<Record = Uint8Array>
  extends UserMap<never, never>,
    AsyncIterable<Record> {
  /** What is there, and is taken with it, oldest first. */
  read(most?: number): Record[];
  /** Records that found no room. */
  readonly lost: number;
}

/** What a spec of that type makes. */
export type MapOf<Type extends MapType, Key extends Layout, Value extends Layout> = {
  readonly ringbuf: RingBuffer<ValueOf<Value>>;
  readonly prog_array: UserMap<ValueOf<Key>, LoadedProgram>;
  readonly array_of_maps: UserMap<ValueOf<Key>, UserMap>;
  readonly hash_of_maps: UserMap<ValueOf<Key>, UserMap>;
  readonly percpu_array: UserMap<ValueOf<Key>, ValueOf<Value>[]>;
  readonly percpu_hash: UserMap<ValueOf<Key>, ValueOf<Value>[]>;
  readonly array: UserMap<ValueOf<Key>, ValueOf<Value>>;
  readonly hash: UserMap<ValueOf<Key>, ValueOf<Value>>;
  readonly lru_hash: UserMap<ValueOf<Key>, ValueOf<Value>>;
  readonly lpm_trie: UserMap<ValueOf<Key>, ValueOf<Value>>;
}[Type];

/** `dataplane.maps`, beside the maps of the control plane that stand there by name. */
export interface MapRegistry {
  /** Throws MapError: EINVAL, EEXIST for a name that is taken, ENOMEM when `capacity.arena` has no room. */
  create<
    const Type extends MapType,
    const Key extends Layout = "u32",
    const Value extends Layout = number,
  >(spec: MapSpec<Key, Value> & { readonly type: Type }): MapOf<Type, Key, Value>;
  /** A map that was created here or by a program that was loaded; undefined when there is none of that name. */
  get<Key = unknown, Value = unknown>(name: string): UserMap<Key, Value> | undefined;
  /** In the order of their numbers. */
  list(): readonly MapInfo[];
}
