/** The frames of one batch that go to one worker, in slots of the worker's memory. */
import * as layout from "../../abi/layout.ts";
import { readOutcome, writeDescriptor } from "../dataplane/descriptor.ts";
import type { FrameInput, Outcome } from "../dataplane/engine.ts";
import type { Instance } from "../dataplane/module.ts";

const WORDS = layout.DESC_SIZE / 4;

export class Queue {
  /** Where slot 0 is in the arena. */
  readonly base: number;
  /** The frames' memory; a slot is `frameAt` of it. */
  readonly memory: Uint8Array;
  readonly #stride: number;
  /** Byte that slot 0 begins at, word that its descriptor does. */
  readonly #start: number;
  readonly #descriptors: number;
  readonly #words: Uint32Array;
  readonly #bytes: Uint8Array;
  readonly #indexes: Uint32Array;
  #length = 0;
  #own = 0;
  #settled = 0;

  /** Slots `first` to `first + capacity - 1` of the arena. */
  constructor(
    { exports, memory: { buffer } }: Instance,
    first: number,
    capacity: number,
    frameCapacity: number,
  ) {
    this.base = first;
    this.#stride = exports.frameStride();
    this.#start = (exports.frames() >>> 0) + first * this.#stride;
    this.#descriptors = (exports.descriptors() >>> 2) + first * WORDS;
    this.#words = new Uint32Array(buffer);
    this.#bytes = new Uint8Array(buffer);
    this.#indexes = new Uint32Array(capacity);
    // The slots alone: nobody can write over a table by way of a queue.
    const end = this.#start + (capacity - 1) * this.#stride + frameCapacity;
    this.memory = this.#bytes.subarray(this.#start, end);
  }

  /** Slots taken. */
  get length(): number {
    return this.#length;
  }

  /** Those of them whose frames did not wait elsewhere. */
  get own(): number {
    return this.#own;
  }

  /** The slots that the worker has not been told of. */
  get fresh(): { readonly first: number; readonly length: number } {
    return { first: this.#settled, length: this.#length - this.#settled };
  }

  frameAt(slot: number): number {
    return slot * this.#stride;
  }

  /** Takes the next slot for the bytes that stand there, a frame with that index in its batch. */
  commit(bytes: number, input: FrameInput, index: number): number {
    this.#own++;
    return this.#take(bytes, input, index);
  }

  push(frame: Uint8Array, input: FrameInput, index: number): number {
    this.memory.set(frame, this.#length * this.#stride);
    return this.commit(frame.length, input, index);
  }

  /** As `push`, for a fragment that goes in front of the frame that will have the index. */
  pushWaiting(frame: Uint8Array, input: FrameInput, index: number): void {
    this.memory.set(frame, this.#length * this.#stride);
    this.#take(frame.length, input, index);
  }

  /** What is fresh is not any more. */
  settle(): void {
    this.#settled = this.#length;
  }

  indexOf(slot: number): number {
    return this.#indexes[slot] as number;
  }

  outcome(slot: number): Outcome {
    return readOutcome(this.#words, this.#descriptors + slot * WORDS);
  }

  packet(slot: number): Uint8Array {
    const at = this.#descriptors + slot * WORDS;
    const data = this.#words[at + layout.DESC_DATA / 4] as number;
    const length = this.#words[at + layout.DESC_LENGTH / 4] as number;
    return this.#bytes.subarray(data, data + length);
  }

  clear(): void {
    this.#length = 0;
    this.#own = 0;
    this.#settled = 0;
  }

  #take(bytes: number, input: FrameInput, index: number): number {
    const slot = this.#length++;
    const at = this.#start + slot * this.#stride;
    writeDescriptor(this.#words, this.#descriptors + slot * WORDS, at, bytes, input);
    this.#indexes[slot] = index;
    return slot;
  }
}
