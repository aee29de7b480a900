/** Frames that go through the walk one after another, at one time. */
import { HEADROOM } from "../../abi/limits.ts";
import type { Capacity } from "../dataplane/dataplane.ts";
import type { EngineBatch, FrameInput, Outcome, ReleasedFrame } from "../dataplane/engine.ts";
import type { Result } from "./walk.ts";

interface Slot {
  packet: Uint8Array;
  input: FrameInput;
  outcome: Outcome | undefined;
}

/** `advance` is called before every run and moves the clock, `run` takes one frame through the walk. */
export function createBatch(
  capacity: Capacity,
  advance: (now: number) => void,
  run: (frame: Uint8Array, input: FrameInput) => Result,
): EngineBatch {
  const slotSize = HEADROOM + capacity.frame;
  const memory = new Uint8Array(capacity.batch * slotSize);
  const slots: Slot[] = [];
  let processed = 0;
  let released: ReleasedFrame[] = [];
  const frameAt = (index: number) => index * slotSize + HEADROOM;

  /**
   * An answer may be longer than its frame by the headers in front of it, which the headroom takes.
   */
  function put(index: number, packet: Uint8Array): Uint8Array {
    const at = frameAt(index) - (packet.length > capacity.frame ? HEADROOM : 0);
    memory.set(packet, at);
    return memory.subarray(at, at + packet.length);
  }

  function processSlot(index: number): void {
    const slot = slotAt(index);
    const result = run(slot.packet, slot.input);
    slot.packet = put(index, result.packet);
    slot.outcome = result.outcome;
    released.push(...result.released.map((frame) => ({ ...frame, by: index })));
  }

  return {
    capacity: capacity.batch,
    frameCapacity: capacity.frame,
    memory,
    frameAt,
    get length() {
      return slots.length;
    },
    commit(bytes, input) {
      const at = frameAt(slots.length);
      slots.push({ packet: memory.subarray(at, at + bytes), input, outcome: undefined });
    },
    process(now) {
      advance(now);
      released = [];
      for (; processed < slots.length; processed++) processSlot(processed);
    },
    outcome: (index) => slotAt(index).outcome as Outcome,
    packet: (index) => slotAt(index).packet,
    released: () => released,
    clear() {
      slots.length = 0;
      processed = 0;
    },
  };

  function slotAt(index: number): Slot {
    const slot = slots[index];
    if (slot === undefined) throw new RangeError(`slot ${index} of a batch of ${slots.length}`);
    return slot;
  }
}
