/** The batch of the Wasm packet path: descriptors and frames read and written where the module has them. */
import * as layout from "../../abi/layout.ts";
import type { Capacity } from "./dataplane.ts";
import type { EngineBatch, FrameInput, Outcome } from "./engine.ts";
import type { Instance } from "./module.ts";

const WORDS = layout.DESC_SIZE / 4;

/** `index` counts words. */
export function writeDescriptor(
  words: Uint32Array,
  index: number,
  at: number,
  bytes: number,
  input: FrameInput,
): void {
  words[index + layout.DESC_DATA / 4] = at;
  words[index + layout.DESC_LENGTH / 4] = bytes;
  words[index + layout.DESC_WIRE_LENGTH / 4] = Math.max(input.wireLength, bytes);
  words[index + layout.DESC_INTERFACE / 4] =
    input.interface | ((input.local ? layout.DESC_FLAG_LOCAL : 0) << 16) | (input.link << 24);
}

export function readOutcome(words: Uint32Array, index: number): Outcome {
  const outcome = words[index + layout.DESC_VERDICT / 4] as number;
  const out = words[index + layout.DESC_OUT / 4] as number;
  return {
    verdict: outcome & 0xff,
    action: (outcome >>> 8) & 0xff,
    reason: (outcome >>> 16) & 0xff,
    conntrack: outcome >>> 24,
    service: words[index + layout.DESC_SERVICE / 4] as number,
    backend: words[index + layout.DESC_BACKEND / 4] as number,
    masquerade: (out & layout.OUT_FLAG_MASQUERADE) !== 0,
  };
}

/** `tick` turns a time into the module's. */
export function createFrames(
  { exports, memory: { buffer } }: Instance,
  { batch: capacity, frame: frameCapacity }: Capacity,
  tick: (now: number) => number,
): EngineBatch {
  const memory = new Uint8Array(buffer);
  const words = new Uint32Array(buffer);
  const descriptors = exports.descriptors() >>> 0;
  const first = descriptors >>> 2;
  const frames = exports.frames() >>> 0;
  const stride = exports.frameStride();
  let length = 0;
  /** Frames that have been through: a reject has moved its frame into the headroom, which has room for one. */
  let processed = 0;
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
      length++;
    },
    process(now) {
      const fresh = descriptors + processed * layout.DESC_SIZE;
      exports.process(fresh, length - processed, tick(now));
      processed = length;
    },
    outcome: (index) => readOutcome(words, first + index * WORDS),
    packet(index) {
      const at = words[first + index * WORDS + layout.DESC_DATA / 4] as number;
      const bytes = words[first + index * WORDS + layout.DESC_LENGTH / 4] as number;
      return memory.subarray(at, at + bytes);
    },
    clear() {
      length = 0;
      processed = 0;
    },
  };
}
