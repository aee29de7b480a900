/** Frames that go through the walk one after another, at one time. */
import type { Capacity } from "../dataplane/dataplane.ts";
import type { EngineBatch, FrameInput, Outcome, ReleasedFrame } from "../dataplane/engine.ts";
import type { Arrival, Result } from "./walk.ts";

interface Slot extends Arrival {
  packet: Uint8Array;
  outcome: Outcome | undefined;
}

/** Takes frames through the walk, in their order. */
type Run = (arrivals: readonly Arrival[], now: number) => readonly Result[];

export function createBatch(capacity: Capacity, run: Run): EngineBatch {
  return new Frames(capacity, run);
}

class Frames implements EngineBatch {
  readonly capacity: number;
  readonly frameCapacity: number;
  readonly memory: Uint8Array;
  readonly #headroom: number;
  readonly #slotSize: number;
  readonly #run: Run;
  readonly #slots: Slot[] = [];
  #processed = 0;
  #released: ReleasedFrame[] = [];

  constructor(capacity: Capacity, run: Run) {
    this.capacity = capacity.batch;
    this.frameCapacity = capacity.frame;
    this.#headroom = capacity.headroom;
    this.#slotSize = capacity.headroom + capacity.frame;
    this.memory = new Uint8Array(capacity.batch * this.#slotSize);
    this.#run = run;
  }

  get length(): number {
    return this.#slots.length;
  }

  frameAt(index: number): number {
    return index * this.#slotSize + this.#headroom;
  }

  commit(bytes: number, input: FrameInput): void {
    const at = this.frameAt(this.length);
    const frame = this.memory.subarray(at, at + bytes);
    this.#slots.push({ frame, input, packet: frame, outcome: undefined });
  }

  process(now: number): void {
    this.#released = [];
    const results = this.#run(this.#slots.slice(this.#processed), now);
    for (const result of results) this.#note(this.#processed++, result);
  }

  outcome(index: number): Outcome {
    return this.#slotAt(index).outcome as Outcome;
  }

  packet(index: number): Uint8Array {
    return this.#slotAt(index).packet;
  }

  released(): readonly ReleasedFrame[] {
    return this.#released;
  }

  clear(): void {
    this.#slots.length = 0;
    this.#processed = 0;
  }

  #note(index: number, result: Result): void {
    const slot = this.#slotAt(index);
    slot.packet = this.#put(index, result.packet);
    slot.outcome = result.outcome;
    this.#released.push(...result.released.map((frame) => ({ ...frame, by: index })));
  }

  /** What has become longer than a slot's frame begins in the headroom. */
  #put(index: number, packet: Uint8Array): Uint8Array {
    const at = this.frameAt(index) - Math.max(0, packet.length - this.frameCapacity);
    this.memory.set(packet, at);
    return this.memory.subarray(at, at + packet.length);
  }

  #slotAt(index: number): Slot {
    const slot = this.#slots[index];
    if (slot === undefined) throw new RangeError(`slot ${index} of a batch of ${this.length}`);
    return slot;
  }
}
