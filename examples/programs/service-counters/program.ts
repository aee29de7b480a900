/** Counts packets and bytes by backend, each way, behind service NAT. */
import { ACTION_DNAT, Context, NEXT, percpuHash } from "waxdp/program";

@unmanaged
class Counter {
  inPackets: u64;
  inBytes: u64;
  outPackets: u64;
  outBytes: u64;
}

const counters = percpuHash<u32, Counter>("by-backend", 4096);

export function program(ctx: Context): i32 {
  if (ctx.backend == 0) return NEXT;
  const counter = counters.lookupOrInit(ctx.backend)!;
  if (ctx.action == ACTION_DNAT) {
    counter.inPackets++;
    counter.inBytes += ctx.wireLength;
  } else {
    counter.outPackets++;
    counter.outBytes += ctx.wireLength;
  }
  return NEXT;
}
