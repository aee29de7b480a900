/**
 * TCP as nf_conntrack follows it: flags first, then a table of states. The names of states and
 * flags, and the two tables, are those of net/netfilter/nf_conntrack_proto_tcp.c. Sequence numbers
 * are not followed.
 */
import type { State } from "../dataplane/entries.ts";
import {
  TCP_ACK,
  TCP_CWR,
  TCP_ECE,
  TCP_FIN,
  TCP_PSH,
  TCP_RST,
  TCP_SYN,
  TCP_URG,
} from "../packet/parse.ts";
import type { Direction, Tracked } from "./store.ts";

/**
 * What a known connection does with a packet. `translate` moves it on; `ignore` translates without
 * having followed; `reset` translates and then forgets the connection; `reopen` forgets it and the
 * packet is new.
 */
export type Step = "translate" | "ignore" | "reset" | "reopen" | "invalid";

/** tcp_valid_flags: the combinations that occur in honest traffic, ECE, CWR and PSH aside. */
const VALID_FLAGS = [
  TCP_SYN,
  TCP_SYN | TCP_URG,
  TCP_SYN | TCP_ACK,
  TCP_RST,
  TCP_RST | TCP_ACK,
  TCP_FIN | TCP_ACK,
  TCP_FIN | TCP_ACK | TCP_URG,
  TCP_ACK,
  TCP_ACK | TCP_URG,
];

type Kind = "syn" | "synack" | "fin" | "ack" | "rst" | "none";
type Cell = State | "iv" | "ig";

/**
 * The columns of the tables, in order; the state NONE, which no connection is ever in, is left out.
 */
const COLUMNS: readonly State[] = [
  "SYN_SENT",
  "SYN_RECV",
  "ESTABLISHED",
  "FIN_WAIT",
  "CLOSE_WAIT",
  "LAST_ACK",
  "TIME_WAIT",
  "CLOSE",
  "SYN_SENT2",
];

/** The cells: iv is invalid, ig ignored, the others are the initials of a state. */
const CELLS: Readonly<Record<string, Cell>> = {
  iv: "iv",
  ig: "ig",
  SS: "SYN_SENT",
  SR: "SYN_RECV",
  ES: "ESTABLISHED",
  FW: "FIN_WAIT",
  CW: "CLOSE_WAIT",
  LA: "LAST_ACK",
  TW: "TIME_WAIT",
  CL: "CLOSE",
  S2: "SYN_SENT2",
};

/**
 * tcp_conntracks: the state a connection goes to, by direction, kind of packet and present state.
 */
const TABLE: Readonly<Record<Direction, Record<Kind, string>>> = {
  //         SS SR ES FW CW LA TW CL S2
  orig: {
    syn: "   SS ig ig ig ig ig SS SS S2",
    synack: "iv SR iv iv iv iv iv iv SR",
    fin: "   iv FW FW LA LA LA TW CL iv",
    ack: "   iv ES ES CW CW TW TW CL iv",
    rst: "   CL CL CL CL CL CL CL CL CL",
    none: "  iv iv iv iv iv iv iv iv iv",
  },
  reply: {
    syn: "   S2 iv iv iv iv iv SS iv S2",
    synack: "SR ig ig ig ig ig ig ig SR",
    fin: "   iv FW FW LA LA LA TW CL iv",
    ack: "   ig SR ES CW CW TW TW CL ig",
    rst: "   CL CL CL CL CL CL CL CL CL",
    none: "  iv iv iv iv iv iv iv iv iv",
  },
};

export function hasValidFlags(flags: number): boolean {
  return VALID_FLAGS.includes(flags & ~(TCP_ECE | TCP_CWR | TCP_PSH));
}

/** The state a first packet opens a connection in, or undefined when it opens none (tcp_new). */
export function openingState(flags: number, loose: boolean): State | undefined {
  if (!hasValidFlags(flags)) return undefined;
  const kind = kindOf(flags);
  if (kind === "syn") return "SYN_SENT";
  // nf_conntrack_tcp_loose: a connection that was there before we were is picked up by its ACKs.
  if (kind === "ack" && loose) return "ESTABLISHED";
  return undefined;
}

/** Takes a known connection through one packet (nf_conntrack_tcp_packet). */
export function follow(connection: Tracked, direction: Direction, flags: number): Step {
  const next = hasValidFlags(flags) ? nextState(direction, kindOf(flags), connection.state) : "iv";
  if (next === "iv") return "invalid";
  if (next === "ig") return "ignore";
  if (next === "SYN_SENT" && isOver(connection.state)) return "reopen";
  // Nobody has answered yet, so there is no connection for the RST to end in an orderly way.
  if (kindOf(flags) === "rst" && !connection.seenReply) return "reset";
  if (becomesAssured(connection, next)) connection.assured = true;
  connection.state = next;
  return "translate";
}

/** get_conntrack_index: RST counts before SYN, SYN before FIN, FIN before ACK. */
function kindOf(flags: number): Kind {
  if (flags & TCP_RST) return "rst";
  if (flags & TCP_SYN) return flags & TCP_ACK ? "synack" : "syn";
  if (flags & TCP_FIN) return "fin";
  return flags & TCP_ACK ? "ack" : "none";
}

function nextState(direction: Direction, kind: Kind, state: State): Cell {
  const cells = TABLE[direction][kind].trim().split(" ");
  return CELLS[cells[COLUMNS.indexOf(state)] ?? "iv"] ?? "iv";
}

function isOver(state: State): boolean {
  return state === "TIME_WAIT" || state === "CLOSE";
}

/** Answered, and the handshake was completed before this packet or by it. */
function becomesAssured(connection: Tracked, next: State): boolean {
  const opened = connection.state === "SYN_RECV" || connection.state === "ESTABLISHED";
  return opened && next === "ESTABLISHED" && connection.seenReply;
}
