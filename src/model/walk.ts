/** A packet on its way through the steps, and what comes out of them. */
import type { FrameInput, Outcome } from "../dataplane/engine.ts";
import type { Flow } from "../packet/parse.ts";
import type { Store } from "./store.ts";

export interface Walk {
  readonly store: Store;
  /** As it came in; steps that change it return a copy. */
  readonly frame: Uint8Array;
  readonly flow: Flow;
  readonly input: FrameInput;
}

export interface Result {
  readonly outcome: Outcome;
  readonly packet: Uint8Array;
}
