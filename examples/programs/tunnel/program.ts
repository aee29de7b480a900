/**
 * Egress: what goes to pods of other nodes travels in VXLAN. Nothing is fragmented (RFC 7348 section
 * 4.3): the MTU of pods leaves 50 bytes.
 */
import {
  adjustHead,
  Context,
  ethernet,
  EthernetHeader,
  ETHERTYPE_IPV4,
  Ipv4,
  ipv4,
  Ipv4Header,
  ipv6,
  lpmTrie,
  Mac,
  NEXT,
  Prefix4,
  Prefix6,
  PROTO_UDP,
  reason,
  Tuple,
  tuple,
  UdpHeader,
  updateChecksum,
} from "waxdp/program";
import {
  ETHERNET_SIZE,
  IPV4_SIZE,
  Self,
  self,
  UDP_SIZE,
  VXLAN_PORT,
  VXLAN_SIZE,
  VxlanHeader,
} from "./vxlan";

const OUTER_SIZE: i32 = ETHERNET_SIZE + IPV4_SIZE + UDP_SIZE + VXLAN_SIZE;

@unmanaged
class Node {
  address: Ipv4;
  inner: Mac;
  outer: Mac;
}

/** Which node has the pods of a prefix. */
const nodes4 = lpmTrie<Prefix4, Node>("nodes4", 1024);
const nodes6 = lpmTrie<Prefix6, Node>("nodes6", 1024);
const NO_HEADROOM = reason("no-headroom");

export function program(ctx: Context): i32 {
  const frame = ethernet(ctx);
  const node = nodeOf(ctx);
  if (frame == null || node == null) return NEXT;
  const end = self.lookup(0)!;
  const sport = portOf(ctx);
  address(frame, end.inner, node.inner);
  if (!adjustHead(ctx, -OUTER_SIZE)) return ctx.drop(NO_HEADROOM);
  wrap(ctx, end, node, sport);
  return NEXT;
}

function nodeOf(ctx: Context): Node | null {
  const header4 = ipv4(ctx);
  if (header4 != null) return nodes4.match(header4.daddr);
  const header6 = ipv6(ctx);
  return header6 != null ? nodes6.match(header6.daddr) : null;
}

/** Writes the four headers in front, from the outside in. */
function wrap(ctx: Context, end: Self, node: Node, sport: u32): void {
  let at = ctx.data;
  const frame = changetype<EthernetHeader>(at);
  address(frame, end.outer, node.outer);
  frame.type = ETHERTYPE_IPV4;
  at += ETHERNET_SIZE;
  const ip = changetype<Ipv4Header>(at);
  ip.init(ctx.wireLength - ETHERNET_SIZE, PROTO_UDP);
  ip.saddr = end.address;
  ip.daddr = node.address;
  updateChecksum(ip);
  at += IPV4_SIZE;
  // Without a checksum, as RFC 7348 section 5 would have it.
  changetype<UdpHeader>(at).init(sport, VXLAN_PORT, ctx.wireLength - ETHERNET_SIZE - IPV4_SIZE);
  changetype<VxlanHeader>(at + UDP_SIZE).init(end.network);
}

function address(frame: EthernetHeader, from: Mac, to: Mac): void {
  memory.copy(changetype<usize>(frame), to, 6);
  memory.copy(changetype<usize>(frame) + 6, from, 6);
}

/** A dynamic port for each flow, so that paths of equal cost share the load: RFC 7348 section 5. */
function portOf(ctx: Context): u32 {
  const flow = tuple(ctx);
  let mixed: u64 = 0;
  for (let at: usize = 0; flow != null && at < offsetof<Tuple>(); at += 8) {
    mixed = (mixed ^ load<u64>(changetype<usize>(flow) + at)) * 0x9e3779b97f4a7c15;
    mixed ^= mixed >> 32;
  }
  return 0xc000 | (<u32>mixed & 0x3fff);
}
