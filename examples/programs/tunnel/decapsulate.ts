/** Ingress: what comes for this node in VXLAN goes on as the frame inside. */
import { adjustHead, Context, ipv4, NEXT, payload, udp } from "waxdp/program";
import { self, VXLAN_PORT, VXLAN_SIZE, VxlanHeader } from "./vxlan";

export function program(ctx: Context): i32 {
  const ip = ipv4(ctx);
  const header = udp(ctx);
  if (ip == null || header == null || header.dport != VXLAN_PORT) return NEXT;
  const end = self.lookup(0)!;
  const at = payload(ctx);
  if (ip.daddr != end.address || at + VXLAN_SIZE > ctx.dataEnd) return NEXT;
  if (!changetype<VxlanHeader>(at).isOf(end.network)) return NEXT;
  // Where no frame is inside it fails, and the packet goes on as it is.
  adjustHead(ctx, <i32>(at + VXLAN_SIZE - ctx.data));
  return NEXT;
}
