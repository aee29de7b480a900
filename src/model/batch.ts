/** Frames that go through the walk one after another, at one time. */
import type { Capacity } from "../dataplane/dataplane.ts";
import type { EngineBatch, Outcome, ReleasedFrame } from "../dataplane/engine.ts";
import type { Arrival, Result } from "./walk.ts";

interface Slot extends Arrival {
  packet: Uint8Array;
  outcome: Outcome | undefined;
}

/** `run` takes frames through the walk, in their order. */
export function createBatch(
  capacity: Capacity,
  run: (arrivals: readonly Arrival[], now: number) => readonly Result[],
): EngineBatch {
  const slotSize = capacity.headroom + capacity.frame;
  const memory = new Uint8Array(capacity.batch * slotSize);
  const slots: Slot[] = [];
  let processed = 0;
  let released: ReleasedFrame[] = [];
  const frameAt = (index: number) => index * slotSize + capacity.headroom;

  /** What has become longer than a slot's frame begins in the headroom. */
  function put(index: number, packet: Uint8Array): Uint8Array {
    const at = frameAt(index) - Math.max(0, packet.length - capacity.frame);
    memory.set(packet, at);
    return memory.subarray(at, at + packet.length);
  }

  function note(index: number, result: Result): void {
    const slot = slotAt(index);
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
      const frame = memory.subarray(at, at + bytes);
      slots.push({ frame, input, packet: frame, outcome: undefined });
    },
    process(now) {
      released = [];
      const results = run(slots.slice(processed), now);
      for (const result of results) note(processed++, result);
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
