/** The batch as others have it: checked, with link types, names and tuples around an engine's numbers. */
import { FRAME_MAX } from "../../abi/limits.ts";
import { tupleOf } from "../packet/parse.ts";
import type { Batch, FrameOptions, Released } from "./dataplane.ts";
import {
  type EngineBatch,
  type FrameInput,
  NONE_RELEASED,
  type Outcome,
  type ReleasedFrame,
} from "./engine.ts";
import type { Tuple } from "./entries.ts";
import { badOption, DataplaneError } from "./error.ts";
import { nameOf, type PacketEvent, VERDICTS } from "./event.ts";
import type { Link } from "./link.ts";
import { checkFrame, checkNow, checkObject } from "./options.ts";

/** What is noted of a frame before it is processed. */
export interface Passage {
  readonly link: Link;
  readonly wireLength: number;
  readonly before: Tuple | null;
}

/** What a batch asks of the dataplane it belongs to. */
export interface BatchOwner {
  /** Engine time of a time at which a CPU sets to work. Throws DataplaneError "bad-option" for one there is not. */
  begin(now: number, cpu?: number): number;
  resolve(length: number, frame: FrameOptions): { input: FrameInput; link: Link };
  describe(outcome: Outcome, packet: Uint8Array, passage: Passage): PacketEvent;
  /** `before` is the tuple of the frame that let it go. */
  describeReleased(released: ReleasedFrame, before: Tuple | null): PacketEvent;
}

/** What a batch asks of one that runs its frames itself. */
export interface RunningOwner extends BatchOwner {
  /** The frames have been through. */
  settle(): void;
  /** What is to be thrown for what the engine has thrown. */
  blame(error: unknown): unknown;
}

export function createBatch(batch: EngineBatch, owner: RunningOwner): Batch {
  const frames: Omit<Passage, "before">[] = [];
  /** Those of frames processed with events. */
  let passages: (Passage | undefined)[] = [];
  /** How many of the frames have been through the packet path. */
  let processed = 0;

  function commit(bytes: number, options: FrameOptions = {}): number {
    const { input, link } = owner.resolve(bytes, options);
    const index = batch.length;
    batch.commit(bytes, input);
    frames[index] = { link, wireLength: input.wireLength };
    return index;
  }

  function notePassage(index: number): void {
    const { link, wireLength } = frames[index] as (typeof frames)[number];
    const before = tupleOf(batch.packet(index), link.type, wireLength);
    passages[index] = { link, wireLength, before };
  }

  return {
    capacity: batch.capacity,
    frameCapacity: batch.frameCapacity,
    memory: batch.memory,
    get length() {
      return batch.length;
    },
    frameAt: (index) => batch.frameAt(checkSlot(batch, index)),
    commit(bytes, options) {
      demandRoom(batch, bytes);
      return commit(bytes, options);
    },
    push(frame, options) {
      checkFrame(frame, FRAME_MAX);
      demandRoom(batch, frame.length);
      batch.memory.set(frame, batch.frameAt(batch.length));
      return commit(frame.length, options);
    },
    process(now, options = {}) {
      const { events = false, cpu } = checkObject(options, "process");
      checkNow(now);
      const time = owner.begin(now, cpu);
      for (let i = processed; events && i < batch.length; i++) notePassage(i);
      try {
        batch.process(time);
      } catch (error) {
        throw owner.blame(error);
      } finally {
        owner.settle();
      }
      processed = batch.length;
    },
    verdict(index) {
      if (checkIndex(batch, index) < processed) {
        return nameOf(VERDICTS, batch.outcome(index).verdict);
      }
      throw badOption(`frame ${index} has no verdict yet: call process`);
    },
    packet: (index) => batch.packet(checkIndex(batch, index)),
    event(index) {
      const passage = passages[checkIndex(batch, index)];
      if (passage) return owner.describe(batch.outcome(index), batch.packet(index), passage);
      throw eventsOff();
    },
    released() {
      const released = processed === 0 ? NONE_RELEASED : batch.released();
      return released.length === 0
        ? NONE_RELEASED
        : released.map((each) => leaving(each, passages[each.by], owner));
    },
    clear() {
      batch.clear();
      passages = [];
      processed = 0;
    },
  };
}

/** A released fragment as others have it; without a passage nobody has asked for events. */
export function leaving(
  released: ReleasedFrame,
  passage: Passage | undefined,
  owner: BatchOwner,
): Released & { readonly by: number } {
  const { by, packet } = released;
  if (passage) return { by, packet, event: owner.describeReleased(released, passage.before) };
  return {
    by,
    packet,
    get event(): PacketEvent {
      throw eventsOff();
    },
  };
}

export function eventsOff(): DataplaneError {
  return new DataplaneError("events-off", "call process(now, { events: true }) to read events");
}

/** Throws DataplaneError "batch-full" or "frame-too-large". */
function demandRoom({ length, capacity, frameCapacity }: EngineBatch, bytes: number): void {
  if (length >= capacity) {
    throw new DataplaneError(
      "batch-full",
      `the batch holds ${capacity} frames: process and clear it`,
    );
  }
  if (Number.isInteger(bytes) && bytes >= 0 && bytes <= frameCapacity) return;
  throw new DataplaneError(
    "frame-too-large",
    `a frame of ${bytes} bytes does not fit a slot of ${frameCapacity}: raise capacity.frame`,
  );
}

function checkSlot({ capacity }: EngineBatch, index: number): number {
  if (Number.isInteger(index) && index >= 0 && index < capacity) return index;
  throw badOption(`there is no slot ${index}: the batch has ${capacity}`);
}

export function checkIndex({ length }: { readonly length: number }, index: number): number {
  if (Number.isInteger(index) && index >= 0 && index < length) return index;
  throw badOption(`there is no frame ${index}: the batch has ${length}`);
}
