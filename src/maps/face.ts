/** What every map shows of itself, and how it ends. */
import type { ByteMap, MapShape } from "../dataplane/runtime.ts";
import { MapError } from "./error.ts";
import type { Layout, MapInfo, MapType } from "./map.ts";
import { flagNames } from "./shape.ts";

/** What Node's console.log asks an object for: util.inspect.custom. */
const INSPECT = Symbol.for("nodejs.util.inspect.custom");

/** What the registry keeps of a map. */
export interface MapRecord {
  readonly id: number;
  readonly name: string;
  readonly type: MapType;
  readonly bytes: ByteMap;
  /** Bytes of the arena. */
  readonly memory: number;
  readonly inner: MapShape | undefined;
  key: Layout | undefined;
  value: Layout | undefined;
  /** Names of those that use it. */
  readonly programs: Set<string>;
  open: boolean;
}

export class MapFace {
  readonly #record: MapRecord;
  readonly #leave: (record: MapRecord) => void;

  /** `leave` is asked before the map ends, and throws when something uses it. */
  constructor(record: MapRecord, leave: (record: MapRecord) => void) {
    this.#record = record;
    this.#leave = leave;
  }

  /** No property of the map itself: who prints it, or copies it, gets none of this. */
  protected get record(): MapRecord {
    return this.#record;
  }

  get name(): string {
    return this.record.name;
  }

  get type(): MapType {
    return this.record.type;
  }

  get id(): number {
    return this.record.id;
  }

  get capacity(): number {
    return this.record.bytes.shape.maxEntries;
  }

  /** 0 once it is closed. */
  get length(): number {
    return this.record.open ? this.record.bytes.length : 0;
  }

  info(): MapInfo {
    this.opened();
    return this.toJSON();
  }

  toJSON(): MapInfo {
    const { id, name, type, bytes, key, value, programs, open } = this.record;
    const { keySize, valueSize, maxEntries, flags } = bytes.shape;
    const sizes = { keySize, valueSize, maxEntries, flags: flagNames(flags), length: this.length };
    const memory = open ? this.record.memory : 0;
    return { id, name, type, ...sizes, key, value, memory, programs: [...programs] };
  }

  [INSPECT](): MapInfo {
    return this.toJSON();
  }

  close(): void {
    if (!this.record.open) return;
    this.#leave(this.record);
    this.end();
    this.record.open = false;
    this.record.bytes.free();
  }

  /** What there is to do while its bytes are still there. */
  protected end(): void {}

  protected opened(): ByteMap {
    if (this.record.open) return this.record.bytes;
    throw new MapError("EBADF", `${this.record.name} was closed: create it again`);
  }
}
