/** What a packet engine gives to the dataplane around it: maps by typed entries, packets by numbers. */

import type { Counters } from "./counters.ts";
import type { Capacity, FrameOptions, Maps } from "./dataplane.ts";
import type { Transaction } from "./transaction.ts";

/** The outcome of one packet, numbered as in abi/verdict. */
export interface Outcome {
  verdict: number;
  action: number;
  reason: number;
  conntrack: number;
  /** 0 for none, or when the backend says it. */
  service: number;
  /** 0 for none. */
  backend: number;
  masquerade: boolean;
}

/** A frame on its way in, its options resolved. */
export interface FrameInput extends Required<Omit<FrameOptions, "interface" | "linkType">> {
  /** Row of `interfaces`. */
  readonly interface: number;
  /** LINK_SLOT_ number of abi/layout. */
  readonly link: number;
}

export interface EngineBatch {
  readonly capacity: number;
  readonly frameCapacity: number;
  readonly length: number;
  readonly memory: Uint8Array;
  frameAt(index: number): number;
  /** Takes the next slot; the caller has checked room and size. */
  commit(bytes: number, input: FrameInput): void;
  /** Runs the frames that have not been through yet. */
  process(now: number): void;
  outcome(index: number): Outcome;
  packet(index: number): Uint8Array;
  clear(): void;
}

export interface Engine {
  readonly name: "wasm" | "model";
  readonly capacity: Capacity;
  readonly maps: Maps;
  readonly batch: EngineBatch;
  /** Throws DataplaneError "capacity" before anything is changed. */
  commit(transaction: Transaction): void;
  /** Connections that a backend still has; its number is not given to another one before this is 0. */
  connections(backend: number): number;
  /** One packet; `packet` is a copy. */
  process(
    frame: Uint8Array,
    input: FrameInput,
    now: number,
  ): { outcome: Outcome; packet: Uint8Array };
  counters(): Counters;
  flush(): void;
}
