/**
 * Bounds the connections that a source has half open. A SYN adds one, the end of the handshake takes
 * it away, and so does time. Only SYNs are ever dropped: what is established passes.
 */
import {
  Addr16,
  conntrack,
  Context,
  lruHash,
  NEXT,
  reason,
  service,
  STATE_SYN_RECV,
  tcp,
  time,
  Tuple,
  tuple,
} from "waxdp/program";

const HALF_OPEN_MAX: u32 = 8;
/** Nanoseconds after which one of them counts no more: a tenth of nf_conntrack's SYN_RECV timeout. */
const FORGET_AFTER: i64 = 6_000_000_000;

@unmanaged
class Source {
  halfOpen: u32;
  opened: u32;
  dropped: u32;
  since: i64;
}

const sources = lruHash<Addr16, Source>("sources", 4096);
const SYN_FLOOD = reason("syn-flood");

export function program(ctx: Context): i32 {
  const header = tcp(ctx);
  if (header == null) return NEXT;
  const flow = tuple(ctx);
  if (flow == null || service(flow) == null) return NEXT;
  if (header.syn) return open(ctx, flow);
  if (header.ack) settle(flow);
  return NEXT;
}

function open(ctx: Context, flow: Tuple): i32 {
  if (conntrack(flow) != null) return NEXT; // sent again
  const source = sources.lookupOrInit(flow.saddr)!;
  forget(source);
  if (source.halfOpen >= HALF_OPEN_MAX) {
    source.dropped++;
    return ctx.drop(SYN_FLOOD);
  }
  source.halfOpen++;
  return NEXT;
}

/** The third packet of a handshake finds its connection as the second has left it. */
function settle(flow: Tuple): void {
  const connection = conntrack(flow);
  if (connection == null || connection.state != STATE_SYN_RECV) return;
  const source = sources.lookup(flow.saddr);
  if (source == null || source.halfOpen == 0) return;
  source.halfOpen--;
  source.opened++;
}

/** What nobody has finished for so long is gone on the other side too. */
function forget(source: Source): void {
  if (source.halfOpen == 0) source.since = time();
  const over = (time() - source.since) / FORGET_AFTER;
  source.halfOpen -= min<u32>(source.halfOpen, <u32>over);
  source.since += over * FORGET_AFTER;
}
