/** What a packet engine gives to the dataplane around it: maps by typed entries, packets by numbers. */

import type { Counters, Traffic } from "./counters.ts";
import type { Capacity, FrameOptions, Maps } from "./dataplane.ts";
import type { ProgramOutcome, Runtime } from "./runtime.ts";
import type { EngineState } from "./snapshot/state.ts";
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
  /** What programs have done; only while there are some in the way, or service NAT is not. */
  programs?: ProgramOutcome | undefined;
}

/** A frame on its way in, its options resolved. */
export interface FrameInput extends Required<Omit<FrameOptions, "interface" | "linkType">> {
  /** Row of `interfaces`. */
  readonly interface: number;
  /** LINK_SLOT_ number of abi/layout. */
  readonly link: number;
  /** The backend that a program wants for it, 0 for none; what comes from outside has none. */
  readonly backend: number;
}

/** Which connections an engine has, of those that several share: seed and maps are the same for all. */
export interface Partition {
  /** 0 .. shards - 1. */
  readonly shard: number;
  /** 1 .. SHARDS_MAX. */
  readonly shards: number;
  /** What a client's shard is chosen by. */
  readonly steering: "port" | "address";
}

/** All of them. */
export const ALONE: Partition = { shard: 0, shards: 1, steering: "port" };

/** A fragment that was held and leaves now. `packet` is as a batch's: a view, or a copy from `Engine.process`. */
export interface ReleasedFrame {
  /** Index in the batch of the packet that let it go. */
  readonly by: number;
  readonly outcome: Outcome;
  readonly packet: Uint8Array;
  /** LINK_SLOT_ number it came in with. */
  readonly link: number;
  /** The ports it came with; 0 unless it holds those of its datagram. */
  readonly sport: number;
  readonly dport: number;
}

/** Nearly every packet releases none: they share one list. */
export const NONE_RELEASED: readonly never[] = Object.freeze([]);

/** What backends that no longer take connections give up, by their numbers. */
export interface Retirement {
  /** Their UDP connections end. */
  readonly udp: readonly number[];
  /** Clients remembered for them are free to choose anew. */
  readonly clients: readonly number[];
}

/** Counted by the packet path, one row per backend and one per service port. */
export interface EngineTraffic {
  backend(number: number): Traffic;
  service(number: number): { readonly rejected: number; readonly dropped: number };
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
  /** Of the last `process`. */
  released(): readonly ReleasedFrame[];
  clear(): void;
}

export interface Engine {
  readonly name: "wasm" | "model";
  readonly capacity: Capacity;
  readonly maps: Maps;
  readonly batch: EngineBatch;
  readonly runtime: Runtime;
  /** Throws DataplaneError "capacity" before anything is changed. */
  commit(transaction: Transaction): void;
  /** Connections that a backend still has; its number is not given to another one before this is 0. */
  connections(backend: number): number;
  /** One packet; `packet` is a copy. */
  process(
    frame: Uint8Array,
    input: FrameInput,
    now: number,
  ): { outcome: Outcome; packet: Uint8Array; released: readonly ReleasedFrame[] };
  /**
   * The shard that a frame belongs to, whichever the engine itself has. SHARD_UNKNOWN of abi/limits for a fragment
   * that goes where the first one of its datagram went.
   */
  shardOf(frame: Uint8Array, input: FrameInput): number;
  counters(): Counters;
  readonly traffic: EngineTraffic;
  /** Returns how many connections it has ended. */
  retire(backends: Retirement): number;
  flush(): void;
  /** What it keeps from one packet to the next beside the control plane's maps. Copies, but of fragments nothing. */
  save(): EngineState;
  /**
   * Takes state and entries of the control plane's maps in place of all it has. Both have been checked and fit; batch
   * and runtime are left alone.
   */
  load(state: EngineState, entries: Transaction): void;
}
