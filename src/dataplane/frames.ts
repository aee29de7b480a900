/** The batch of the Wasm packet path: descriptors and frames read and written where the module has them. */
import * as layout from "../../abi/layout.ts";
import { CTX_MARK, CTX_PRIORITY } from "../../abi/program.ts";
import type { Capacity } from "./dataplane.ts";
import { readOutcome, writeContext, writeDescriptor } from "./descriptor.ts";
import {
  type EngineBatch,
  type FrameInput,
  NONE_RELEASED,
  type Outcome,
  type ReleasedFrame,
} from "./engine.ts";
import type { Instance } from "./module.ts";
import { annotateAll, createReleased } from "./released.ts";
import type { Walk } from "./runtime/walk.ts";

const WORDS = layout.DESC_SIZE / 4;
/** What a descriptor says of a frame that comes. */
const GIVEN_WORDS = layout.DESC_VERDICT / 4;

type Marks = Pick<FrameInput, "mark" | "priority">;
const UNMARKED: Marks = { mark: 0, priority: 0 };

export class Frames implements EngineBatch {
  readonly capacity: number;
  readonly frameCapacity: number;
  /** The slots alone: nobody can write over a table by way of a batch. */
  readonly memory: Uint8Array;
  readonly #exports: Instance["exports"];
  readonly #tick: (now: number) => number;
  readonly #walk: Walk;
  readonly #readReleased: (first: number) => readonly ReleasedFrame[];
  readonly #bytes: Uint8Array;
  readonly #words: Uint32Array;
  readonly #descriptors: number;
  readonly #frames: number;
  readonly #stride: number;
  #length = 0;
  /** Frames that have been through: a reject has moved its frame into the headroom, which has room for one. */
  #processed = 0;
  /** Whether frames to come are described in contexts, because they are to walk, or in descriptors. */
  #isWalking = false;
  /** By slot, of frames to come that have descriptors, which have no room for them. */
  readonly #marks = new Map<number, Marks>();
  #released: readonly ReleasedFrame[] = NONE_RELEASED;

  /** `tick` turns a time into the module's. */
  constructor(
    instance: Instance,
    { batch: capacity, frame: frameCapacity }: Capacity,
    tick: (now: number) => number,
    walk: Walk,
  ) {
    const { exports, memory } = instance;
    this.capacity = capacity;
    this.frameCapacity = frameCapacity;
    this.#exports = exports;
    this.#tick = tick;
    this.#walk = walk;
    this.#readReleased = createReleased(instance);
    this.#bytes = new Uint8Array(memory.buffer);
    this.#words = new Uint32Array(memory.buffer);
    this.#descriptors = exports.descriptors() >>> 0;
    this.#frames = exports.frames() >>> 0;
    this.#stride = exports.frameStride();
    const end = this.#frames + (capacity - 1) * this.#stride + frameCapacity;
    this.memory = this.#bytes.subarray(this.#frames, end);
  }

  get length(): number {
    return this.#length;
  }

  frameAt(index: number): number {
    return index * this.#stride;
  }

  commit(bytes: number, input: FrameInput): void {
    const slot = this.#length++;
    const at = this.#frames + slot * this.#stride;
    if (this.#isWalking) {
      writeContext(this.#words, this.#walk.contextOf(slot), at, bytes, input);
      return;
    }
    writeDescriptor(this.#words, this.#descriptorOf(slot), at, bytes, input);
    if ((input.mark | input.priority) !== 0) this.#marks.set(slot, input);
  }

  /** As an index of words. */
  #descriptorOf(slot: number): number {
    return (this.#descriptors >>> 2) + slot * WORDS;
  }

  process(now: number): void {
    const first = this.#processed;
    const count = this.#length - first;
    if (this.#isWalking !== this.#walk.active) this.#turn();
    if (this.#isWalking) this.#walkOn(first, count, now);
    else this.#pass(first, count, now);
    this.#processed = this.#length;
  }

  #walkOn(slot: number, count: number, now: number): void {
    const [stride, room] = [this.#stride, this.frameCapacity];
    const frame = this.#frames + slot * stride;
    const released = this.#walk.run({ slot, count, frame, stride, room }, this.#tick(now));
    this.#released =
      released === 0
        ? NONE_RELEASED
        : annotateAll(this.#walk, this.#readReleased(slot), slot + count);
  }

  #pass(slot: number, count: number, now: number): void {
    const descriptors = this.#descriptors + slot * layout.DESC_SIZE;
    this.#exports.process(descriptors, count, this.#tick(now));
    this.#walk.skip(slot, count);
    this.#released = this.#readReleased(slot);
  }

  /** Chains have begun or ceased to be in the way: frames that were committed before are described anew. */
  #turn(): void {
    for (let slot = this.#processed; slot < this.#length; slot++) {
      if (this.#isWalking) this.#leave(slot);
      else this.#enter(slot);
    }
    this.#isWalking = !this.#isWalking;
  }

  #enter(slot: number): void {
    const [from, to] = [this.#descriptorOf(slot), this.#walk.contextOf(slot)];
    const { mark, priority } = this.#marks.get(slot) ?? UNMARKED;
    this.#words.copyWithin(to, from, from + GIVEN_WORDS);
    this.#words[to + CTX_MARK / 4] = mark;
    this.#words[to + CTX_PRIORITY / 4] = priority;
  }

  /** Nobody asks for mark and priority where there is no walk. */
  #leave(slot: number): void {
    const from = this.#walk.contextOf(slot);
    this.#words.copyWithin(this.#descriptorOf(slot), from, from + GIVEN_WORDS);
  }

  outcome(index: number): Outcome {
    return this.#walk.annotate(index, readOutcome(this.#words, this.#finalOf(index)));
  }

  packet(index: number): Uint8Array {
    const descriptor = this.#finalOf(index);
    const at = this.#words[descriptor + layout.DESC_DATA / 4] as number;
    const bytes = this.#words[descriptor + layout.DESC_LENGTH / 4] as number;
    return this.#bytes.subarray(at, at + bytes);
  }

  /** What became of a frame, or how it has come, stands in its descriptor or in its context, which begins with one. */
  #finalOf(slot: number): number {
    if (slot < this.#processed) return this.#walk.finalOf(slot) || this.#descriptorOf(slot);
    return this.#isWalking ? this.#walk.contextOf(slot) : this.#descriptorOf(slot);
  }

  released(): readonly ReleasedFrame[] {
    return this.#released;
  }

  clear(): void {
    this.#length = this.#processed = 0;
    this.#isWalking = this.#walk.active;
    if (this.#marks.size > 0) this.#marks.clear();
  }
}
