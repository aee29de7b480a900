/**
 * Whether a TCP segment is in the window: the method of Guido van Rooij, "Real Stateful TCP Packet
 * Filtering in IP Filter" (2001), as nf_conntrack_proto_tcp.c has it (tcp_in_window).
 *
 * Who stands between two hosts sees what each of them sends, and what each of them lets the other
 * send: with acknowledgement A and window W a host has room for everything before A + W. So four
 * things are kept of each side, all of them sequence numbers of what *it* sends but for the third:
 *
 *     already acknowledged      sent, on its way       allowed, not sent       too much
 *   --------------------------|----------------------|-----------------------|------------> seq
 *                             ^                      ^                       ^
 *              the other side's maxAck              end                    maxEnd
 *
 * and `maxWindow`, the largest window it has ever offered the other. A segment is in order when
 *
 *   I    it begins before maxEnd: the receiver has room for it;
 *   II   it ends behind the sender's end less the receiver's largest window: not too old;
 *   III  it acknowledges no more than the receiver has sent;
 *   IV   it acknowledges not much less: one window of its sender, or 66000, whichever is more.
 *
 * Whoever breaks I or III knows nothing of the connection: invalid. II and IV are broken by what was
 * held up on its way, which is let through but teaches nothing: ignored.
 */
import type { Config, State } from "../dataplane/entries.ts";
import { type Direction, opposite } from "./direction.ts";
import type { Kind, Options, Segment } from "./segment.ts";
import { distance, isAfter, isBefore, plus } from "./sequence.ts";

/** What one side has shown of itself: struct ip_ct_tcp_state. */
export interface Side {
  /** Behind the highest sequence number it has sent. */
  end: number;
  /** Behind the highest that the other side has room for. */
  maxEnd: number;
  /** Largest window it has offered, in bytes; 0 as long as nothing was seen of it. */
  maxWindow: number;
  /** Highest acknowledgement it has sent; null before the first. */
  maxAck: number | null;
  /** Its windows are shifted left by so many bits, RFC 7323; null when it did not offer to. */
  windowScale: number | null;
  sackPermitted: boolean;
  /** Was picked up in its middle, with its window scale unknown: what breaks a rule passes. */
  liberal: boolean;
  /** Has sent what the other side has not acknowledged. */
  unacknowledged: boolean;
  /** Was the first to send a FIN. */
  closes: boolean;
}

/** The last segment, and the SYN that was let through without belonging to the connection. */
export interface Last {
  kind: Kind;
  direction: Direction;
  seq: number;
  end: number;
  ack: number;
  /** Unscaled. */
  window: number;
  windowScale: number | null;
  sackPermitted: boolean;
  /** The SYN came in LAST_ACK: a challenge ACK may answer it (RFC 5961 section 4). */
  challenged: boolean;
  /** Both sides have sent a SYN without having seen the other's (RFC 9293 section 3.5). */
  simultaneous: boolean;
}

/** What is known of a TCP connection besides its state: struct ip_ct_tcp. */
export interface Track {
  readonly sides: Record<Direction, Side>;
  readonly last: Last;
  /** How often the last segment came again. */
  retransmissions: number;
}

/** `ignore` passes and leaves the connection as it was. */
export type Fit = "accept" | "ignore" | "invalid";

/** MAXACKWINCONST. */
const ACK_WINDOW_MIN = 66000;
/** A byte in Linux. */
const RETRANSMISSIONS_MAX = 255;

function createSide(change: Partial<Side> = {}): Side {
  return {
    end: 0,
    maxEnd: 0,
    maxWindow: 0,
    maxAck: null,
    windowScale: null,
    sackPermitted: false,
    liberal: false,
    unacknowledged: false,
    closes: false,
    ...change,
  };
}

/** A connection that `segment` opens; one without SYN has been there before (tcp_new). */
export function createTrack(segment: Segment): Track {
  return {
    sides: segment.syn ? openedBy(segment) : pickedUpAt(segment),
    last: {
      kind: "none",
      direction: "orig",
      seq: 0,
      end: 0,
      ack: 0,
      window: 0,
      windowScale: null,
      sackPermitted: false,
      challenged: false,
      simultaneous: false,
    },
    retransmissions: 0,
  };
}

