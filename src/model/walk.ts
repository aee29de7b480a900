/** A packet on its way through the steps, and what comes out of them. */
import type { FrameInput, Outcome, ReleasedFrame } from "../dataplane/engine.ts";
import type { Flow } from "../packet/parse.ts";
import type { Store } from "./store.ts";

/** A frame as it comes in, and what is known of it. */
export interface Arrival {
  readonly frame: Uint8Array;
  readonly input: FrameInput;
}

/** Any frame on its way. */
export interface Passage {
  readonly store: Store;
  /** As it came in; steps that change it return a copy. */
  readonly frame: Uint8Array;
  readonly input: FrameInput;
}

/** The way of a TCP, UDP or SCTP packet, or of a piece of one whose header is known. */
export interface Walk extends Passage {
  readonly flow: Flow;
}

/** A fragment that was held and leaves, and what was known of it when it came. */
export interface Freed extends ReleasedFrame {
  readonly input: FrameInput;
}

export interface Result {
  readonly outcome: Outcome;
  readonly packet: Uint8Array;
  /** Fragments that were held and leave after this packet. */
  readonly released: readonly Freed[];
}

/** A frame that leaves as it came, or not at all. */
export function untouched(frame: Uint8Array, outcome: Outcome): Result {
  return { outcome, packet: frame.slice(), released: [] };
}
