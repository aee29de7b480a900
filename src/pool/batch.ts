/** A batch whose frames lie with several workers, each in the queue of the one it belongs to. */
import type { FrameOptions } from "../dataplane/dataplane.ts";
import { NONE_RELEASED, type ReleasedFrame } from "../dataplane/engine.ts";
import { DataplaneError } from "../dataplane/error.ts";
import { checkNow, checkObject } from "../dataplane/options.ts";
import type { BatchOwner } from "../dataplane/owner.ts";
import { Results } from "../dataplane/results.ts";
import { checkSlot, Intake, type IntakeOwner, type Room } from "./intake.ts";
import { createPlaces, type Places } from "./places.ts";
import type { PoolBatch, WorkerQueue } from "./pool.ts";
import type { Queue } from "./queue.ts";

/** What a batch asks of the pool it belongs to. */
export interface PoolBatchOwner extends BatchOwner, IntakeOwner {
  /** Throws DataplaneError "closed". */
  demandOpen(): void;
  /** Takes what is fresh in the queues through the workers; returns what that has let go, `by` as an index. */
  run(queues: readonly Queue[], now: number): Promise<readonly ReleasedFrame[]>;
}

/** `queues` has one for each worker. */
export function createPoolBatch(
  queues: readonly Queue[],
  room: Room,
  owner: PoolBatchOwner,
): PoolBatch {
  const frames = new Frames(queues, room, owner);
  return {
    capacity: queues.length * room.capacity,
    frameCapacity: room.frameCapacity,
    shards: queues.map((queue, shard) =>
      createWorkerQueue(queue, room, (bytes, options) => frames.commit(shard, bytes, options)),
    ),
    get length() {
      return frames.length;
    },
    push: (frame, options) => frames.push(frame, options),
    process: (now, options) => frames.process(now, options),
    verdict: (index) => frames.results().verdict(index),
    packet: (index) => frames.results().packet(index),
    event: (index) => frames.results().event(index),
    released: () => frames.released(),
    clear: () => frames.clear(),
  };
}

class Frames {
  readonly #queues: readonly Queue[];
  readonly #owner: PoolBatchOwner;
  readonly #places: Places;
  readonly #intake: Intake;
  readonly #results: Results;
  #inFlight = false;
  #released: readonly ReleasedFrame[] = NONE_RELEASED;

  constructor(queues: readonly Queue[], room: Room, owner: PoolBatchOwner) {
    this.#queues = queues;
    this.#owner = owner;
    this.#places = createPlaces(queues, queues.length * room.capacity);
    this.#intake = new Intake(queues, this.#places, room, owner);
    this.#results = new Results(this.#places, owner);
  }

  get length(): number {
    return this.#places.length;
  }

  commit(shard: number, bytes: number, options?: FrameOptions): number {
    this.#demandIdle();
    return this.#intake.commit(shard, bytes, options);
  }

  push(frame: Uint8Array, options?: FrameOptions): number {
    this.#demandIdle();
    return this.#intake.push(frame, options);
  }

  async process(now: number, options: { readonly events?: boolean } = {}): Promise<void> {
    const { events = false } = checkObject(options, "process");
    this.#demandIdle();
    checkNow(now);
    if (events) this.#results.note((index) => this.#intake.passage(index));
    const { length } = this.#places;
    await this.#run(now);
    this.#results.settle(length);
  }

  results(): Results {
    this.#owner.demandOpen();
    return this.#results;
  }

  released(): ReturnType<PoolBatch["released"]> {
    return this.results().released(this.#released);
  }

  clear(): void {
    this.#demandIdle();
    for (const queue of this.#queues) queue.clear();
    this.#places.clear();
    this.#results.clear();
    this.#released = NONE_RELEASED;
  }

  #demandIdle(): void {
    this.#owner.demandOpen();
    if (!this.#inFlight) return;
    throw new DataplaneError(
      "in-flight",
      "the batch is with the workers: wait for process, and fill the other one meanwhile",
    );
  }

  async #run(now: number): Promise<void> {
    this.#inFlight = true;
    try {
      this.#released = await this.#owner.run(this.#queues, this.#owner.begin(now));
    } finally {
      this.#inFlight = false;
    }
  }
}

function createWorkerQueue(queue: Queue, room: Room, commit: WorkerQueue["commit"]): WorkerQueue {
  return {
    get length() {
      return queue.length;
    },
    memory: queue.memory,
    frameAt: (slot) => queue.frameAt(checkSlot(room, slot)),
    commit,
  };
}
