/** The packet a program is called with, and what programs say about it. */
import {
  CTX_BACKEND,
  CTX_DATA_END,
  CTX_ENDED,
  CTX_FLAGS,
  CTX_INTERFACE,
  CTX_LENGTH,
  CTX_LINK,
  CTX_MARK,
  CTX_OUT,
  CTX_OUTCOME,
  CTX_REASON,
  CTX_REDIRECT,
  CTX_SIZE,
  CTX_TAIL,
  CTX_WIRE_LENGTH,
} from "../../abi/program";
import { DESC_FLAG_LOCAL } from "../../abi/layout";
import { VERDICT_DROP } from "../../abi/verdict";

/**
 * One packet. `data` and `dataEnd` are addresses in memory; what lies between may be read and written. Both move
 * with `adjustHead` and `adjustTail`, so read them again afterwards.
 */
@unmanaged
export class Context {
  private ndata: u32;
  private nlength: u32;
  private nwireLength: u32;
  private nifindex: u16;
  private flags: u8;
  private nlink: u8;
  private nverdict: u8;
  private naction: u8;
  private nreason: u8;
  private nconntrack: u8;
  private nservice: u32;
  private nbackend: u32;
  private out: u32;
  private ndataEnd: u32;
  /** skb->mark: given with the packet, kept for the programs behind this one and for the event. */
  mark: u32;
  /** skb->priority. */
  priority: u32;
  private why: u32;
  private row: u32;
  private slot: u32;
  private ended: u32;
  private tail: u32;

  /** Address of the first byte of the frame, its link layer. */
  get data(): usize {
    return this.ndata;
  }

  /** Address behind the last byte that is in memory. */
  get dataEnd(): usize {
    return this.ndataEnd;
  }

  /** Bytes of the frame that are in memory. */
  get length(): u32 {
    return this.nlength;
  }

  /** Bytes the frame had on the wire; more than `length` when a capture has cut it. */
  get wireLength(): u32 {
    return this.nwireLength;
  }

  /** Row of the interface it came in on, what `redirect` takes; 0 when unknown. */
  get ifindex(): u32 {
    return this.nifindex;
  }

  /** LINK_ number of the link layer. */
  get link(): u32 {
    return this.nlink;
  }

  /** Whether this node sends it itself. */
  get isLocal(): bool {
    return (this.flags & <u8>DESC_FLAG_LOCAL) != 0;
  }

  /** What service NAT has said: its verdict, ACTION_, REASON_ and CONNTRACK_ numbers; 0 before it. */
  get verdict(): u32 {
    return this.nverdict;
  }

  get action(): u32 {
    return this.naction;
  }

  get reason(): u32 {
    return this.nreason;
  }

  get conntrack(): u32 {
    return this.nconntrack;
  }

  /** Number of the service port, after service NAT; 0 for none. */
  get service(): u32 {
    return this.nservice;
  }

  /** Number of the backend that service NAT has chosen; before it the one that `setBackend` asks for. */
  get backend(): u32 {
    return this.nbackend;
  }

  /** `return ctx.drop(why)`, where `why` comes from `reason`: the event says so. */
  drop(why: u32 = 0): i32 {
    this.why = why;
    return VERDICT_DROP;
  }

  /** In batch form: the walk of this packet ends with the verdict. */
  end(verdict: i32): void {
    this.ended = <u32>verdict + 1;
  }
}
if (offsetof<Context>() != CTX_SIZE) ERROR("Context drifted from abi/program");
if (offsetof<Context>("ndataEnd") != CTX_DATA_END) ERROR("Context drifted from abi/program");
if (offsetof<Context>("nwireLength") != CTX_WIRE_LENGTH) ERROR("Context drifted from abi/program");
if (offsetof<Context>("nifindex") != CTX_INTERFACE) ERROR("Context drifted from abi/program");
if (offsetof<Context>("flags") != CTX_FLAGS) ERROR("Context drifted from abi/program");
if (offsetof<Context>("nlink") != CTX_LINK) ERROR("Context drifted from abi/program");
if (offsetof<Context>("mark") != CTX_MARK) ERROR("Context drifted from abi/program");
if (offsetof<Context>("nverdict") != CTX_OUTCOME) ERROR("Context drifted from abi/program");
if (offsetof<Context>("nbackend") != CTX_BACKEND) ERROR("Context drifted from abi/program");
if (offsetof<Context>("ended") != CTX_ENDED) ERROR("Context drifted from abi/program");
if (offsetof<Context>("why") != CTX_REASON) ERROR("Context drifted from abi/program");
if (offsetof<Context>("row") != CTX_REDIRECT) ERROR("Context drifted from abi/program");
if (offsetof<Context>("tail") != CTX_TAIL) ERROR("Context drifted from abi/program");
if (offsetof<Context>("out") != CTX_OUT) ERROR("Context drifted from abi/program");
if (offsetof<Context>("nlength") != CTX_LENGTH) ERROR("Context drifted from abi/program");

/** Packets, CONTEXTS_MAX at most, for programs that export `batch(contexts: Contexts, count: u32): void`. */
@unmanaged
export class Contexts {
  /** That of the packet at `index`, below the count. */
  @operator("[]")
  at(index: u32): Context {
    return changetype<Context>(changetype<usize>(this) + index * CTX_SIZE);
  }
}