function openedBy({ end, window, options }: Segment): Track["sides"] {
  const orig = createSide({ end, maxEnd: end, maxWindow: window || 1 });
  offer(orig, options);
  return { orig, reply: createSide() };
}

function pickedUpAt({ end, window }: Segment): Track["sides"] {
  const maxWindow = window || 1;
  const lenient = { sackPermitted: true, liberal: true };
  return {
    orig: createSide({ end, maxEnd: plus(end, maxWindow), maxWindow, ...lenient }),
    reply: createSide(lenient),
  };
}

/**
 * Takes a segment that `direction` sends. `state` is the connection's before this segment. Without
 * window check all is in order and nothing is learnt.
 */
export function receive(
  track: Track,
  direction: Direction,
  segment: Segment,
  state: State | "NONE",
  config: Config,
): Fit {
  if (config.tcpNoWindowCheck) return "accept";
  const sender = track.sides[direction];
  const receiver = track.sides[opposite(direction)];
  if (segment.inPieces) return pass(sender, receiver);
  const offered = receiver.sackPermitted ? segment.sack : segment.ack;
  if (beginAnew(sender, receiver, direction, segment, state, offered)) return "accept";

  const range = rangeOf(sender, receiver, segment, state, offered);
  const fit = judge(sender, receiver, range);
  if (fit === "overshoot") {
    sender.end = range.end;
    sender.unacknowledged = true;
  }
  if (fit === "accept") learn(track, direction, segment, range);
  else if (!sender.liberal && !config.tcpBeLiberal) return fit === "overshoot" ? "ignore" : fit;
  return "accept";
}

/** Lengths of what comes in pieces are unknown, so no window can be kept up from here on. */
function pass(sender: Side, receiver: Side): Fit {
  sender.liberal = true;
  receiver.liberal = true;
  return "accept";
}

/**
 * The first that is seen of a side, or a SYN that starts it once more. True for the SYN of a
 * simultaneous open, which acknowledges nothing and so says nothing of the other side.
 */
function beginAnew(
  sender: Side,
  receiver: Side,
  direction: Direction,
  segment: Segment,
  state: State | "NONE",
  offered: number,
): boolean {
  const unseen = sender.maxWindow === 0;
  const opening = state === "SYN_SENT" || state === "SYN_RECV";
  if (segment.syn && (unseen || (opening && isAfter(segment.end, sender.end)))) {
    begin(sender, receiver, direction, segment);
    return !segment.acknowledges && (unseen || direction === "reply");
  }
  if (unseen) pickUp(sender, receiver, segment, offered);
  return false;
}

/** tcp_init_sender. Windows are scaled only when both sides offer it, RFC 7323 section 2.2. */
function begin(sender: Side, receiver: Side, direction: Direction, segment: Segment): void {
  sender.end = segment.end;
  sender.maxEnd = segment.end;
  sender.maxWindow = segment.window || 1;
  offer(sender, segment.options);
  if (direction === "orig") return;
  if (sender.windowScale !== null && receiver.windowScale !== null) return;
  if (sender.windowScale !== null) sender.windowScale = 0;
  if (receiver.windowScale !== null) receiver.windowScale = 0;
}

/** What a SYN offers stands until the next SYN that has options: all else is forgotten with it. */
function offer(side: Side, options: Options | null): void {
  if (options === null) return;
  Object.assign(side, options, { maxAck: null, unacknowledged: false, closes: false });
}

/** The middle of a connection: its segment tells what can be told of its sender. */
function pickUp(sender: Side, receiver: Side, segment: Segment, offered: number): void {
  sender.end = segment.end;
  sender.maxWindow = scaled(segment.window, sender) || 1;
  sender.maxEnd = plus(segment.end, sender.maxWindow);
  if (receiver.maxWindow === 0) {
    receiver.end = offered;
    receiver.maxEnd = offered;
  } else if (offered === plus(receiver.end, 1)) {
    // Answers a keepalive, whose one byte was never counted.
    receiver.end = offered;
  }
}

function scaled(window: number, sender: Side): number {
  return (window << (sender.windowScale ?? 0)) >>> 0;
}

/** The numbers of a segment that are judged; mostly those it has. */
interface Range {
  readonly seq: number;
  readonly end: number;
  readonly ack: number;
  readonly sack: number;
}

