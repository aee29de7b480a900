/** A frame that comes alone. */
import * as layout from "../../abi/layout.ts";
import { FRAME_MAX, SHARD_UNKNOWN } from "../../abi/limits.ts";
import { readOutcome, writeContext, writeDescriptor } from "./descriptor.ts";
import { type Engine, type FrameInput, NONE_RELEASED, type ReleasedFrame } from "./engine.ts";
import type { Instance } from "./module.ts";
import { annotateAll, createReleased } from "./released.ts";
import type { WasmRuntime } from "./runtime/runtime.ts";
import type { Call, Walk } from "./runtime/walk.ts";

/** Goes through the slot that takes up to FRAME_MAX bytes, with a descriptor of its own: the batch is left alone. */
export class Single implements Pick<Engine, "process" | "shardOf"> {
  readonly #exports: Instance["exports"];
  readonly #walk: Walk;
  readonly #bytes: Uint8Array;
  readonly #words: Uint32Array;
  readonly #descriptor: number;
  readonly #call: Call;
  readonly #readReleased: (first: number) => readonly ReleasedFrame[];

  constructor(instance: Instance, { walk, single: slot }: WasmRuntime) {
    const { exports, memory } = instance;
    this.#exports = exports;
    this.#walk = walk;
    this.#bytes = new Uint8Array(memory.buffer);
    this.#words = new Uint32Array(memory.buffer);
    this.#descriptor = exports.scratch() >>> 0;
    this.#call = { slot, count: 1, frame: exports.jumbo() >>> 0, stride: 0, room: FRAME_MAX };
    this.#readReleased = createReleased(instance);
  }

  process(frame: Uint8Array, input: FrameInput, now: number): ReturnType<Engine["process"]> {
    const { slot } = this.#call;
    const released = this.#walk.active
      ? this.#walkThrough(frame, input, now)
      : this.#pass(frame, input, now);
    const done = this.#walk.finalOf(slot) || this.#descriptor >>> 2;
    const start = this.#words[done + layout.DESC_DATA / 4] as number;
    const length = this.#words[done + layout.DESC_LENGTH / 4] as number;
    return {
      outcome: this.#walk.annotate(slot, readOutcome(this.#words, done)),
      packet: this.#bytes.slice(start, start + length),
      released: released.length === 0 ? released : released.map(ownCopy),
    };
  }

  #walkThrough(frame: Uint8Array, input: FrameInput, now: number): readonly ReleasedFrame[] {
    const { slot, frame: at } = this.#call;
    this.#bytes.set(frame, at);
    writeContext(this.#words, this.#walk.contextOf(slot), at, frame.length, input);
    if (this.#walk.run(this.#call, now) === 0) return NONE_RELEASED;
    return annotateAll(this.#walk, this.#readReleased(0), slot + 1);
  }

  #pass(frame: Uint8Array, input: FrameInput, now: number): readonly ReleasedFrame[] {
    this.#put(frame, input);
    this.#exports.process(this.#descriptor, 1, now);
    this.#walk.skip(this.#call.slot, 1);
    return this.#readReleased(0);
  }

  #put(frame: Uint8Array, input: FrameInput): void {
    const { frame: at } = this.#call;
    this.#bytes.set(frame, at);
    writeDescriptor(this.#words, this.#descriptor >>> 2, at, frame.length, input);
  }

  shardOf(frame: Uint8Array, input: FrameInput): number {
    this.#put(frame, input);
    this.#exports.steer(this.#descriptor, 1);
    const out = this.#words[(this.#descriptor + layout.DESC_OUT) >>> 2] as number;
    return out & SHARD_UNKNOWN;
  }
}

function ownCopy(released: ReleasedFrame): ReleasedFrame {
  return { ...released, packet: released.packet.slice() };
}
