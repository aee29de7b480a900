/** Link layers: what a frame's slot number stands for, and the link header of an answer. */
import {
  LINK_SLOT_ETHERNET,
  LINK_SLOT_LOOP,
  LINK_SLOT_NULL,
  LINK_SLOT_RAW,
  LINK_SLOT_SLL,
  LINK_SLOT_SLL2,
} from "../../abi/layout.ts";
import { LINK_TYPES } from "../packet/link.ts";

const BY_SLOT: Readonly<Record<number, number>> = {
  [LINK_SLOT_ETHERNET]: LINK_TYPES.ethernet,
  [LINK_SLOT_RAW]: LINK_TYPES.raw,
  [LINK_SLOT_NULL]: LINK_TYPES.null,
  [LINK_SLOT_LOOP]: LINK_TYPES.loop,
  [LINK_SLOT_SLL]: LINK_TYPES["linux-sll"],
  [LINK_SLOT_SLL2]: LINK_TYPES["linux-sll2"],
};
/** No LINKTYPE_ is negative, so nothing is read into such a frame. */
const UNKNOWN = -1;

/** LINKTYPE_ number of a LINK_SLOT_ number. */
export function linkType(slot: number): number {
  return BY_SLOT[slot] ?? UNKNOWN;
}

/** PACKET_OUTGOING of linux/if_packet.h, as both cooked headers have it. */
const PACKET_OUTGOING = 4;

/**
 * Turns a link header round, so that an answer goes back where the frame came from. VLAN tags stay.
 */
export function answer(header: Uint8Array, slot: number): Uint8Array {
  const turned = header.slice();
  if (slot === LINK_SLOT_ETHERNET) {
    turned.set(header.subarray(6, 12), 0);
    turned.set(header.subarray(0, 6), 6);
  }
  if (slot === LINK_SLOT_SLL) turned.set([0, PACKET_OUTGOING], 0);
  if (slot === LINK_SLOT_SLL2) turned[10] = PACKET_OUTGOING;
  return turned;
}
