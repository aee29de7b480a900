/** A batch whose frames lie with several workers, each in the queue of the one it belongs to. */
import {
  type BatchOwner,
  checkIndex,
  eventsOff,
  leaving,
  type Passage,
} from "../dataplane/batch.ts";
import { NONE_RELEASED, type ReleasedFrame } from "../dataplane/engine.ts";
import { badOption, DataplaneError } from "../dataplane/error.ts";
import { nameOf, VERDICTS } from "../dataplane/event.ts";
import { checkNow, checkObject } from "../dataplane/options.ts";
import { checkSlot, createIntake, type IntakeOwner, type Room } from "./intake.ts";
import { createPlaces } from "./places.ts";
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
  const capacity = queues.length * room.capacity;
  const places = createPlaces(queues, capacity);
  const intake = createIntake(queues, places, room, owner);
  /** Those of frames processed with events. */
  let passages: (Passage | undefined)[] = [];
  /** How many of the frames have been through the packet path. */
  let processed = 0;
  let inFlight = false;
  let released: readonly ReleasedFrame[] = NONE_RELEASED;

  function demandIdle(): void {
    owner.demandOpen();
    if (!inFlight) return;
    throw new DataplaneError(
      "in-flight",
      "the batch is with the workers: wait for process, and fill the other one meanwhile",
    );
  }

  async function run(now: number, length: number): Promise<void> {
    inFlight = true;
    try {
      released = await owner.run(queues, owner.begin(now));
      processed = length;
    } finally {
      inFlight = false;
    }
  }

  return {
    capacity,
    frameCapacity: room.frameCapacity,
    shards: queues.map((queue, shard) =>
      createWorkerQueue(queue, room, (bytes, options) => {
        demandIdle();
        return intake.commit(shard, bytes, options);
      }),
    ),
    get length() {
      return places.length;
    },
    push(frame, options) {
      demandIdle();
      return intake.push(frame, options);
    },
    async process(now, options = {}) {
      const { events = false } = checkObject(options, "process");
      demandIdle();
      checkNow(now);
      for (let i = processed; events && i < places.length; i++) passages[i] = intake.passage(i);
      await run(now, places.length);
    },
    verdict(index) {
      owner.demandOpen();
      if (checkIndex(places, index) < processed) {
        return nameOf(VERDICTS, places.outcome(index).verdict);
      }
      throw badOption(`frame ${index} has no verdict yet: call process`);
    },
    packet(index) {
      owner.demandOpen();
      return places.packet(checkIndex(places, index));
    },
    event(index) {
      owner.demandOpen();
      const passage = passages[checkIndex(places, index)];
      if (!passage) throw eventsOff();
      return owner.describe(places.outcome(index), places.packet(index), passage);
    },
    released() {
      owner.demandOpen();
      if (released.length === 0) return NONE_RELEASED;
      return released.map((each) => leaving(each, passages[each.by], owner));
    },
    clear() {
      demandIdle();
      for (const queue of queues) queue.clear();
      places.clear();
      passages = [];
      processed = 0;
      released = NONE_RELEASED;
    },
  };
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
