/** The packet path compiled to WebAssembly, as an engine. */
import * as layout from "../../abi/layout.ts";
import { TIMEOUT_MAX } from "../../abi/limits.ts";
import { commit } from "./commit.ts";
import type { Capacity } from "./dataplane.ts";
import type { Engine, FrameInput, Outcome } from "./engine.ts";
import { createFrames, readOutcome, writeDescriptor } from "./frames.ts";
import { type Instance, load } from "./module.ts";
import { createTables } from "./tables.ts";
import { readCounters } from "./totals.ts";

export interface WasmOptions {
  readonly capacity: Capacity;
  readonly seed: number;
  readonly module?: WebAssembly.Module | undefined;
}

/** Throws DataplaneError "bad-module", "abi-mismatch" or "capacity". */
export async function createEngine({ capacity, seed, module }: WasmOptions): Promise<Engine> {
  const instance = await load(module, capacity, seed);
  const { exports } = instance;
  const clock = createClock(instance);
  const tables = createTables(instance, capacity, clock.epoch);
  const words = new Uint32Array(instance.memory.buffer);
  return {
    name: "wasm",
    capacity,
    maps: tables.maps,
    batch: createFrames(instance, capacity, clock.tick),
    commit: (transaction) => commit(transaction, tables, capacity),
    connections(backend) {
      words[exports.scratch() >>> 2] = backend;
      const row = exports.lookup(layout.MAP_BACKENDS, exports.scratch()) >>> 0;
      return row === 0 ? 0 : (words[(row + layout.BACKEND_CONNECTIONS) >>> 2] as number);
    },
    process: (frame, input, now) => processOne(instance, frame, input, clock.tick(now)),
    counters: () => readCounters(instance),
    flush: () => exports.flush(),
  };
}

/**
 * One frame, of up to FRAME_MAX bytes, through the slot that takes any size, with a descriptor of its own: the
 * batch is left alone.
 */
function processOne(
  { exports, memory }: Instance,
  frame: Uint8Array,
  input: FrameInput,
  now: number,
): { outcome: Outcome; packet: Uint8Array } {
  const bytes = new Uint8Array(memory.buffer);
  const words = new Uint32Array(memory.buffer);
  const [at, descriptor] = [exports.jumbo() >>> 0, exports.scratch() >>> 0];
  bytes.set(frame, at);
  writeDescriptor(words, descriptor >>> 2, at, frame.length, input);
  exports.process(descriptor, 1, now);
  const start = words[(descriptor + layout.DESC_DATA) >>> 2] as number;
  const end = start + (words[(descriptor + layout.DESC_LENGTH) >>> 2] as number);
  return { outcome: readOutcome(words, descriptor >>> 2), packet: bytes.slice(start, end) };
}

/** The module's clock has 32 bits of milliseconds: it is moved before they run out. */
const REBASE_AT = 2 ** 31;
/** What is older becomes as old as this, which is past every timeout. */
const REBASE_TO = TIMEOUT_MAX + 1;

function createClock({ exports }: Instance) {
  let epoch = 0;
  return {
    epoch: () => epoch,
    tick(now: number): number {
      if (now - epoch < REBASE_AT) return now - epoch;
      const delta = now - REBASE_TO - epoch;
      exports.rebase(Math.min(delta, 2 ** 32 - 1));
      epoch += delta;
      return REBASE_TO;
    },
  };
}
