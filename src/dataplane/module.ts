/** The compiled packet path: found, checked and started in a memory sized for its capacities. */
import { instantiate } from "@assemblyscript/loader";
import { ABI_VERSION } from "../../abi/version.ts";
import { MODULE_BASE64 } from "../../generated/module.ts";
import type { Capacity } from "./dataplane.ts";
import { ALONE, type Partition } from "./engine.ts";
import { DataplaneError } from "./error.ts";

/** The exports of assembly/index.ts. Addresses are bytes in the module's memory. */
export interface PacketPath {
  readonly ABI_VERSION: WebAssembly.Global;
  /** Lays the tables out for these capacities; returns the bytes of memory needed, 0 when 32 bits do not do. */
  configure(
    frontends: number,
    backends: number,
    services: number,
    slots: number,
    ranges: number,
    addresses: number,
    interfaces: number,
    connections: number,
    connections6: number,
    affinity: number,
    datagrams: number,
    fragments: number,
    batch: number,
    frame: number,
    headroom: number,
    seed: number,
  ): number;
  /** Which connections are this engine's; all of them until it is called. `byAddress` is 0 or 1. */
  partition(shard: number, shards: number, byAddress: number, seed: number): void;
  /** To be called once, when memory has grown to what `configure` asked for. */
  start(): void;
  process(descriptors: number, length: number, now: number): void;
  /** As `process`, for contexts of programs. For their runtime, as the next two. */
  processContexts(contexts: number, length: number, now: number): void;
  /** Number of the service port behind an address and port, nodePorts included. */
  owner(family: number, address0: bigint, address1: bigint, port: number, proto: number): number;
  /** Writes the tuple of a frame where `out` says; 0 when it has none. */
  readTuple(descriptor: number, out: number): number;
  /** Writes the shard of each frame into the last word of its descriptor, and nothing else. */
  steer(descriptors: number, length: number): void;
  /** Records of the fragments that the last `process` has let go, and how many there are. */
  released(): number;
  releasedLength(): number;
  scratch(): number;
  descriptors(): number;
  frames(): number;
  frameStride(): number;
  jumbo(): number;
  config(): number;
  counters(): number;
  /** Address of the record, 0 when there is none; array maps take the address of a u32 index. */
  lookup(map: number, key: number): number;
  /** 0; 1 when the map is full, 2 when it is not the host's to write. */
  update(map: number, record: number): number;
  /** 1 when the entry was there. */
  remove(map: number, key: number): number;
  /** The next occupied slot after `slot`, -1 at the end; starts with -1. */
  next(map: number, slot: number): number;
  at(map: number, slot: number): number;
  length(map: number): number;
  capacity(map: number): number;
  /** Takes from backends what their BACKEND_RETIRED bits say; returns how many connections it has ended. */
  retire(): number;
  flush(): void;
  sweep(now: number): void;
  rebase(delta: number): void;
  /** Takes in a connection of which a record stands there; there must be room, and its tuples in no other one. */
  adopt(map: number, record: number): void;
  /** Its clock, and when it has last looked for what has expired. */
  now(): number;
  swept(): number;
  resume(now: number, swept: number): void;
  /** The key of Maglev's hash, where it is not the seed that `configure` was given. */
  seedBalance(seed: number): void;
  randomState(): number;
  setRandomState(state: number): void;
}

export interface Instance {
  readonly exports: PacketPath;
  readonly memory: WebAssembly.Memory;
  /** Where what it has in memory ends. */
  readonly end: number;
}

const PAGE = 65536;
/** The last page is left out, so that no address behind a frame wraps. */
const BYTES_MAX = 2 ** 32 - PAGE;
/** Pages before the tables: static data only; kept in step with asconfig.json. */
const INITIAL_PAGES = 2;

let compiled: Promise<WebAssembly.Module> | undefined;

/** The module that is inlined in this package, compiled once per realm. */
function inlinedModule(): Promise<WebAssembly.Module> {
  compiled ??= WebAssembly.compile(inlinedBytes());
  return compiled;
}

export function inlinedBytes(): Uint8Array<ArrayBuffer> {
  return bytesOf(MODULE_BASE64);
}

/** What stands in this package as text. */
export function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** Throws DataplaneError "bad-module", "abi-mismatch" or "capacity". */
export async function load(
  module: WebAssembly.Module | undefined,
  capacity: Capacity,
  seed: number,
  { shard, shards, steering }: Partition = ALONE,
  memory = createMemory(),
): Promise<Instance> {
  const exports = await instantiatePath(module ?? (await inlinedModule()), memory);
  const end = exports.configure(...sizesOf(capacity, seed)) >>> 0;
  exports.partition(shard, shards, steering === "address" ? 1 : 0, seed | 0);
  grow(memory, end === 0 ? Number.POSITIVE_INFINITY : end);
  exports.start();
  return { exports, memory, end };
}

/** A module imports either a memory of its own or one that workers share. */
export function createMemory(shared = false): WebAssembly.Memory {
  return new WebAssembly.Memory({ initial: INITIAL_PAGES, maximum: PAGE, shared });
}

/** What `configure` takes. */
export function sizesOf(capacity: Capacity, seed: number): Parameters<PacketPath["configure"]> {
  return [
    capacity.frontends,
    capacity.backends,
    capacity.services,
    capacity.slots,
    capacity.ranges,
    capacity.addresses,
    capacity.interfaces,
    capacity.connections,
    capacity.connections6,
    capacity.affinity,
    capacity.datagrams,
    capacity.fragments,
    capacity.batch,
    capacity.frame,
    capacity.headroom,
    seed | 0,
  ];
}

/** Throws DataplaneError "bad-module" or "abi-mismatch". */
async function instantiatePath(
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
): Promise<PacketPath> {
  if (!(module instanceof WebAssembly.Module)) {
    throw new DataplaneError(
      "bad-module",
      "module is no WebAssembly.Module: compile the bytes first",
    );
  }
  checkAbi(module);
  const { instance } = await instantiate(module, { env: { memory } });
  const exports = instance.exports as unknown as PacketPath;
  const version = exports.ABI_VERSION.value as number;
  if (version === ABI_VERSION) return exports;
  throw new DataplaneError(
    "abi-mismatch",
    `the module speaks ABI ${version}, this package ABI ${ABI_VERSION}: take both from one version of waxdp`,
  );
}

function checkAbi(module: WebAssembly.Module): void {
  const names = new Set(WebAssembly.Module.exports(module).map((each) => each.name));
  const missing = ["ABI_VERSION", "configure", "process"].filter((name) => !names.has(name));
  if (missing.length === 0) return;
  throw new DataplaneError(
    "bad-module",
    `the module lacks ${missing.join(", ")}: pass a compiled waxdp/dataplane.wasm`,
  );
}

/** Throws DataplaneError "capacity". */
export function grow(memory: WebAssembly.Memory, bytes: number): void {
  const pages = Math.ceil(bytes / PAGE) - memory.buffer.byteLength / PAGE;
  const isTooMuch = bytes > BYTES_MAX;
  try {
    if (isTooMuch) throw new RangeError("more than 32 bits can address");
    if (pages > 0) memory.grow(pages);
  } catch (error) {
    const size = isTooMuch ? "more than 4 GiB" : `${Math.ceil(bytes / 2 ** 20)} MiB`;
    throw new DataplaneError(
      "capacity",
      `the capacities need ${size} of memory (${(error as Error).message}): ask for less`,
    );
  }
}
