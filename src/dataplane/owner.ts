/** What frames on their way, of a batch or one by one, ask of the dataplane they belong to. */
import type { FrameOptions } from "./dataplane.ts";
import type { FrameInput, Outcome, ReleasedFrame } from "./engine.ts";
import type { Tuple } from "./entries.ts";
import type { PacketEvent } from "./event.ts";
import type { Link } from "./link.ts";

/** What is noted of a frame before it is processed. */
export interface Passage {
  readonly link: Link;
  readonly wireLength: number;
  readonly before: Tuple | null;
}

export interface BatchOwner {
  /** Engine time of a time at which a CPU sets to work. Throws DataplaneError "bad-option" for one there is not. */
  begin(now: number, cpu?: number): number;
  /** Throws DataplaneError "bad-option", and "capacity" where a device is one too many. */
  resolve(length: number, frame: FrameOptions): { input: FrameInput; link: Link };
  describe(outcome: Outcome, packet: Uint8Array, passage: Passage): PacketEvent;
  /** `before` is the tuple of the frame that let it go. */
  describeReleased(released: ReleasedFrame, before: Tuple | null): PacketEvent;
}

/** One whose frames run where they are asked to. */
export interface RunningOwner extends BatchOwner {
  /** The frames have been through. */
  settle(): void;
  /** What is to be thrown for what the engine has thrown. */
  blame(error: unknown): unknown;
}
