/** The batch of the Wasm packet path: descriptors and frames read and written where the module has them. */
import * as layout from "../../abi/layout.ts";
import type { Capacity } from "./dataplane.ts";
import { readOutcome, writeDescriptor, writeMarks } from "./descriptor.ts";
import { type EngineBatch, NONE_RELEASED, type ReleasedFrame } from "./engine.ts";
import type { Instance } from "./module.ts";
import { annotateAll, createReleased } from "./released.ts";
import type { WasmRuntime } from "./runtime/runtime.ts";

const WORDS = layout.DESC_SIZE / 4;

/** `tick` turns a time into the module's. */
export function createFrames(
  instance: Instance,
  { batch: capacity, frame: frameCapacity }: Capacity,
  tick: (now: number) => number,
  { walk, marks }: Pick<WasmRuntime, "walk" | "marks">,
): EngineBatch {
  const { exports } = instance;
  const { buffer } = instance.memory;
  const readReleased = createReleased(instance);
  const memory = new Uint8Array(buffer);
  const words = new Uint32Array(buffer);
  const descriptors = exports.descriptors() >>> 0;
  const first = descriptors >>> 2;
  const frames = exports.frames() >>> 0;
  const stride = exports.frameStride();
  let length = 0;
  /** Frames that have been through: a reject has moved its frame into the headroom, which has room for one. */
  let processed = 0;
  /** Whether some frame of the batch has a mark or a priority: those of the others are 0 as they are. */
  let isMarked = false;
  let released: readonly ReleasedFrame[] = NONE_RELEASED;

  /** What became of a frame stands in its descriptor, or after a walk in its context, which begins with one. */
  function descriptorOf(index: number): number {
    const context = index < processed ? walk.contextOf(index) : 0;
    return context === 0 ? first + index * WORDS : context;
  }

  return {
    capacity,
    frameCapacity,
    // The slots alone: nobody can write over a table by way of a batch.
    memory: memory.subarray(frames, frames + (capacity - 1) * stride + frameCapacity),
    get length() {
      return length;
    },
    frameAt: (index) => index * stride,
    commit(bytes, input) {
      writeDescriptor(words, first + length * WORDS, frames + length * stride, bytes, input);
      if (isMarked || (input.mark | input.priority) !== 0) {
        isMarked = true;
        writeMarks(words, marks, length, input);
      }
      length++;
    },
    process(now) {
      const fresh = descriptors + processed * layout.DESC_SIZE;
      const count = length - processed;
      if (walk.active) {
        walk.run({ slot: processed, descriptors: fresh, count, room: frameCapacity }, tick(now));
        released = annotateAll(walk, readReleased(processed), length);
      } else {
        exports.process(fresh, count, tick(now));
        walk.skip(processed, count);
        released = readReleased(processed);
      }
      processed = length;
    },
    outcome: (index) => walk.annotate(index, readOutcome(words, descriptorOf(index))),
    packet(index) {
      const descriptor = descriptorOf(index);
      const at = words[descriptor + layout.DESC_DATA / 4] as number;
      const bytes = words[descriptor + layout.DESC_LENGTH / 4] as number;
      return memory.subarray(at, at + bytes);
    },
    released: () => released,
    clear() {
      if (isMarked) words.fill(0, marks, marks + 2 * length);
      isMarked = false;
      length = 0;
      processed = 0;
    },
  };
}
