/** Where the frames of a batch are: in a slot of a worker, or nowhere. */
import type { Outcome } from "../dataplane/engine.ts";
import type { Queue } from "./queue.ts";

/** A frame that no worker has: a fragment that waits, or was refused. */
export interface Stray {
  readonly outcome: Outcome;
  readonly frame: Uint8Array;
}

/** By index in the batch. */
export interface Places {
  /** Frames in the batch. */
  readonly length: number;
  /** The next frame is in that slot. */
  take(shard: number, slot: number): void;
  keep(stray: Stray): void;
  outcome(index: number): Outcome;
  packet(index: number): Uint8Array;
  clear(): void;
}

/** Stands for a worker where there is none; SHARDS_MAX is less. */
const NOWHERE = 0xff;

export function createPlaces(queues: readonly Queue[], capacity: number): Places {
  const shards = new Uint8Array(capacity);
  const slots = new Uint32Array(capacity);
  const strays: (Stray | undefined)[] = [];
  let length = 0;
  const queueOf = (index: number) => queues[shards[index] as number] as Queue;
  const strayOf = (index: number) => (shards[index] === NOWHERE ? strays[index] : undefined);
  return {
    get length() {
      return length;
    },
    take(shard, slot) {
      shards[length] = shard;
      slots[length++] = slot;
    },
    keep(stray) {
      strays[length] = stray;
      shards[length++] = NOWHERE;
    },
    outcome: (index) => strayOf(index)?.outcome ?? queueOf(index).outcome(slots[index] as number),
    packet: (index) => strayOf(index)?.frame ?? queueOf(index).packet(slots[index] as number),
    clear() {
      length = 0;
      strays.length = 0;
    },
  };
}
