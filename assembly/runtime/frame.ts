/** The ends of a frame, which programs move: bpf_xdp_adjust_head and bpf_xdp_adjust_tail of net/core/filter.c. */
import { EINVAL } from "../../abi/program";
import { ETHERNET_SIZE } from "../wire/ethernet";
import { Context } from "./context";
import * as walk from "./walk";

/** The kernel leaves ETH_HLEN bytes of every frame, whatever its link layer. */
export function adjustHead(context: Context, delta: i32): i32 {
  if (context.slot >= walk.total) return -EINVAL;
  const data = <i64>context.data + delta;
  if (data < <i64>walk.headOf(context.slot) || data + ETHERNET_SIZE > <i64>context.dataEnd) return -EINVAL;
  if (delta < 0) memory.fill(<usize>data, 0, context.data - <usize>data);
  context.data = <usize>data;
  lengthen(context, -delta);
  return 0;
}

export function adjustTail(context: Context, delta: i32): i32 {
  if (context.slot >= walk.total) return -EINVAL;
  const end = <i64>context.dataEnd + delta;
  if (end > <i64>walk.limitOf(context.slot) || end < <i64>context.data + ETHERNET_SIZE) return -EINVAL;
  if (delta > 0) memory.fill(context.dataEnd, 0, delta);
  context.dataEnd = <usize>end;
  lengthen(context, delta);
  return 0;
}

/** What a capture has cut off stays cut off. */
function lengthen(context: Context, delta: i32): void {
  context.length += delta;
  context.wireLength += delta;
  walk.noteGrowth(context.slot, delta);
}
