/** How frames come into a batch: checked, with what is to be known of them noted beside their engine. */
import { FRAME_MAX } from "../../abi/limits.ts";
import { tupleOf } from "../packet/parse.ts";
import type { Batch, FrameOptions } from "./dataplane.ts";
import type { EngineBatch } from "./engine.ts";
import { DataplaneError } from "./error.ts";
import { checkFrame } from "./options.ts";
import type { BatchOwner, Passage } from "./owner.ts";

export interface Intake extends Pick<Batch, "commit" | "push"> {
  /** What is noted of a frame, to be asked before it is processed. */
  passage(index: number): Passage;
}

export function createIntake(batch: EngineBatch, { resolve }: Pick<BatchOwner, "resolve">): Intake {
  const frames: Omit<Passage, "before">[] = [];

  function take(bytes: number, options: FrameOptions = {}): number {
    const { input, link } = resolve(bytes, options);
    const index = batch.length;
    batch.commit(bytes, input);
    frames[index] = { link, wireLength: input.wireLength };
    return index;
  }

  return {
    commit(bytes, options) {
      demandRoom(batch, bytes);
      return take(bytes, options);
    },
    push(frame, options) {
      checkFrame(frame, FRAME_MAX);
      demandRoom(batch, frame.length);
      batch.memory.set(frame, batch.frameAt(batch.length));
      return take(frame.length, options);
    },
    passage(index) {
      const { link, wireLength } = frames[index] as (typeof frames)[number];
      return { link, wireLength, before: tupleOf(batch.packet(index), link.type, wireLength) };
    },
  };
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
