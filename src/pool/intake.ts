/** How frames come into a batch: each into the queue of the worker it belongs to. */
import { FRAME_MAX, SHARD_UNKNOWN } from "../../abi/limits.ts";
import type { FrameOptions } from "../dataplane/dataplane.ts";
import type { FrameInput } from "../dataplane/engine.ts";
import { badOption, DataplaneError } from "../dataplane/error.ts";
import type { Link } from "../dataplane/link.ts";
import { checkFrame } from "../dataplane/options.ts";
import type { BatchOwner, Passage } from "../dataplane/owner.ts";
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

/** `push` and `commit` throw DataplaneError "batch-full" or "frame-too-large", and return the frame's index in the batch. */
export class Intake {
  readonly #queues: readonly Queue[];
  readonly #places: Places;
  readonly #room: Room;
  readonly #owner: IntakeOwner;
  readonly #links: Link[] = [];
  readonly #wireLengths: Uint32Array;

  /** `queues` has one for each worker; `places` is where their frames are noted. */
  constructor(queues: readonly Queue[], places: Places, room: Room, owner: IntakeOwner) {
    this.#queues = queues;
    this.#places = places;
    this.#room = room;
    this.#owner = owner;
    this.#wireLengths = new Uint32Array(queues.length * room.capacity);
  }

  push(frame: Uint8Array, options: FrameOptions = {}): number {
    checkFrame(frame, FRAME_MAX);
    demandSize(this.#room, frame.length);
    const { input, link } = this.#owner.resolve(frame.length, options);
    const steered = this.#owner.steerer.steer(frame, input);
    if (steered >= SHARD_UNKNOWN) this.#pushFragment(frame, input, link, steered);
    else {
      const slot = this.#demandSlots(steered, 0).push(frame, input, this.#places.length);
      this.#places.take(steered, slot);
    }
    return this.#note(link, input);
  }

  /** Takes `bytes` bytes that stand in the worker's next slot. */
  commit(shard: number, bytes: number, options: FrameOptions = {}): number {
    demandSize(this.#room, bytes);
    const queue = this.#demandSlots(shard, 0);
    const { input, link } = this.#owner.resolve(bytes, options);
    this.#places.take(shard, queue.commit(bytes, input, this.#places.length));
    return this.#note(link, input);
  }

  /** What is noted of a frame, to be asked before it is processed. */
  passage(index: number): Passage {
    const [link, wireLength] = [this.#links[index] as Link, this.#wireLengths[index] as number];
    const before = tupleOf(this.#places.packet(index), link.type, wireLength);
    return { link, wireLength, before };
  }

  /** The queue of a worker that has room for one more, behind `waiting` fragments. */
  #demandSlots(shard: number, waiting: number): Queue {
    const queue = this.#queues[shard] as Queue;
    const room = this.#room;
    const taken = queue.length + waiting;
    const isFull = queue.own >= room.capacity || taken >= room.capacity + room.waiting;
    if (!isFull && this.#places.length < this.#wireLengths.length) return queue;
    throw new DataplaneError(
      "batch-full",
      `the batch holds ${room.capacity} frames of worker ${shard}: process and clear it`,
    );
  }

  /** Of the frame that was the last to find its place; returns its index. */
  #note(link: Link, { wireLength }: FrameInput): number {
    const index = this.#places.length - 1;
    this.#links[index] = link;
    this.#wireLengths[index] = wireLength;
    return index;
  }

  /** Fragments that waited for this one go in front of it, and have its index. */
  #pushFragment(frame: Uint8Array, input: FrameInput, link: Link, steered: number): void {
    const { fragments } = this.#owner;
    const arrival = { frame, input, linkType: link.type };
    const first = steered === SHARD_UNKNOWN ? undefined : steered & SHARD_UNKNOWN;
    const waiting = fragments.releasable(arrival);
    this.#demandSlots(fragments.shardOf(arrival, first) ?? 0, waiting);
    const course = fragments.receive(arrival, first);
    if (course.shard === undefined) this.#places.keep(course);
    else this.#placeFragment(arrival, course.shard, course.before);
  }

  #placeFragment({ frame, input }: Waiting, shard: number, before: readonly Waiting[]): void {
    const queue = this.#queues[shard] as Queue;
    const { length } = this.#places;
    for (const each of before) queue.pushWaiting(each.frame, each.input, length);
    this.#places.take(shard, queue.push(frame, input, length));
  }
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
