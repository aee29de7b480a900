/**
 * rings: service port and RING_ -> run of slots; slots: backend numbers. Written by the control
 * plane.
 */
import { RING_BASE, RING_LENGTH, RING_SCHEDULER, RING_SIZE, SLOT_SIZE } from "../../abi/layout";
import { Rows, row } from "./array";

@unmanaged
export class Ring {
  base: u32;
  length: u32;
  scheduler: u8;
  private spare: u32;
}
if (offsetof<Ring>() != RING_SIZE) ERROR("Ring drifted from abi/layout");
if (offsetof<Ring>("base") != RING_BASE) ERROR("Ring.base drifted");
if (offsetof<Ring>("length") != RING_LENGTH) ERROR("Ring.length drifted");
if (offsetof<Ring>("scheduler") != RING_SCHEDULER) ERROR("Ring.scheduler drifted");

@unmanaged
export class Slot {
  backend: u32;
}
if (offsetof<Slot>() != SLOT_SIZE) ERROR("Slot drifted from abi/layout");

export const RINGS = changetype<Rows>(memory.data(offsetof<Rows>(), 16));
export const SLOTS = changetype<Rows>(memory.data(offsetof<Rows>(), 16));
/** Rings of one service port. */
const RINGS_PER_SERVICE: u32 = 2;

/** Ring `ring` of a service port; null when there is no such row. */
export function lookup(service: u32, ring: u32): Ring | null {
  return changetype<Ring | null>(row<Ring>(RINGS, service * RINGS_PER_SERVICE + ring));
}

/** The backend number in slot `index` of a ring; 0 when there is no such row. */
export function slot(ring: Ring, index: u32): u32 {
  const at = row<Slot>(SLOTS, ring.base + index);
  return at == 0 ? 0 : changetype<Slot>(at).backend;
}

/** Which of two backends comes first in a ring; the first of them when neither does. */
export function firstOf(ring: Ring, first: u32, second: u32): u32 {
  for (let index: u32 = 0; index < ring.length; index++) {
    const backend = slot(ring, index);
    if (backend == first || backend == second) return backend;
  }
  return first;
}
