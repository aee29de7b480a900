/**
 * TCP as nf_conntrack follows it (nf_conntrack_proto_tcp.c): flags first, then the table of states,
 * then the window. A few segments take another way, because a connection here may be over for both
 * its ends, or be another one than it was: SYNs on a tuple that is in use, the answers to them, and
 * RSTs.
 */
import type { Config, State, Timer } from "../dataplane/entries.ts";
import type { Flow } from "../packet/parse.ts";
import { type Direction, opposite } from "./direction.ts";
import { type Kind, readSegment, type Segment } from "./segment.ts";
import { isBefore } from "./sequence.ts";
import type { Step } from "./step.ts";
import type { Tracked } from "./store.ts";
import { hasValidFlags, isClosing, nextState } from "./tcp-states.ts";
import { createTrack, receive, type Track } from "./window.ts";

/** A connection that is followed here, as one of TCP. */
export type TcpConnection = Tracked & { readonly tcp: Track };

/** What a connection begins with. */
export interface Opening {
  readonly state: State;
  readonly timer: Timer;
  readonly tcp: Track;
}

/** What surrounds a segment. */
interface Context {
  readonly config: Config;
  readonly now: number;
}

/** A segment that goes on from one state to another, `unchecked` when no window can tell about it. */
interface Move {
  readonly from: State;
  readonly to: State;
  readonly unchecked: boolean;
}

/** How much longer a connection must have to live for a dispute over its end to shorten that. */
const DISPUTED_MIN = 120_000;

/** What a first packet opens, undefined when it opens nothing (tcp_new). */
export function open(flow: Flow, config: Config): Opening | undefined {
  if (!hasValidFlags(flow.flags)) return undefined;
  const segment = readSegment(flow);
  const state = nextState("orig", segment.kind, "NONE");
  // nf_conntrack_tcp_loose: a connection that was there before we were is picked up by its ACKs.
  const pickedUp = state === "ESTABLISHED";
  if (state !== "SYN_SENT" && !(pickedUp && config.tcpLoose)) return undefined;
  const tcp = createTrack(segment);
  const fit = receive(tcp, "orig", segment, "NONE", config);
  if (fit !== "accept") return undefined;
  remember(tcp, "orig", segment);
  const timer = unansweredTimer(state, timerOf(tcp, segment.kind, state, config), config);
  return { state, timer, tcp };
}

/** Takes a known connection through one packet (nf_conntrack_tcp_packet). */
export function follow(
  connection: TcpConnection,
  direction: Direction,
  flow: Flow,
  context: Context,
): Step {
  if (!hasValidFlags(flow.flags)) return "invalid";
  const segment = readSegment(flow);
  const move = moveOf(connection, direction, segment);
  if (typeof move === "string") return move;
  if (!move.unchecked) {
    const { tcp, state } = connection;
    const fit = receive(tcp, direction, segment, state, context.config);
    if (fit === "invalid") dispute(connection, direction, segment, context);
    if (fit !== "accept") return fit;
  }
  return advance(connection, direction, segment, move, context.config);
}

/** Where the table sends a segment, but for those that it knows too little of. */
function moveOf(connection: TcpConnection, direction: Direction, segment: Segment): Move | Step {
  const { state, tcp } = connection;
  const { kind } = segment;
  const next = nextState(direction, kind, state);
  if (next === "invalid") return next;
  if (next === "ignore") return resynchronise(connection, direction, segment);
  if (next === "SYN_SENT" && state !== "SYN_SENT") {
    return isOver(tcp, direction) ? "reopen" : resynchronise(connection, direction, segment);
  }
  if (next === "TIME_WAIT" && isChallenge(connection, direction, kind)) {
    tcp.last.challenged = false;
    return "ignore";
  }
  if (next === "SYN_SENT2") tcp.last.simultaneous = true;
  if (next === "CLOSE" && kind === "rst") return reset(connection, direction, segment);
  const opened = next === "SYN_RECV" && direction === "reply" && kind === "ack";
  return go(state, opened && tcp.last.simultaneous ? "ESTABLISHED" : next);
}

function go(from: State, to: State, unchecked = false): Move {
  return { from, to, unchecked };
}

