/** The packet path with a memory that workers share: the same code, its import of a memory marked. */
import type { Capacity } from "../dataplane/dataplane.ts";
import type { Partition } from "../dataplane/engine.ts";
import { DataplaneError } from "../dataplane/error.ts";
import { createMemory, type Instance, inlinedBytes, load } from "../dataplane/module.ts";

/** WebAssembly core specification, section 5.5: the magic number and the version come first. */
const HEADER = 8;
const SECTION_IMPORT = 2;
/** Limits, section 5.3.4 and the threads proposal: a minimum alone; both bounds, and shared. */
const LIMITS_PRIVATE = 0x00;
const LIMITS_SHARED = 0x03;
/** 65,536 pages in LEB128: what 32 bits address. */
const MAXIMUM = [0x80, 0x80, 0x04];

let shared: Promise<WebAssembly.Module> | undefined;

/** The module that is inlined in this package, compiled once per realm. */
export function sharedModule(): Promise<WebAssembly.Module> {
  shared ??= WebAssembly.compile(withSharedMemory(inlinedBytes()));
  return shared;
}

/**
 * A module whose only import is a memory without a maximum, made to import a shared one, which must have a
 * maximum. An import section of one import ends with its limits, and is shorter than 128 bytes.
 */
export function withSharedMemory(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const at = importSection(bytes);
  const size = bytes[at + 1] as number;
  const end = at + 2 + size;
  const limits = end - 2;
  if (bytes[limits] !== LIMITS_PRIVATE) throw badModule("its memory is not as it should be");
  const before = bytes.subarray(at + 2, limits);
  const minimum = bytes[end - 1] as number;
  return concat(
    bytes.subarray(0, at),
    [SECTION_IMPORT, size + MAXIMUM.length, ...before, LIMITS_SHARED, minimum, ...MAXIMUM],
    bytes.subarray(end),
  );
}

function concat(...parts: readonly ArrayLike<number>[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function importSection(bytes: Uint8Array): number {
  for (let at = HEADER; at < bytes.length; ) {
    if (bytes[at] === SECTION_IMPORT) return at;
    const { value, end } = leb128(bytes, at + 1);
    at = end + value;
  }
  throw badModule("it imports nothing");
}

function leb128(bytes: Uint8Array, at: number): { value: number; end: number } {
  let value = 0;
  for (let end = at, shift = 0; ; end++, shift += 7) {
    const byte = bytes[end] as number;
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return { value, end: end + 1 };
  }
}

function badModule(what: string): DataplaneError {
  return new DataplaneError("bad-module", `the module cannot be shared by workers: ${what}`);
}

/** As `load`, over memory that workers share. Throws as it does. */
export async function loadShared(
  module: WebAssembly.Module,
  capacity: Capacity,
  seed: number,
  partition: Partition,
): Promise<Instance> {
  try {
    return await load(module, capacity, seed, partition, createMemory(true));
  } catch (error) {
    if (!(error instanceof WebAssembly.LinkError)) throw error;
    throw badModule(`${error.message}; pass a compiled waxdp/dataplane.shared.wasm`);
  }
}
