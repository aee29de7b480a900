/** A map with keys, as people have it. */
import {
  E2BIG,
  EEXIST,
  ENOENT,
  ENOSPC,
  MAP_FLAG_RDONLY,
  MAP_FLAG_WRONLY,
  UPDATE_ANY,
  UPDATE_EXIST,
  UPDATE_NOEXIST,
} from "../../abi/program.ts";
import type { ByteMap } from "../dataplane/runtime.ts";
import { createBatch } from "./batch.ts";
import { codeOf, MapError } from "./error.ts";
import { MapFace, type MapRecord } from "./face.ts";
import type { MapBatch, UpdateOptions, UserMap } from "./map.ts";
import type { References } from "./references.ts";
import { badValue } from "./scalar.ts";
import { isArray, isReference } from "./shape.ts";
import { numberIn, type Translation } from "./translation.ts";

const UPDATE_FLAGS = { any: UPDATE_ANY, noexist: UPDATE_NOEXIST, exist: UPDATE_EXIST } as const;

/** How its keys and values are spoken of, and who is to know what it holds. */
export interface Speech {
  readonly key: Translation;
  readonly value: Translation;
  readonly references: References | undefined;
}

export class TypedMap extends MapFace implements UserMap {
  #speech: Speech;
  readonly #batch: MapBatch<unknown, unknown>;

  constructor(record: MapRecord, leave: (record: MapRecord) => void, speech: Speech) {
    super(record, leave);
    this.#speech = speech;
    this.#batch = createBatch({
      name: record.name,
      keys: () => this.#readable().entries(),
      lookup: (key) => this.#decode(this.#readable().lookup(key)),
      decode: (key) => this.#speech.key.decode(key),
      remove: (key) => this.#remove(key),
      update: (key, value, flags) => this.#update(key, value, flags),
      delete: (key) => this.delete(key),
    });
  }

  get batch(): MapBatch<unknown, unknown> {
    return this.#batch;
  }

  /** From now on its keys and values have layouts. */
  speak(speech: Speech): void {
    this.#speech = speech;
  }

  lookup(key: unknown): unknown {
    this.#readable();
    const where = this.#speech.key.encode(key);
    // A key may have getters that close this map.
    return this.#decode(this.#readable().lookup(where));
  }

  update(key: unknown, value: unknown, options?: UpdateOptions): void {
    this.#update(key, value, options);
  }

  delete(key: unknown): boolean {
    this.#writable();
    return this.#remove(this.#speech.key.encode(key));
  }

  *entries(): IterableIterator<[unknown, unknown]> {
    for (const [key, value] of this.#readable().entries()) {
      yield [this.#speech.key.decode(key), this.#speech.value.decode(value)];
      if (!this.record.open) return;
    }
  }

  protected override end(): void {
    const { references } = this.#speech;
    if (references === undefined) return;
    for (const [, value] of this.record.bytes.entries()) {
      references.release(numberIn(value), this.name);
    }
  }

  #decode(value: Uint8Array | undefined): unknown {
    return value === undefined ? undefined : this.#speech.value.decode(value);
  }

  #update(key: unknown, value: unknown, options: UpdateOptions | undefined): void {
    this.#writable();
    const flags = flagsOf(options);
    this.#checkIndex(key, flags);
    // A value may have getters that ask this map, or close it.
    const what = this.#speech.value.encode(value);
    const where = this.#speech.key.encode(key);
    // And a key those that close the map that is the value.
    if (this.#speech.references !== undefined) this.#speech.value.encode(value);
    const bytes = this.#writable();
    const before = this.#held(where);
    const error = bytes.update(where, what, flags);
    if (error !== 0) throw this.#refusal(-error);
    this.#exchange(before, what);
  }

  /** Before the value, as bpf_fd_array_map_update_elem of kernel/bpf/arraymap.c. */
  #checkIndex(key: unknown, flags: number): void {
    if (!isArray(this.type) || numberIn(this.#speech.key.encode(key)) < this.capacity) return;
    if (!isReference(this.type) || flags === UPDATE_ANY) throw this.#refusal(E2BIG);
  }

  #remove(key: Uint8Array): boolean {
    const before = this.#held(key);
    const error = this.#writable().remove(key);
    if (error === -ENOENT) return false;
    if (error !== 0) throw this.#refusal(-error);
    this.#exchange(before, undefined);
    return true;
  }

  /** What the entry of that key refers to. */
  #held(key: Uint8Array): Uint8Array | undefined {
    return this.#speech.references === undefined ? undefined : this.record.bytes.lookup(key);
  }

  #exchange(before: Uint8Array | undefined, after: Uint8Array | undefined): void {
    const { references } = this.#speech;
    if (references === undefined) return;
    if (before !== undefined) references.release(numberIn(before), this.name);
    if (after !== undefined) references.hold(numberIn(after), this.name);
  }

  #readable(): ByteMap {
    const bytes = this.opened();
    if ((bytes.shape.flags & MAP_FLAG_WRONLY) === 0) return bytes;
    throw new MapError("EPERM", `${this.name} can only be written: it has the flag wronly`);
  }

  #writable(): ByteMap {
    const bytes = this.opened();
    if ((bytes.shape.flags & MAP_FLAG_RDONLY) === 0) return bytes;
    throw new MapError("EPERM", `${this.name} can only be read: it has the flag rdonly`);
  }

  #refusal(errno: number): MapError {
    const array = isArray(this.type);
    const full = `is full with ${this.capacity} entries: create it with a larger maxEntries`;
    const outside = `has indexes from 0 to ${this.capacity - 1}: use one of them`;
    const reasons: Readonly<Record<number, string>> = {
      [E2BIG]: array ? outside : full,
      [ENOSPC]: full,
      [EEXIST]: 'has this key already: update without flag "noexist"',
      [ENOENT]: 'has no such key: update without flag "exist"',
    };
    const refused = array
      ? 'is an array, whose entries are neither deleted nor updated with "noexist"'
      : "takes no such key: a prefix is no longer than the address it stands in front of";
    return new MapError(codeOf(errno), `${this.name} ${reasons[errno] ?? refused}`);
  }
}

function flagsOf(options: UpdateOptions | undefined): number {
  if (options === undefined) return UPDATE_ANY;
  if (typeof options !== "object" || options === null) {
    throw badValue("the options of update", options, "an object");
  }
  const { flag = "any" } = options;
  if (Object.hasOwn(UPDATE_FLAGS, flag)) return UPDATE_FLAGS[flag];
  throw badValue("flag", flag, 'one of "any", "noexist" and "exist"');
}
