/** Prefixes, of which the longest that matches wins: kernel/bpf/lpm_trie.c, without the trie. */
import {
  EEXIST,
  EINVAL,
  ENOENT,
  ENOSPC,
  LPM_DATA,
  LPM_PREFIX_LENGTH,
  UPDATE_EXIST,
  UPDATE_NOEXIST,
} from "../../../../abi/program.ts";
import { viewOf } from "../../../packet/bytes.ts";
import { type Index, textOf } from "./index.ts";
import { Slots } from "./slots.ts";

export class LpmIndex implements Index {
  readonly #slots: Slots;
  readonly #bits: number;

  constructor(capacity: number, keySize: number) {
    this.#slots = new Slots(capacity);
    this.#bits = (keySize - LPM_DATA) * 8;
  }

  get length(): number {
    return this.#slots.length;
  }

  match(key: Uint8Array): number | undefined {
    const most = lengthOf(key);
    if (most > this.#bits) return undefined;
    for (let length = most; length >= 0; length--) {
      const slot = this.#slots.find(prefixText(key, length));
      if (slot !== undefined) return slot;
    }
    return undefined;
  }

  find(key: Uint8Array): number | undefined {
    const length = lengthOf(key);
    return length > this.#bits ? undefined : this.#slots.find(prefixText(key, length));
  }

  /** An update leaves the key as it was written last, with whatever stands behind the prefix. */
  place(key: Uint8Array, flags: number): number {
    if (lengthOf(key) > this.#bits) return -EINVAL;
    const known = this.find(key);
    if (known !== undefined && flags === UPDATE_NOEXIST) return -EEXIST;
    if (known === undefined && flags === UPDATE_EXIST) return -ENOENT;
    const slot = known ?? this.#slots.free();
    if (slot === undefined) return -ENOSPC;
    this.#slots.set(slot, prefixText(key, lengthOf(key)), key);
    return slot;
  }

  remove(key: Uint8Array): number {
    const length = lengthOf(key);
    if (length > this.#bits) return -EINVAL;
    return this.#slots.remove(prefixText(key, length)) === undefined ? -ENOENT : 0;
  }

  touch(): void {}

  after(slot: number): number | undefined {
    return this.#slots.after(slot);
  }

  key(slot: number): Uint8Array | undefined {
    return this.#slots.key(slot);
  }
}

function lengthOf(key: Uint8Array): number {
  return viewOf(key).getUint32(LPM_PREFIX_LENGTH, true);
}

/** Text that is the same for the same first `length` bits. */
function prefixText(key: Uint8Array, length: number): string {
  const bytes = key.slice(LPM_DATA, LPM_DATA + Math.ceil(length / 8));
  const rest = length % 8;
  if (rest > 0) bytes[bytes.length - 1] = (bytes.at(-1) as number) & (0xff << (8 - rest));
  return `${length}:${textOf(bytes)}`;
}
