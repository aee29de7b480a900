/** Sends a share of the new flows of a Service to a backend of another one. */
import { conntrack, Context, hash, NEXT, random, service, setBackend, tuple } from "waxdp/program";

@unmanaged
class Canary {
  backend: u32;
  /** Of 10,000 flows. */
  share: u32;
  flows: u32;
}

/** By the number of a service port, which is another one for each family. */
const canaries = hash<u32, Canary>("canaries", 64);

export function program(ctx: Context): i32 {
  const flow = tuple(ctx);
  if (flow == null) return NEXT;
  const dialled = service(flow);
  if (dialled == null) return NEXT;
  const canary = canaries.lookup(dialled.number);
  if (canary == null || conntrack(flow) != null) return NEXT;
  if (random() % 10000 >= canary.share) return NEXT;
  if (setBackend(ctx, canary.backend)) canary.flows++;
  return NEXT;
}