/** A SYN may open the tuple anew when the connection was closed by a FIN, or by this sender's RST. */
function isOver({ sides, last }: Track, direction: Direction): boolean {
  const reset = last.kind === "rst" && last.direction === direction;
  return sides.orig.closes || sides.reply.closes || reset;
}

/**
 * An ACK that answers a SYN in LAST_ACK says that the connection is still there (RFC 5961 section
 * 4); it does not acknowledge the FIN.
 */
function isChallenge({ state, tcp }: TcpConnection, direction: Direction, kind: Kind): boolean {
  const { last } = tcp;
  const answersSyn = last.kind === "syn" && last.direction !== direction && last.challenged;
  return state === "LAST_ACK" && kind === "ack" && answersSyn;
}

/**
 * A segment that does not belong to the connection as we know it: a SYN on a tuple in use, or what
 * may answer one. It passes and is noted. When a SYN+ACK then takes up that SYN, its two ends have
 * another connection than we, and ours becomes theirs.
 */
function resynchronise(
  connection: TcpConnection,
  direction: Direction,
  segment: Segment,
): Move | Step {
  const { last } = connection.tcp;
  const answersSyn = last.kind === "syn" && last.direction !== direction;
  if (segment.kind === "synack" && answersSyn && segment.ack === last.end) {
    adopt(connection.tcp, direction);
    return go("SYN_SENT", "SYN_RECV");
  }
  if (!segment.inPieces) note(connection, direction, segment);
  return "ignore";
}

/** Begins the windows anew from the SYN that was noted; the answer to it says the rest. */
function adopt({ sides, last }: Track, direction: Direction): void {
  last.challenged = false;
  const { end, windowScale, sackPermitted } = last;
  const fresh = { maxAck: null, unacknowledged: false, closes: false };
  Object.assign(sides[last.direction], fresh, {
    end,
    maxEnd: end,
    maxWindow: last.window || 1,
    windowScale,
    sackPermitted,
    liberal: false,
  });
  const unseen = { end: 0, maxEnd: 0, maxWindow: 0, windowScale: null, sackPermitted: false };
  Object.assign(sides[direction], fresh, unseen);
}

function note({ state, tcp: { last } }: TcpConnection, direction: Direction, segment: Segment) {
  const { kind, seq, end, window } = segment;
  Object.assign(last, { kind, direction, seq, end, window });
  if (kind === "syn" && direction === "orig") {
    last.windowScale = segment.options?.windowScale ?? null;
    last.sackPermitted = segment.options?.sackPermitted ?? false;
    last.challenged = state === "LAST_ACK";
    last.simultaneous = false;
  }
  // Maybe a challenge, which a RST of this sequence number would take up.
  if (state === "SYN_SENT" && kind === "ack" && direction === "reply") last.ack = segment.ack;
}

/**
 * A RST ends the connection when it has the sequence number that the other side expects next. One
 * that only lies in the window does not, for that can be guessed (RFC 5961 section 3): it passes, as
 * its receiver will challenge it, and the state stays.
 */
function reset(connection: TcpConnection, direction: Direction, segment: Segment): Move | Step {
  const { state, tcp } = connection;
  const { maxAck } = tcp.sides[opposite(direction)];
  // No window is kept of a connection that comes in pieces.
  if (segment.inPieces) return go(state, "CLOSE");
  // The tuple may be another connection's by now, of which we have seen nothing.
  if (isClosing(state)) return go(state, "CLOSE", true);
  // A SYN that was let through makes what is known of the window doubtful.
  if (maxAck === null || tcp.last.kind === "syn") {
    return go(state, "CLOSE", answersNoted(connection, segment));
  }
  const exactness = exactnessOf(connection, direction, segment, maxAck);
  if (exactness === "invalid") return "invalid";
  return go(state, exactness === "exact" ? "CLOSE" : state);
}

function exactnessOf(
  connection: TcpConnection,
  direction: Direction,
  { seq }: Segment,
  expected: number,
): "exact" | "near" | "invalid" {
  const { last } = connection.tcp;
  const established = connection.state === "ESTABLISHED" && connection.assured;
  // Probably an answer to a SYN that was let through.
  if (seq === 0 && !established) return "exact";
  if (isBefore(seq, expected)) return "invalid";
  if (!established || seq === expected) return "exact";
  // Follows at once upon data that has not been acknowledged yet.
  const follows = last.kind === "ack" && last.direction === direction && seq === last.end;
  return follows ? "exact" : "near";
}

