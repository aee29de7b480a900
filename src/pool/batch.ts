/** A batch whose frames lie with several workers, each in the queue of the one it belongs to. */
import { FRAME_MAX, SHARD_UNKNOWN } from "../../abi/limits.ts";
import { type BatchOwner, checkIndex, eventsOff, type Passage } from "../dataplane/batch.ts";
import type { FrameOptions, Released } from "../dataplane/dataplane.ts";
import { type FrameInput, NONE_RELEASED, type ReleasedFrame } from "../dataplane/engine.ts";
import { badOption, DataplaneError } from "../dataplane/error.ts";
import { nameOf, type PacketEvent, VERDICTS } from "../dataplane/event.ts";
import type { Link } from "../dataplane/link.ts";
import { checkFrame, checkNow } from "../dataplane/options.ts";
import { tupleOf } from "../packet/parse.ts";
import type { Fragments, Waiting } from "./fragments.ts";
import { createPlaces } from "./places.ts";
import type { PoolBatch, WorkerQueue } from "./pool.ts";
import type { Queue } from "./queue.ts";
import type { Steerer } from "./steerer.ts";

/** What a batch asks of the pool it belongs to. */
export interface PoolBatchOwner extends BatchOwner {
  readonly steerer: Steerer;
  readonly fragments: Fragments;
  /** Throws DataplaneError "closed". */
  demandOpen(): void;
  /** Takes what is fresh in the queues through the workers; returns what that has let go, `by` as an index. */
  run(queues: readonly Queue[], now: number): Promise<readonly ReleasedFrame[]>;
}

export interface Room {
  /** Most frames of one worker, without fragments that waited. */
  readonly capacity: number;
  /** Slots that fragments that waited have beside those. */
  readonly waiting: number;
  readonly frameCapacity: number;
}

/** `queues` has one for each worker. */
export function createPoolBatch(
  queues: readonly Queue[],
  room: Room,
  owner: PoolBatchOwner,
): PoolBatch {
  const capacity = queues.length * room.capacity;
  const places = createPlaces(queues, capacity);
  const links: Link[] = [];
  const wireLengths = new Uint32Array(capacity);
  let passages: (Passage | undefined)[] = [];
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

  function demandSlots(shard: number, waiting: number): Queue {
    const queue = queues[shard] as Queue;
    const taken = queue.length + waiting;
    const isFull = queue.own >= room.capacity || taken >= room.capacity + room.waiting;
    if (!isFull && places.length < capacity) return queue;
    throw new DataplaneError(
      "batch-full",
      `the batch holds ${room.capacity} frames of worker ${shard}: process and clear it`,
    );
  }

  function demandSize(bytes: number): void {
    if (Number.isInteger(bytes) && bytes >= 0 && bytes <= room.frameCapacity) return;
    throw new DataplaneError(
      "frame-too-large",
      `a frame of ${bytes} bytes does not fit a slot of ${room.frameCapacity}: raise capacity.frame`,
    );
  }

  /** Of the frame that was the last to find its place; returns its index. */
  function note(link: Link, { wireLength }: FrameInput): number {
    const index = places.length - 1;
    links[index] = link;
    wireLengths[index] = wireLength;
    return index;
  }

  function push(frame: Uint8Array, options: FrameOptions = {}): number {
    demandIdle();
    checkFrame(frame, FRAME_MAX);
    demandSize(frame.length);
    const { input, link } = owner.resolve(frame.length, options);
    const steered = owner.steerer.steer(frame, input);
    if (steered >= SHARD_UNKNOWN) pushFragment(frame, input, link, steered);
    else places.take(steered, demandSlots(steered, 0).push(frame, input, places.length));
    return note(link, input);
  }

  /** Fragments that waited for this one go in front of it, and have its index. */
  function pushFragment(frame: Uint8Array, input: FrameInput, link: Link, steered: number): void {
    const { fragments } = owner;
    const arrival = { frame, input, linkType: link.type };
    const first = steered === SHARD_UNKNOWN ? undefined : steered & SHARD_UNKNOWN;
    const waiting = fragments.releasable(arrival);
    demandSlots(fragments.shardOf(arrival, first) ?? 0, waiting);
    const course = fragments.receive(arrival, first);
    if (course.shard === undefined) places.keep(course);
    else placeFragment(arrival, course.shard, course.before);
  }

  function placeFragment(
    { frame, input }: Waiting,
    shard: number,
    before: readonly Waiting[],
  ): void {
    const queue = queues[shard] as Queue;
    for (const each of before) queue.pushWaiting(each.frame, each.input, places.length);
    places.take(shard, queue.push(frame, input, places.length));
  }

  function createWorkerQueue(queue: Queue, shard: number): WorkerQueue {
    return {
      get length() {
        return queue.length;
      },
      memory: queue.memory,
      frameAt(slot) {
        if (Number.isInteger(slot) && slot >= 0 && slot < room.capacity + room.waiting) {
          return queue.frameAt(slot);
        }
        throw badOption(`there is no slot ${slot}: a worker has ${room.capacity + room.waiting}`);
      },
      commit(bytes, options = {}) {
        demandIdle();
        demandSize(bytes);
        demandSlots(shard, 0);
        const { input, link } = owner.resolve(bytes, options);
        places.take(shard, queue.commit(bytes, input, places.length));
        return note(link, input);
      },
    };
  }

  function notePassage(index: number): void {
    const [link, wireLength] = [links[index] as Link, wireLengths[index] as number];
    const before = tupleOf(places.packet(index), link.type, wireLength);
    passages[index] = { link, wireLength, before };
  }

  async function run(now: number, length: number): Promise<void> {
    try {
      released = await owner.run(queues, owner.clock(now));
      processed = length;
    } finally {
      inFlight = false;
    }
  }

  function leaving(each: ReleasedFrame): Released & { readonly by: number } {
    const { by, packet } = each;
    const passage = passages[by];
    if (passage) return { by, packet, event: owner.describeReleased(each, passage.before) };
    return {
      by,
      packet,
      get event(): PacketEvent {
        throw eventsOff();
      },
    };
  }

  return {
    capacity,
    frameCapacity: room.frameCapacity,
    shards: queues.map(createWorkerQueue),
    get length() {
      return places.length;
    },
    push,
    async process(now, { events = false } = {}) {
      demandIdle();
      checkNow(now);
      for (let i = processed; events && i < places.length; i++) notePassage(i);
      inFlight = true;
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
      return released.length === 0 ? NONE_RELEASED : released.map(leaving);
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
