/**
 * Frames held: copies of fragments that came before the one with the ports. A frame that is let go
 * keeps its place until the next call of `process`, for the host reads it there.
 */
import { RELEASED_BY, RELEASED_DPORT, RELEASED_SIZE, RELEASED_SPORT } from "../../abi/layout";
import { Descriptor } from "../packet";

/** One frame; it begins with a descriptor like those of a batch, and the bytes follow. */
@unmanaged
export class Held extends Descriptor {
  /** The next place of the list it is in. */
  next: u32;
  /** Where the IP header and the fragment's payload begin, and where that ends. */
  l3: usize;
  l4: usize;
  end: usize;
  /** Where the payload lies in the datagram. */
  offset: u32;
}

/** A fragment that leaves: what the host reads. */
@unmanaged
class Released extends Descriptor {
  by: u32;
  ports: u32;
}
if (offsetof<Released>() != RELEASED_SIZE) ERROR("Released drifted from abi/layout");
if (offsetof<Released>("by") != RELEASED_BY) ERROR("Released.by drifted");
if (offsetof<Released>("ports") != RELEASED_SPORT) ERROR("Released.ports drifted");
if (RELEASED_DPORT != RELEASED_SPORT + 2) ERROR("Released.ports are two in a row");

const LINE: u64 = 64;

let base: usize = 0;
let stride: u32 = 0;
let capacity: u32 = 0;
let frameMax: u32 = 0;
/** Places never taken begin behind this one. */
let used: u32 = 0;
/** Numbers of places begin at 1; 0 is none. */
let free: u32 = 0;
let releasedBase: usize = 0;
let releasedCount: u32 = 0;
/** Places of what was released, the last one first. */
let leaving: u32 = 0;

/** Bytes of one place. */
export function sizeOf(frame: u32): u64 {
  return (<u64>offsetof<Held>() + frame + LINE - 1) & ~(LINE - 1);
}

/**
 * Where `places` places for frames of up to `frame` bytes lie, and as many records of the released.
 */
export function place(places: u32, frame: u32, placeBase: usize, recordBase: usize): void {
  base = placeBase;
  stride = <u32>sizeOf(frame);
  capacity = places;
  frameMax = frame;
  releasedBase = recordBase;
}

export function at(number: u32): Held {
  assert(number != 0 && number <= used, "a place that was taken");
  return changetype<Held>(base + <usize>(number - 1) * stride);
}

/** Whether a frame of `length` bytes can be held. */
export function hasRoom(length: u32): bool {
  return length <= frameMax && (free != 0 || used < capacity);
}

/** Copies the frame of a descriptor; returns the number of its place. */
export function hold(descriptor: Descriptor): u32 {
  assert(hasRoom(descriptor.length), "there is room");
  const number = free != 0 ? free : ++used;
  const held = at(number);
  if (free != 0) free = held.next;
  const data = changetype<usize>(held) + offsetof<Held>();
  memory.copy(changetype<usize>(held), changetype<usize>(descriptor), offsetof<Descriptor>());
  memory.copy(data, descriptor.data, descriptor.length);
  held.data = data;
  held.next = 0;
  return number;
}

/** Gives a place back; returns the one that followed in its list. */
export function discard(number: u32): u32 {
  const held = at(number);
  const next = held.next;
  held.next = free;
  free = number;
  return next;
}

/**
 * Lets a frame go after packet `by` of the batch; `ports` are those it came with. Returns the place
 * that followed in its list.
 */
export function release(number: u32, by: u32, ports: u32): u32 {
  const held = at(number);
  const next = held.next;
  const record = changetype<Released>(releasedBase + releasedCount++ * RELEASED_SIZE);
  memory.copy(changetype<usize>(record), changetype<usize>(held), offsetof<Descriptor>());
  record.by = by;
  record.ports = ports;
  held.next = leaving;
  leaving = number;
  return next;
}

/** Takes the places of what was released back. */
export function begin(): void {
  while (leaving != 0) leaving = discard(leaving);
  releasedCount = 0;
}

/** The fragments released since `begin`, RELEASED_SIZE bytes each. */
export function released(): usize {
  return releasedBase;
}

export function releasedLength(): u32 {
  return releasedCount;
}
