/** What became of the frames of a batch: their verdicts, and events of those whose passages were noted. */
import type { Batch, Released } from "./dataplane.ts";
import { type EngineBatch, NONE_RELEASED, type ReleasedFrame } from "./engine.ts";
import { badOption, DataplaneError } from "./error.ts";
import { nameOf, type PacketEvent, VERDICTS, type Verdict } from "./event.ts";
import type { BatchOwner, Passage } from "./owner.ts";

export class Results {
  readonly #frames: Pick<EngineBatch, "length" | "outcome" | "packet">;
  readonly #owner: BatchOwner;
  /** Those of frames processed with events. */
  #passages: (Passage | undefined)[] = [];
  /** How many of the frames have been through the packet path. */
  #processed = 0;

  constructor(frames: Pick<EngineBatch, "length" | "outcome" | "packet">, owner: BatchOwner) {
    this.#frames = frames;
    this.#owner = owner;
  }

  /** Of the frames that are about to be processed. */
  note(passageOf: (index: number) => Passage): void {
    const { length } = this.#frames;
    for (let i = this.#processed; i < length; i++) this.#passages[i] = passageOf(i);
  }

  /** `length` frames have been through. */
  settle(length: number): void {
    this.#processed = length;
  }

  verdict(index: number): Verdict {
    if (checkIndex(this.#frames, index) < this.#processed) {
      return nameOf(VERDICTS, this.#frames.outcome(index).verdict);
    }
    throw badOption(`frame ${index} has no verdict yet: call process`);
  }

  packet(index: number): Uint8Array {
    return this.#frames.packet(checkIndex(this.#frames, index));
  }

  event(index: number): PacketEvent {
    const passage = this.#passages[checkIndex(this.#frames, index)];
    if (!passage) throw eventsOff();
    return this.#owner.describe(this.#frames.outcome(index), this.#frames.packet(index), passage);
  }

  /** `frames` are what those that have been through have let go. */
  released(frames: readonly ReleasedFrame[]): ReturnType<Batch["released"]> {
    if (this.#processed === 0 || frames.length === 0) return NONE_RELEASED;
    return frames.map((each) => leaving(each, this.#passages[each.by], this.#owner));
  }

  clear(): void {
    this.#passages = [];
    this.#processed = 0;
  }
}

/** A released fragment as others have it; without a passage nobody has asked for events. */
function leaving(
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

function eventsOff(): DataplaneError {
  return new DataplaneError("events-off", "call process(now, { events: true }) to read events");
}

function checkIndex({ length }: { readonly length: number }, index: number): number {
  if (Number.isInteger(index) && index >= 0 && index < length) return index;
  throw badOption(`there is no frame ${index}: the batch has ${length}`);
}
