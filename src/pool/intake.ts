/** How frames come into a batch: each into the queue of the worker it belongs to. */
import { FRAME_MAX, SHARD_UNKNOWN } from "../../abi/limits.ts";
import type { BatchOwner, Passage } from "../dataplane/batch.ts";
import type { FrameOptions } from "../dataplane/dataplane.ts";
import type { FrameInput } from "../dataplane/engine.ts";
import { badOption, DataplaneError } from "../dataplane/error.ts";
import type { Link } from "../dataplane/link.ts";
import { checkFrame } from "../dataplane/options.ts";
import { tupleOf } from "../packet/parse.ts";
import type { Fragments, Waiting } from "./fragments.ts";
import type { Places } from "./places.ts";
import type { Queue } from "./queue.ts";
import type { Steerer } from "./steerer.ts";

/** In frames, but for `frameCapacity`, which is bytes. */
export interface Room {
  /** Most frames of one worker, without fragments that waited. */
  readonly capacity: number;
  /** Slots that fragments that waited have beside those. */
  readonly waiting: number;
  readonly frameCapacity: number;
}

export interface IntakeOwner extends Pick<BatchOwner, "resolve"> {
  readonly steerer: Steerer;
  readonly fragments: Fragments;
}

/** Both throw DataplaneError "batch-full" or "frame-too-large", and return the frame's index in the batch. */
export interface Intake {
  push(frame: Uint8Array, options?: FrameOptions): number;
  /** Takes `bytes` bytes that stand in the worker's next slot. */
  commit(shard: number, bytes: number, options?: FrameOptions): number;
  /** What is noted of a frame, to be asked before it is processed. */
  passage(index: number): Passage;
}

/** `queues` has one for each worker; `places` is where their frames are noted. */
export function createIntake(
  queues: readonly Queue[],
  places: Places,
  room: Room,
  owner: IntakeOwner,
): Intake {
  const links: Link[] = [];
  const wireLengths = new Uint32Array(queues.length * room.capacity);

  /** The queue of a worker that has room for one more, behind `waiting` fragments. */
  function demandSlots(shard: number, waiting: number): Queue {
    const queue = queues[shard] as Queue;
    const taken = queue.length + waiting;
    const isFull = queue.own >= room.capacity || taken >= room.capacity + room.waiting;
    if (!isFull && places.length < wireLengths.length) return queue;
    throw new DataplaneError(
      "batch-full",
      `the batch holds ${room.capacity} frames of worker ${shard}: process and clear it`,
    );
  }

  /** Of the frame that was the last to find its place; returns its index. */
  function note(link: Link, { wireLength }: FrameInput): number {
    const index = places.length - 1;
    links[index] = link;
    wireLengths[index] = wireLength;
    return index;
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

  return {
    push(frame, options = {}) {
      checkFrame(frame, FRAME_MAX);
      demandSize(room, frame.length);
      const { input, link } = owner.resolve(frame.length, options);
      const steered = owner.steerer.steer(frame, input);
      if (steered >= SHARD_UNKNOWN) pushFragment(frame, input, link, steered);
      else places.take(steered, demandSlots(steered, 0).push(frame, input, places.length));
      return note(link, input);
    },
    commit(shard, bytes, options = {}) {
      demandSize(room, bytes);
      const queue = demandSlots(shard, 0);
      const { input, link } = owner.resolve(bytes, options);
      places.take(shard, queue.commit(bytes, input, places.length));
      return note(link, input);
    },
    passage(index) {
      const [link, wireLength] = [links[index] as Link, wireLengths[index] as number];
      return { link, wireLength, before: tupleOf(places.packet(index), link.type, wireLength) };
    },
  };
}

function demandSize({ frameCapacity }: Room, bytes: number): void {
  if (Number.isInteger(bytes) && bytes >= 0 && bytes <= frameCapacity) return;
  throw new DataplaneError(
    "frame-too-large",
    `a frame of ${bytes} bytes does not fit a slot of ${frameCapacity}: raise capacity.frame`,
  );
}

export function checkSlot({ capacity, waiting }: Room, slot: number): number {
  if (Number.isInteger(slot) && slot >= 0 && slot < capacity + waiting) return slot;
  throw badOption(`there is no slot ${slot}: a worker has ${capacity + waiting}`);
}
