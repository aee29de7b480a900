/** Frames made longer and shorter at either end: bpf_xdp_adjust_head and bpf_xdp_adjust_tail of net/core/filter.c. */
import { CTX_WIRE_LENGTH, EINVAL } from "../../../abi/program.ts";
import type { Context } from "./context.ts";
import type { ProgramMemory } from "./maps/memory.ts";
import type { Room } from "./rooms.ts";

/** What must be left: ETH_HLEN, whatever the link layer. */
const FRAME_MIN = 14;

/** Moves the first byte by `delta`. Bytes that are new are zero. */
export function head(memory: ProgramMemory, context: Context, room: Room, delta: number): number {
  const { data, dataEnd } = context.extent;
  const moved = data + delta;
  if (moved < room.head || moved > dataEnd - FRAME_MIN) return -EINVAL;
  if (delta < 0) memory.bytes(moved, -delta).fill(0);
  context.extent = { data: moved, dataEnd };
  lengthen(context, -delta);
  return 0;
}

/** Moves the end by `delta`. Bytes that are new are zero. */
export function tail(memory: ProgramMemory, context: Context, room: Room, delta: number): number {
  const { data, dataEnd } = context.extent;
  const moved = dataEnd + delta;
  if (moved > room.limit || moved < data + FRAME_MIN) return -EINVAL;
  if (delta > 0) memory.bytes(dataEnd, delta).fill(0);
  context.extent = { data, dataEnd: moved };
  lengthen(context, delta);
  return 0;
}

/** What a capture has cut off stays cut off. */
function lengthen(context: Context, delta: number): void {
  context.write(CTX_WIRE_LENGTH, context.read(CTX_WIRE_LENGTH) + delta);
}
