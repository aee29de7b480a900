/** What the steps decide about a packet, before anything of it is replaced. */
import type { Outcome } from "../dataplane/engine.ts";
import type { TrackedDirection } from "./store.ts";

export interface Judgement {
  readonly outcome: Outcome;
  /** The connection whose translation the packet takes; null when the packet stays as it is. */
  readonly entry: TrackedDirection | null;
  /** What goes back to the sender instead: a reject. */
  readonly answer: Uint8Array | null;
}

/** Decided by the outcome alone. */
export function plain(outcome: Outcome): Judgement {
  return { outcome, entry: null, answer: null };
}
