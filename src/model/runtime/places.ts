/** Where things stand in the memory that programs run in. */
import { FRAME_MAX, HEADROOM } from "../../../abi/limits.ts";
import { CONTEXTS_MAX, CTX_SIZE } from "../../../abi/program.ts";
import type { Capacity } from "../../dataplane/dataplane.ts";
import { DataplaneError } from "../../dataplane/error.ts";
import type { Extent } from "./context.ts";
import type { Room } from "./rooms.ts";

/** What frames go into: the slots of the batch, or the one that takes any size. */
export type Slots = "batch" | "single";

export interface Places {
  /** Of the packet of this number in a call; those that were released come behind the others. */
  context(number: number): number;
  /** Where contexts are put together for programs in batch form. */
  readonly gathered: number;
  /** First byte of the slot of a frame; the frame itself begins behind the headroom. */
  slot(slots: Slots, index: number): number;
  /** Of the fragment that is released as number `index`; it has no headroom. */
  released(index: number): number;
  readonly arena: number;
  /** Bytes of memory in all. */
  readonly end: number;
}

/** Things begin at multiples of this. */
const LINE = 64;

export function layOut(capacity: Capacity): Places {
  let end = LINE; // A null pointer points to nothing.
  const take = (size: number) => {
    const at = end;
    end += roundUp(size);
    return at;
  };
  const packets = capacity.batch + capacity.fragments;
  const slotSize = roundUp(capacity.headroom + capacity.frame);
  const heldSize = roundUp(capacity.frame);
  const contexts = take(packets * CTX_SIZE);
  const gathered = take(CONTEXTS_MAX * CTX_SIZE);
  const batch = take(capacity.batch * slotSize);
  const single = take(capacity.headroom + FRAME_MAX);
  const released = take(capacity.fragments * heldSize);
  const arena = take(capacity.arena);
  return {
    context: (number) => contexts + number * CTX_SIZE,
    gathered,
    slot: (slots, index) => (slots === "single" ? single : batch + index * slotSize),
    released: (index) => released + index * heldSize,
    arena,
    end,
  };
}

function roundUp(size: number): number {
  return Math.ceil(size / LINE) * LINE;
}

/** Where a frame of `length` bytes stands in its slot. */
export function extentOf(slot: number, length: number, { headroom }: Capacity): Extent {
  return { data: slot + headroom, dataEnd: slot + headroom + length };
}

/** All of a slot. */
export function roomOf(slot: number, slots: Slots, { headroom, frame }: Capacity): Room {
  return { head: slot, limit: slot + headroom + (slots === "single" ? FRAME_MAX : frame) };
}

/** What of it programs have before service NAT, which may need headers of its own for a reject. */
export function roomBeforeNat({ head, limit }: Room): Room {
  return { head: head + HEADROOM, limit };
}

const PAGE = 65536;
const PAGES_MAX = 65536;

/** Throws DataplaneError "capacity". */
export function createMemory({ end }: Places): WebAssembly.Memory {
  const pages = Math.ceil(end / PAGE);
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: pages });
  } catch (error) {
    const size = pages > PAGES_MAX ? "more than 4 GiB" : `${Math.ceil(end / 2 ** 20)} MiB`;
    throw new DataplaneError(
      "capacity",
      `programs need ${size} of memory (${(error as Error).message}): ask for less`,
    );
  }
}
