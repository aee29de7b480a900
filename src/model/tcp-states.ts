/**
 * The states of a TCP connection, and what each kind of segment makes of them. Their names and the
 * two tables are those of net/netfilter/nf_conntrack_proto_tcp.c.
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
import type { Direction } from "./direction.ts";
import type { Kind } from "./segment.ts";

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

/** The columns of the tables, in order. No connection that is kept is in the state NONE. */
const COLUMNS: readonly (State | "NONE")[] = [
  "NONE",
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

/** A state, or what is no step to another one. */
export type Cell = State | "invalid" | "ignore";

const CELLS: Readonly<Record<string, Cell>> = {
  iv: "invalid",
  ig: "ignore",
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
  //         NO SS SR ES FW CW LA TW CL S2
  orig: {
    syn: "   SS SS ig ig ig ig ig SS SS S2",
    synack: "iv iv SR iv iv iv iv iv iv SR",
    fin: "   iv iv FW FW LA LA LA TW CL iv",
    ack: "   ES iv ES ES CW CW TW TW CL iv",
    rst: "   iv CL CL CL CL CL CL CL CL CL",
    none: "  iv iv iv iv iv iv iv iv iv iv",
  },
  reply: {
    syn: "   iv S2 iv iv iv iv iv SS iv S2",
    synack: "iv SR ig ig ig ig ig ig ig SR",
    fin: "   iv iv FW FW LA LA LA TW CL iv",
    ack: "   iv ig SR ES CW CW TW TW CL ig",
    rst: "   iv CL CL CL CL CL CL CL CL CL",
    none: "  iv iv iv iv iv iv iv iv iv iv",
  },
};

export function hasValidFlags(flags: number): boolean {
  return VALID_FLAGS.includes(flags & ~(TCP_ECE | TCP_CWR | TCP_PSH));
}

export function nextState(direction: Direction, kind: Kind, state: State | "NONE"): Cell {
  const cells = TABLE[direction][kind].trim().split(" ");
  return CELLS[cells[COLUMNS.indexOf(state)] ?? "iv"] ?? "invalid";
}

/** tcp_can_early_drop: whoever still holds such a connection has no use for it. */
export function isClosing(state: State): boolean {
  return ["FIN_WAIT", "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT", "CLOSE"].includes(state);
}