/**
 * A segment that acknowledges nothing is taken to acknowledge all; so is a RST whose ACK is zero, as
 * broken hosts send it. A RST that answers a SYN has no sequence number of its own.
 */
function rangeOf(
  sender: Side,
  receiver: Side,
  segment: Segment,
  state: State | "NONE",
  offered: number,
): Range {
  const { seq, end, ack } = segment;
  const own = segment.acknowledges && !(segment.rst && ack === 0);
  const answersSyn = segment.rst && seq === 0 && state === "SYN_SENT";
  return {
    seq: answersSyn ? sender.end : seq,
    end: answersSyn ? sender.end : end,
    ack: own ? ack : receiver.end,
    sack: own ? offered : receiver.end,
  };
}

/** The four rules, in the order of the kernel: I, III, II, IV. */
function judge(sender: Side, receiver: Side, range: Range): Fit | "overshoot" {
  const { seq, sack } = range;
  const knownAck = isBefore(sack, plus(receiver.end, 1));
  if (!isBefore(seq, plus(sender.maxEnd, 1))) {
    return knownAck && overshoots(sender, receiver, range) ? "overshoot" : "invalid";
  }
  if (!knownAck) return "invalid";
  const recent = receiver.maxWindow === 0 || isRecent(sender, receiver, range);
  return recent && isRecentAck(sender, receiver, range) ? "accept" : "ignore";
}

/** More than the receiver has room for now, but less than it once had: it will be acknowledged. */
function overshoots(sender: Side, receiver: Side, range: Range): boolean {
  const overshot = plus(distance(sender.maxEnd, range.end), 1);
  return (
    receiver.maxWindow !== 0 &&
    overshot <= receiver.maxWindow &&
    isRecent(sender, receiver, range) &&
    isRecentAck(sender, receiver, range)
  );
}

function isRecent(sender: Side, receiver: Side, { end }: Range): boolean {
  return isAfter(end, plus(sender.end, -receiver.maxWindow - 1));
}

function isRecentAck(sender: Side, receiver: Side, { sack }: Range): boolean {
  const window = Math.max(sender.maxWindow, ACK_WINDOW_MIN);
  return isAfter(sack, plus(receiver.end, -window - 1));
}

function learn(track: Track, direction: Direction, segment: Segment, range: Range): void {
  const sender = track.sides[direction];
  const receiver = track.sides[opposite(direction)];
  // RFC 7323 section 2.2: the window of a SYN is never scaled.
  const window = segment.syn ? segment.window : scaled(segment.window, sender);
  learnOfSender(sender, segment, range, window);
  learnOfReceiver(sender, receiver, range, window);
  if (segment.kind === "ack") countRetransmission(track, direction, segment, range);
}

function learnOfSender(sender: Side, segment: Segment, range: Range, window: number): void {
  const { end, ack, sack } = range;
  sender.maxWindow = Math.max(sender.maxWindow, plus(window, distance(ack, sack)));
  if (isAfter(end, sender.end)) {
    sender.end = end;
    sender.unacknowledged = true;
  }
  if (!segment.acknowledges) return;
  if (sender.maxAck === null || isAfter(ack, sender.maxAck)) sender.maxAck = ack;
}

function learnOfReceiver(sender: Side, receiver: Side, range: Range, window: number): void {
  const { end, ack, sack } = range;
  if (receiver.maxWindow !== 0 && isAfter(end, sender.maxEnd)) {
    receiver.maxWindow = plus(receiver.maxWindow, distance(sender.maxEnd, end));
  }
  const room = plus(sack, window);
  // A window of zero still lets one byte through, which asks whether it has opened.
  if (isAfter(room, plus(receiver.maxEnd, -1))) receiver.maxEnd = plus(room, window === 0 ? 1 : 0);
  if (ack === receiver.end) receiver.unacknowledged = false;
}

function countRetransmission(
  track: Track,
  direction: Direction,
  { window }: Segment,
  { seq, end, ack }: Range,
): void {
  const { last } = track;
  const now = { direction, seq, end, ack, window };
  const names = Object.keys(now) as (keyof typeof now)[];
  const again = names.every((name) => last[name] === now[name]);
  Object.assign(last, now);
  track.retransmissions = again ? Math.min(track.retransmissions + 1, RETRANSMISSIONS_MAX) : 0;
}
