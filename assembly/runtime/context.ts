/** Context of a packet: what a program is called with, and the descriptor that service NAT takes. */
import {
  CTX_BACKEND,
  CTX_DATA,
  CTX_DATA_END,
  CTX_ENDED,
  CTX_FLAGS,
  CTX_INTERFACE,
  CTX_LENGTH,
  CTX_LINK,
  CTX_MARK,
  CTX_OUT,
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
import { Descriptor } from "../packet";

/** The first half is a Descriptor. */
@unmanaged
export class Context {
  data: usize;
  /** Bytes of the frame that are in memory. */
  length: u32;
  wireLength: u32;
  interfaceRow: u16;
  flags: u8;
  link: u8;
  /** Verdict, action, reason and conntrack of service NAT, a byte each; 0 before it. */
  outcome: u32;
  service: u32;
  backend: u32;
  out: u32;
  dataEnd: usize;
  mark: u32;
  priority: u32;
  reason: u32;
  redirect: u32;
  /** Counted from the first packet of the call. */
  slot: u32;
  /** 0 while the walk goes on, else verdict + 1. */
  ended: u32;
  /** Where in the table the program stands that goes on, 0 for none. */
  tail: u32;
}
if (offsetof<Context>() != CTX_SIZE) ERROR("Context drifted from abi/program");
if (offsetof<Context>("data") != CTX_DATA) ERROR("Context.data drifted");
if (offsetof<Context>("length") != CTX_LENGTH) ERROR("Context.length drifted");
if (offsetof<Context>("wireLength") != CTX_WIRE_LENGTH) ERROR("Context.wireLength drifted");
if (offsetof<Context>("interfaceRow") != CTX_INTERFACE) ERROR("Context.interfaceRow drifted");
if (offsetof<Context>("flags") != CTX_FLAGS) ERROR("Context.flags drifted");
if (offsetof<Context>("link") != CTX_LINK) ERROR("Context.link drifted");
if (offsetof<Context>("outcome") != CTX_OUTCOME) ERROR("Context.outcome drifted");
if (offsetof<Context>("service") != CTX_SERVICE) ERROR("Context.service drifted");
if (offsetof<Context>("backend") != CTX_BACKEND) ERROR("Context.backend drifted");
if (offsetof<Context>("out") != CTX_OUT) ERROR("Context.out drifted");
if (offsetof<Context>("dataEnd") != CTX_DATA_END) ERROR("Context.dataEnd drifted");
if (offsetof<Context>("mark") != CTX_MARK) ERROR("Context.mark drifted");
if (offsetof<Context>("priority") != CTX_PRIORITY) ERROR("Context.priority drifted");
if (offsetof<Context>("reason") != CTX_REASON) ERROR("Context.reason drifted");
if (offsetof<Context>("redirect") != CTX_REDIRECT) ERROR("Context.redirect drifted");
if (offsetof<Context>("slot") != CTX_SLOT) ERROR("Context.slot drifted");
if (offsetof<Context>("ended") != CTX_ENDED) ERROR("Context.ended drifted");
if (offsetof<Context>("tail") != CTX_TAIL) ERROR("Context.tail drifted");
if (offsetof<Descriptor>("data") != CTX_DATA) ERROR("Context.data is no descriptor's");
if (offsetof<Descriptor>("length") != CTX_LENGTH) ERROR("Context.length is no descriptor's");
if (offsetof<Descriptor>("wireLength") != CTX_WIRE_LENGTH) ERROR("Context.wireLength is no descriptor's");
if (offsetof<Descriptor>("interfaceRow") != CTX_INTERFACE) ERROR("Context.interfaceRow is no descriptor's");
if (offsetof<Descriptor>("flags") != CTX_FLAGS) ERROR("Context.flags is no descriptor's");
if (offsetof<Descriptor>("link") != CTX_LINK) ERROR("Context.link is no descriptor's");
if (offsetof<Descriptor>("outcome") != CTX_OUTCOME) ERROR("Context.outcome is no descriptor's");
if (offsetof<Descriptor>("service") != CTX_SERVICE) ERROR("Context.service is no descriptor's");
if (offsetof<Descriptor>("backend") != CTX_BACKEND) ERROR("Context.backend is no descriptor's");
if (offsetof<Descriptor>("out") != CTX_OUT) ERROR("Context.out is no descriptor's");

export function copy(to: Context, from: Context): void {
  const at = changetype<usize>(to);
  const source = changetype<usize>(from);
  v128.store(at, v128.load(source));
  v128.store(at, v128.load(source, 16), 16);
  v128.store(at, v128.load(source, 32), 32);
  v128.store(at, v128.load(source, 48), 48);
}
