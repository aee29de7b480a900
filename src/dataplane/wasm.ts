/** The packet path compiled to WebAssembly, as an engine. */
import * as layout from "../../abi/layout.ts";
import { TIMEOUT_MAX } from "../../abi/limits.ts";
import { commit } from "./commit.ts";
import type { Capacity } from "./dataplane.ts";
import { readOutcome, writeDescriptor } from "./descriptor.ts";
import type { Engine, FrameInput, ReleasedFrame } from "./engine.ts";
import { createFrames } from "./frames.ts";
import { rowAt } from "./maps/access.ts";
import { type Instance, load } from "./module.ts";
import { createReleased } from "./released.ts";
import { retire } from "./retire.ts";
import { createTables } from "./tables.ts";
import { readCounters } from "./totals.ts";
import { createTraffic } from "./traffic.ts";

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
  const { view } = tables.access.memory;
  const processOne = createProcess(instance);
  return {
    name: "wasm",
    capacity,
    maps: tables.maps,
    batch: createFrames(instance, capacity, clock.tick),
    commit: (transaction) => commit(transaction, tables, capacity),
    connections(backend) {
      const row = rowAt(tables.access, layout.MAP_BACKENDS, backend);
      return row === 0 ? 0 : view.getUint32(row + layout.BACKEND_CONNECTIONS, true);
    },
    process: (frame, input, now) => processOne(frame, input, clock.tick(now)),
    counters: () => readCounters(instance),
    traffic: createTraffic(tables.access),
    retire: (backends) => retire(tables.access, backends),
    flush: () => exports.flush(),
  };
}

/**
 * One frame, of up to FRAME_MAX bytes, through the slot that takes any size, with a descriptor of its own: the
 * batch is left alone.
 */
function createProcess(instance: Instance) {
  const { exports, memory } = instance;
  const bytes = new Uint8Array(memory.buffer);
  const words = new Uint32Array(memory.buffer);
  const [at, descriptor] = [exports.jumbo() >>> 0, exports.scratch() >>> 0];
  const readReleased = createReleased(instance);
  return (frame: Uint8Array, input: FrameInput, now: number) => {
    bytes.set(frame, at);
    writeDescriptor(words, descriptor >>> 2, at, frame.length, input);
    exports.process(descriptor, 1, now);
    const start = words[(descriptor + layout.DESC_DATA) >>> 2] as number;
    const end = start + (words[(descriptor + layout.DESC_LENGTH) >>> 2] as number);
    const released = readReleased(0);
    return {
      outcome: readOutcome(words, descriptor >>> 2),
      packet: bytes.slice(start, end),
      released: released.length === 0 ? released : released.map(ownCopy),
    };
  };
}

function ownCopy(released: ReleasedFrame): ReleasedFrame {
  return { ...released, packet: released.packet.slice() };
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
