/** What maps do, said as plainly as can be, one class per kind: what the engines are held against. */
import type { Operation, Result } from "./operation.ts";

const [E2BIG, EEXIST, EINVAL, ENOENT, ENOSPC] = [7, 17, 22, 2, 28];
const [NOEXIST, EXIST] = [1, 2];

export interface Shape {
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
}

/** Values by key, both as hexadecimal text, in slots. */
interface Entry {
  readonly text: string;
  key: string;
  value: string;
  used: boolean;
}

export class Specification {
  readonly #shape: Shape;
  readonly #cpus: number;
  /** An entry has its slot until it goes. */
  readonly #slots: (Entry | undefined)[];
  /** The next one is taken from the end. */
  readonly #free: number[];
  #hand = 0;

  constructor(shape: Shape, cpus: number) {
    this.#shape = shape;
    this.#cpus = shape.type === 5 || shape.type === 6 ? cpus : 1;
    this.#slots = Array.from({ length: shape.maxEntries }, () => undefined);
    this.#free = this.#slots.map((_, index) => shape.maxEntries - 1 - index);
    if (shape.type !== 2 && shape.type !== 6) return;
    for (const index of this.#slots.keys()) {
      const key = Buffer.from(new Uint32Array([index]).buffer).toString("hex");
      this.#slots[index] = { text: key, key, value: this.#zeros(), used: false };
    }
  }

  play([kind, , ...rest]: Operation): Result {
    const [key = "", value, flags, cpu] = rest as [string, unknown, number, number];
    if (kind === "dump") return this.#dump();
    if (kind === "lookup") return this.#match(key)?.value ?? -ENOENT;
    if (kind === "use") return this.#use(key, value as number);
    if (kind === "update") return this.#update(key, flags, () => value as string);
    if (kind === "put") {
      const zeros = this.#zeros();
      return this.#update(key, flags, (before) => this.#replaced(before ?? zeros, `${value}`, cpu));
    }
    return this.#remove(key);
  }

  get #isArray(): boolean {
    return this.#shape.type === 2 || this.#shape.type === 6;
  }

  get #stride(): number {
    return this.#cpus === 1 ? this.#shape.valueSize : Math.ceil(this.#shape.valueSize / 8) * 8;
  }

  #zeros(): string {
    return "00".repeat(this.#stride * this.#cpus);
  }

  #replaced(all: string, value: string, cpu: number): string {
    const at = this.#cpus === 1 ? 0 : 2 * cpu * this.#stride;
    return all.slice(0, at) + value + all.slice(at + value.length);
  }

  /** The bits of a prefix, or undefined for what is longer than it can be; of other keys the key itself. */
  #text(key: string): string | undefined {
    if (this.#shape.type !== 11) return key;
    const bytes = Buffer.from(key, "hex");
    const length = bytes.readUInt32LE(0);
    const bits = [...bytes.subarray(4)].map((byte) => byte.toString(2).padStart(8, "0")).join("");
    return length > bits.length ? undefined : bits.slice(0, length);
  }

  #find(key: string): Entry | undefined {
    const text = this.#text(key);
    return text === undefined ? undefined : this.#slots.find((entry) => entry?.text === text);
  }

  /** The longest prefix that the key begins with. */
  #match(key: string): Entry | undefined {
    if (this.#shape.type !== 11) return this.#find(key);
    const text = this.#text(key);
    const matching = this.#slots.filter((entry) => entry && text?.startsWith(entry.text));
    return matching.sort((a, b) => (b?.text.length ?? 0) - (a?.text.length ?? 0))[0];
  }

  #use(key: string, cpu: number): Result {
    const entry = this.#match(key);
    if (entry === undefined) return -ENOENT;
    entry.used = true;
    const at = this.#cpus === 1 ? 0 : 2 * cpu * this.#stride;
    return entry.value.slice(at, at + 2 * this.#shape.valueSize);
  }

  #update(key: string, flags: number, value: (before: string | undefined) => string): number {
    const text = this.#text(key);
    if (flags > EXIST || text === undefined) return -EINVAL;
    const entry = this.#find(key);
    if (this.#isArray && entry === undefined) return -E2BIG;
    if (entry !== undefined && flags === NOEXIST) return -EEXIST;
    if (entry === undefined && flags === EXIST) return -ENOENT;
    if (entry !== undefined) {
      [entry.key, entry.value, entry.used] = [key, value(entry.value), true];
      return 0;
    }
    const slot = this.#free.pop() ?? this.#evict();
    if (slot === undefined) return this.#shape.type === 11 ? -ENOSPC : -E2BIG;
    this.#slots[slot] = { text, key, value: value(undefined), used: false };
    return 0;
  }

  #evict(): number | undefined {
    if (this.#shape.type !== 9) return undefined;
    for (;;) {
      const slot = this.#hand;
      this.#hand = (this.#hand + 1) % this.#slots.length;
      const entry = this.#slots[slot] as Entry;
      if (!entry.used) return slot;
      entry.used = false;
    }
  }

  #remove(key: string): number {
    if (this.#isArray || this.#text(key) === undefined) return -EINVAL;
    const entry = this.#find(key);
    if (entry === undefined) return -ENOENT;
    const slot = this.#slots.indexOf(entry);
    this.#slots[slot] = undefined;
    this.#free.push(slot);
    return 0;
  }

  #dump(): [string, string][] {
    const entries = this.#slots.filter((entry) => entry !== undefined);
    const pairs = entries.map(({ key, value }): [string, string] => [key, value]);
    return pairs.sort(([a], [b]) => (a < b ? -1 : 1));
  }
}
