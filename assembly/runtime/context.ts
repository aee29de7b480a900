/** Context of a packet: what a program is called with. */
import {
  CTX_BACKEND,
  CTX_DATA,
  CTX_DATA_END,
  CTX_ENDED,
  CTX_FLAGS,
  CTX_HEAD,
  CTX_INTERFACE,
  CTX_LIMIT,
  CTX_LINK,
  CTX_MARK,
  CTX_OUTCOME,
  CTX_PRIORITY,
  CTX_REASON,
  CTX_REDIRECT,
  CTX_SERVICE,
  CTX_SIZE,
  CTX_SLOT,
  CTX_TAIL,
  CTX_WIRE_LENGTH,
} from "../../abi/program";

@unmanaged
export class Context {
  data: usize;
  dataEnd: usize;
  wireLength: u32;
  interfaceRow: u16;
  flags: u8;
  link: u8;
  mark: u32;
  priority: u32;
  /** Verdict, action, reason and conntrack of service NAT, a byte each; 0 before it. */
  outcome: u32;
  service: u32;
  backend: u32;
  /** 0 while the walk goes on, else verdict + 1. */
  ended: u32;
  reason: u32;
  redirect: u32;
  /** Where in the table the program stands that goes on, 0 for none. */
  tail: u32;
  /** Counted from the first packet of the call. */
  slot: u32;
  head: usize;
  limit: usize;

  /** Bytes of the frame that are in memory. */
  get length(): u32 {
    return <u32>(this.dataEnd - this.data);
  }
}
if (offsetof<Context>() != CTX_SIZE) ERROR("Context drifted from abi/program");
if (offsetof<Context>("data") != CTX_DATA) ERROR("Context.data drifted");
if (offsetof<Context>("dataEnd") != CTX_DATA_END) ERROR("Context.dataEnd drifted");
if (offsetof<Context>("wireLength") != CTX_WIRE_LENGTH) ERROR("Context.wireLength drifted");
if (offsetof<Context>("interfaceRow") != CTX_INTERFACE) ERROR("Context.interfaceRow drifted");
if (offsetof<Context>("flags") != CTX_FLAGS) ERROR("Context.flags drifted");
if (offsetof<Context>("link") != CTX_LINK) ERROR("Context.link drifted");
if (offsetof<Context>("mark") != CTX_MARK) ERROR("Context.mark drifted");
if (offsetof<Context>("priority") != CTX_PRIORITY) ERROR("Context.priority drifted");
if (offsetof<Context>("outcome") != CTX_OUTCOME) ERROR("Context.outcome drifted");
if (offsetof<Context>("service") != CTX_SERVICE) ERROR("Context.service drifted");
if (offsetof<Context>("backend") != CTX_BACKEND) ERROR("Context.backend drifted");
if (offsetof<Context>("ended") != CTX_ENDED) ERROR("Context.ended drifted");
if (offsetof<Context>("reason") != CTX_REASON) ERROR("Context.reason drifted");
if (offsetof<Context>("redirect") != CTX_REDIRECT) ERROR("Context.redirect drifted");
if (offsetof<Context>("tail") != CTX_TAIL) ERROR("Context.tail drifted");
if (offsetof<Context>("slot") != CTX_SLOT) ERROR("Context.slot drifted");
if (offsetof<Context>("head") != CTX_HEAD) ERROR("Context.head drifted");
if (offsetof<Context>("limit") != CTX_LIMIT) ERROR("Context.limit drifted");

export function copy(to: Context, from: Context): void {
  const at = changetype<usize>(to);
  const source = changetype<usize>(from);
  v128.store(at, v128.load(source));
  v128.store(at, v128.load(source, 16), 16);
  v128.store(at, v128.load(source, 32), 32);
  v128.store(at, v128.load(source, 48), 48);
}
