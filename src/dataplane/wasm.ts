/** The packet path compiled to WebAssembly, as an engine. */
import * as layout from "../../abi/layout.ts";
import { FRAME_MAX, SHARD_UNKNOWN } from "../../abi/limits.ts";
import { createTicks } from "./clock.ts";
import { commit } from "./commit.ts";
import type { Capacity } from "./dataplane.ts";
import { readOutcome, writeDescriptor, writeMarks } from "./descriptor.ts";
import type { Engine, FrameInput, Partition, ReleasedFrame } from "./engine.ts";
import { createFrames } from "./frames.ts";
import { rowAt } from "./maps/access.ts";
import { type Instance, load } from "./module.ts";
import { createKeeper } from "./records/keeper.ts";
import { annotateAll, createReleased } from "./released.ts";
import { retire } from "./retire.ts";
import { createRuntime, type WasmRuntime } from "./runtime/runtime.ts";
import { createTables } from "./tables.ts";
import { readCounters } from "./totals.ts";
import { createTraffic } from "./traffic.ts";

export interface WasmOptions {
  readonly capacity: Capacity;
  readonly seed: number;
  readonly module?: WebAssembly.Module | undefined;
  readonly partition?: Partition | undefined;
}

/** Throws DataplaneError "bad-module", "abi-mismatch" or "capacity". */
export async function createEngine({
  capacity,
  seed,
  module,
  partition,
}: WasmOptions): Promise<Engine> {
  const instance = await load(module, capacity, seed, partition);
  const programs = await createRuntime(instance, capacity, seed, () => tables.slots.revision);
  const { exports } = instance;
  const clock = createTicks(exports);
  const tables = createTables(instance, capacity, clock.epoch);
  const { view } = tables.access.memory;
  const single = createSingle(instance, programs);
  const traffic = createTraffic(tables.access);
  const counters = () => readCounters(instance);
  return {
    name: "wasm",
    capacity,
    maps: tables.maps,
    batch: createFrames(instance, capacity, clock.tick, programs),
    runtime: programs.runtime,
    commit: (transaction) => commit(transaction, tables, capacity),
    connections(backend) {
      const row = rowAt(tables.access, layout.MAP_BACKENDS, backend);
      return row === 0 ? 0 : view.getUint32(row + layout.BACKEND_CONNECTIONS, true);
    },
    process: (frame, input, now) => single.process(frame, input, clock.tick(now)),
    shardOf: single.shardOf,
    counters,
    traffic,
    retire: (backends) => retire(tables.access, backends),
    flush: () => exports.flush(),
    ...createKeeper({ tables, capacity, clock, traffic, counters }, seed),
  };
}

/**
 * One frame, of up to FRAME_MAX bytes, through the slot that takes any size, with a descriptor of its own: the
 * batch is left alone.
 */
function createSingle(instance: Instance, { walk, marks, single: slot }: WasmRuntime) {
  const { exports, memory } = instance;
  const bytes = new Uint8Array(memory.buffer);
  const words = new Uint32Array(memory.buffer);
  const [at, descriptor] = [exports.jumbo() >>> 0, exports.scratch() >>> 0];
  const readReleased = createReleased(instance);

  function put(frame: Uint8Array, input: FrameInput): void {
    bytes.set(frame, at);
    writeDescriptor(words, descriptor >>> 2, at, frame.length, input);
    writeMarks(words, marks, slot, input);
  }

  function run(now: number): readonly ReleasedFrame[] {
    if (walk.active) {
      walk.run({ slot, descriptors: descriptor, count: 1, room: FRAME_MAX }, now);
      return annotateAll(walk, readReleased(0), slot + 1);
    }
    exports.process(descriptor, 1, now);
    walk.skip(slot, 1);
    return readReleased(0);
  }

  return {
    process(frame: Uint8Array, input: FrameInput, now: number) {
      put(frame, input);
      const released = run(now);
      const done = walk.contextOf(slot) || descriptor >>> 2;
      const start = words[done + layout.DESC_DATA / 4] as number;
      const length = words[done + layout.DESC_LENGTH / 4] as number;
      return {
        outcome: walk.annotate(slot, readOutcome(words, done)),
        packet: bytes.slice(start, start + length),
        released: released.length === 0 ? released : released.map(ownCopy),
      };
    },
    shardOf(frame: Uint8Array, input: FrameInput): number {
      put(frame, input);
      exports.steer(descriptor, 1);
      return (words[(descriptor + layout.DESC_OUT) >>> 2] as number) & SHARD_UNKNOWN;
    },
  };
}

function ownCopy(released: ReleasedFrame): ReleasedFrame {
  return { ...released, packet: released.packet.slice() };
}
