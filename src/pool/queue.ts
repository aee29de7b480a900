/** The frames of one batch that go to one worker, in slots of the worker's memory. */
import * as layout from "../../abi/layout.ts";
import { readOutcome, writeDescriptor } from "../dataplane/descriptor.ts";
import type { FrameInput, Outcome } from "../dataplane/engine.ts";
import type { Instance } from "../dataplane/module.ts";

const WORDS = layout.DESC_SIZE / 4;

export interface Queue {
  /** Slots taken. */
  readonly length: number;
  /** Those of them whose frames did not wait elsewhere. */
  readonly own: number;
  /** Where slot 0 is in the arena. */
  readonly base: number;
  /** The slots that the worker has not been told of. */
  readonly fresh: { readonly first: number; readonly length: number };
  /** The frames' memory; a slot is `frameAt` of it. */
  readonly memory: Uint8Array;
  frameAt(slot: number): number;
  /** Takes the next slot for the bytes that stand there, a frame with that index in its batch. */
  commit(bytes: number, input: FrameInput, index: number): number;
  push(frame: Uint8Array, input: FrameInput, index: number): number;
  /** As `push`, for a fragment that goes in front of the frame that will have the index. */
  pushWaiting(frame: Uint8Array, input: FrameInput, index: number): void;
  /** What is fresh is not any more. */
  settle(): void;
  indexOf(slot: number): number;
  outcome(slot: number): Outcome;
  packet(slot: number): Uint8Array;
  clear(): void;
}

/** Slots `first` to `first + capacity - 1` of the arena. */
export function createQueue(
  { exports, memory: { buffer } }: Instance,
  first: number,
  capacity: number,
  frameCapacity: number,
): Queue {
  const stride = exports.frameStride();
  const start = (exports.frames() >>> 0) + first * stride;
  const descriptors = (exports.descriptors() >>> 2) + first * WORDS;
  const words = new Uint32Array(buffer);
  const bytes = new Uint8Array(buffer);
  // The slots alone: nobody can write over a table by way of a queue.
  const memory = bytes.subarray(start, start + (capacity - 1) * stride + frameCapacity);
  const indexes = new Uint32Array(capacity);
  let length = 0;
  let own = 0;
  let settled = 0;

  function take(bytes: number, input: FrameInput, index: number): number {
    writeDescriptor(words, descriptors + length * WORDS, start + length * stride, bytes, input);
    indexes[length] = index;
    return length++;
  }

  function commit(bytes: number, input: FrameInput, index: number): number {
    own++;
    return take(bytes, input, index);
  }

  return {
    get length() {
      return length;
    },
    get own() {
      return own;
    },
    get fresh() {
      return { first: settled, length: length - settled };
    },
    base: first,
    memory,
    frameAt: (slot) => slot * stride,
    commit,
    push(frame, input, index) {
      memory.set(frame, length * stride);
      return commit(frame.length, input, index);
    },
    pushWaiting(frame, input, index) {
      memory.set(frame, length * stride);
      take(frame.length, input, index);
    },
    settle() {
      settled = length;
    },
    indexOf: (slot) => indexes[slot] as number,
    outcome: (slot) => readOutcome(words, descriptors + slot * WORDS),
    packet(slot) {
      const at = descriptors + slot * WORDS;
      const data = words[at + layout.DESC_DATA / 4] as number;
      return bytes.subarray(data, data + (words[at + layout.DESC_LENGTH / 4] as number));
    },
    clear() {
      length = 0;
      own = 0;
      settled = 0;
    },
  };
}