/** A RST that answers what passed without having been checked cannot be checked either. */
function answersNoted({ state, seenReply, assured, tcp }: TcpConnection, segment: Segment) {
  const { last } = tcp;
  const answersSyn = seenReply && last.kind === "syn";
  const answersAck = !assured && last.kind === "ack";
  if ((answersSyn || answersAck) && segment.ack === last.end) return true;
  const challenged = last.kind === "ack" && last.direction === "reply";
  return state === "SYN_SENT" && challenged && segment.seq === last.ack;
}

/**
 * A FIN or RST out of the window, after one of the other side: the two agree that the connection
 * ends, only we do not, so it is not kept for days (nf_tcp_handle_invalid).
 */
function dispute(
  connection: TcpConnection,
  direction: Direction,
  segment: Segment,
  { config: { timeouts }, now }: Context,
): void {
  const { kind } = segment;
  if (!connection.assured || (kind !== "fin" && kind !== "rst")) return;
  const { last } = connection.tcp;
  if (last.direction === direction || (last.kind !== "fin" && last.kind !== "rst")) {
    remember(connection.tcp, direction, segment);
    return;
  }
  const remaining = connection.lastSeen + timeouts[connection.timer] - now;
  if (remaining < DISPUTED_MIN || remaining <= timeouts.UNACKNOWLEDGED) return;
  connection.lastSeen = now;
  connection.timer = "UNACKNOWLEDGED";
}

/** A piece of a segment leaves no trace here: of its numbers too little is known. */
function remember({ last }: Track, direction: Direction, { kind, inPieces }: Segment): void {
  if (inPieces) return;
  last.kind = kind;
  last.direction = direction;
}

/** A segment in the window moves the connection on. */
function advance(
  connection: TcpConnection,
  direction: Direction,
  segment: Segment,
  { from, to }: Move,
  config: Config,
): Step {
  const { tcp } = connection;
  const { kind } = segment;
  remember(tcp, direction, segment);
  connection.state = to;
  if (from !== to && to === "FIN_WAIT") tcp.sides[direction].closes = true;
  const timer = timerOf(tcp, kind, to, config);
  if (connection.seenReply) {
    if (to === "ESTABLISHED" && (from === "SYN_RECV" || from === to)) connection.assured = true;
    connection.timer = timer;
    return "translate";
  }
  // Nobody has answered yet, so there is no connection for the RST to end in an orderly way.
  if (kind === "rst") return "reset";
  // Or a client that never gets an answer, and uses its port again, would keep the entry for ever.
  if (kind === "syn" && from === "SYN_SENT") return "ignore";
  connection.timer = unansweredTimer(to, timer, config);
  return "translate";
}

function timerOf(
  { sides, last, retransmissions }: Track,
  kind: Kind,
  state: State,
  config: Config,
) {
  const { timeouts, tcpMaxRetrans, tcpNoWindowCheck } = config;
  const shorter = (timer: Timer) => timeouts[state] > timeouts[timer];
  const unacknowledged = sides.orig.unacknowledged || sides.reply.unacknowledged;
  if (retransmissions >= tcpMaxRetrans && shorter("MAX_RETRANS")) return "MAX_RETRANS";
  if (kind === "rst") return "CLOSE";
  if (unacknowledged && shorter("UNACKNOWLEDGED")) return "UNACKNOWLEDGED";
  // A receiver without room may stay so for long, or have gone.
  const closed = !tcpNoWindowCheck && last.window === 0;
  if (closed && shorter("MAX_RETRANS")) return "MAX_RETRANS";
  return state;
}

/** A connection that was picked up and shows one side only is not given days. */
function unansweredTimer(state: State, timer: Timer, { timeouts }: Config): Timer {
  const tooLong = timeouts[timer] > timeouts.UNACKNOWLEDGED;
  return state === "ESTABLISHED" && tooLong ? "UNACKNOWLEDGED" : timer;
}
