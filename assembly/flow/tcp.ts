/**
 * Following a TCP connection: state, window and timer, as nf_conntrack_tcp_packet of the kernel's
 * nf_conntrack_proto_tcp.c has them.
 */
import {
  STATE_CLOSE,
  STATE_ESTABLISHED,
  STATE_FIN_WAIT,
  STATE_LAST_ACK,
  STATE_SYN_RECV,
  STATE_SYN_SENT,
  STATE_SYN_SENT2,
  STATE_TIME_WAIT,
  TIMER_MAX_RETRANS,
  TIMER_UNACKNOWLEDGED,
} from "../../abi/conntrack";
import { CONFIG } from "../maps/config";
import {
  CHALLENGE,
  CLOSE_INIT,
  LIBERAL,
  SIMULTANEOUS,
  UNACKNOWLEDGED,
} from "../maps/tracks";
import { ACCEPTED, REFUSED, REOPENED, RESET, SHORTENED, UNCHANGED, UNRENEWED } from "./judgement";
import * as reset from "./reset";
import { Segment } from "./segment";
import * as states from "./states";
import { KIND_ACK, KIND_FIN, KIND_RST, KIND_SYN, KIND_SYN_ACK } from "./states";
import { ANSWERER, OPENER, Stream } from "./stream";
import * as window from "./window";

/** A connection that seems over is not cut short by less than this. */
const LEFT_MIN: u32 = 120000;

/** What a segment makes of its connection; `stream` then holds state and timer to be. */
export function follow(stream: Stream, segment: Segment): u32 {
  if (!states.isValid(segment.flags)) return REFUSED;
  const old: u32 = stream.state;
  const next = states.transition(stream.direction, segment.kind, old);
  switch (next) {
    case states.INVALID:
      return REFUSED;
    case states.IGNORED:
      return answersIgnored(stream, segment) ? resync(stream, segment) : ignore(stream, segment);
    case STATE_SYN_SENT:
      if (old != STATE_TIME_WAIT && old != STATE_CLOSE) break;
      return isOver(stream) ? REOPENED : ignore(stream, segment);
    case STATE_SYN_SENT2:
      stream.track.lastFlags |= <u8>SIMULTANEOUS;
      break;
    case STATE_SYN_RECV:
      if (isSimultaneous(stream, segment)) return enter(stream, segment, old, STATE_ESTABLISHED);
      break;
    case STATE_TIME_WAIT:
      if (answersChallenge(stream, segment)) return UNCHANGED;
      break;
    case STATE_CLOSE:
      if (segment.kind == <u8>KIND_RST) return close(stream, segment);
      break;
    default:
      break;
  }
  return enter(stream, segment, old, next);
}

/** Both ends had sent a SYN: the acknowledgement of the second SYN+ACK completes the handshake. */
function isSimultaneous(stream: Stream, segment: Segment): bool {
  if (<u32>stream.direction != ANSWERER || segment.kind != <u8>KIND_ACK) return false;
  return (stream.track.lastFlags & SIMULTANEOUS) != 0;
}

/** Closed in order, or reset by who now opens it again. */
function isOver(stream: Stream): bool {
  const track = stream.track;
  if (track.eitherHas(CLOSE_INIT)) return true;
  return track.lastDirection == <u32>stream.direction && track.lastKind == KIND_RST;
}

/** A SYN+ACK to a SYN that was let through unjudged: the ends are in step, the tracking was not. */
function answersIgnored(stream: Stream, segment: Segment): bool {
  const track = stream.track;
  if (segment.kind != <u8>KIND_SYN_ACK || track.lastKind != KIND_SYN) return false;
  return track.lastDirection != <u32>stream.direction && segment.ack == track.lastEnd;
}

/** Starts over from that SYN. */
function resync(stream: Stream, segment: Segment): u32 {
  restart(stream);
  return enter(stream, segment, STATE_SYN_SENT, STATE_SYN_RECV);
}

function restart(stream: Stream): void {
  const track = stream.track;
  const opener = track.lastDirection;
  const own = track.windowOf(opener);
  own.end = track.lastEnd;
  own.maxWindow = max<u32>(track.lastWindow, 1);
  own.allowed = 0;
  track.setScale(opener, track.lastScale);
  track.lastFlags &= <u8>~CHALLENGE;
  track.setFlags(opener, track.lastFlags & window.ANNOUNCED);
  const answerer = stream.sender;
  answerer.end = 0;
  answerer.maxWindow = 0;
  answerer.maxAck = 0;
  answerer.allowed = track.lastEnd;
  track.setScale(stream.direction, 0);
  track.setFlags(stream.direction, stream.senderFlags & LIBERAL);
}

/** Lets a segment through that changes nothing, and notes it for what may come back. */
function ignore(stream: Stream, segment: Segment): u32 {
  if (!segment.isFragment) note(stream, segment);
  return UNCHANGED;
}

function note(stream: Stream, segment: Segment): void {
  const track = stream.track;
  track.setLast(segment.kind, stream.direction);
  track.lastSeq = segment.seq;
  track.lastEnd = segment.end;
  track.lastWindow = segment.window;
  if (<u32>stream.direction == OPENER) {
    if (segment.kind == <u8>KIND_SYN) noteSyn(stream, segment);
  } else if (stream.state == STATE_SYN_SENT && segment.kind == <u8>KIND_ACK) {
    track.lastAck = segment.ack;
  }
}

/**
 * The other end may think that it is still connected, and challenge the SYN: RFC 5961 section 4.
 */
function noteSyn(stream: Stream, segment: Segment): void {
  const track = stream.track;
  const said = window.announced(segment.options, segment.optionsEnd);
  track.lastScale = <u8>(said >>> window.SCALE_SHIFT);
  const challenge = stream.state == STATE_LAST_ACK ? CHALLENGE : 0;
  track.lastFlags = <u8>((said & window.ANNOUNCED) | challenge);
}

/** The challenge is no answer to the FIN that was sent last. */
function answersChallenge(stream: Stream, segment: Segment): bool {
  const track = stream.track;
  if (stream.state != STATE_LAST_ACK || segment.kind != <u8>KIND_ACK) return false;
  if (track.lastKind != KIND_SYN || track.lastDirection == <u32>stream.direction) return false;
  if (!(track.lastFlags & CHALLENGE)) return false;
  track.lastFlags &= <u8>~CHALLENGE;
  return true;
}

function close(stream: Stream, segment: Segment): u32 {
  const old: u32 = stream.state;
  if (segment.isFragment) return enter(stream, segment, old, STATE_CLOSE);
  switch (reset.judge(stream, segment)) {
    case reset.FORGED:
      return REFUSED;
    case reset.TRUSTED:
      return settle(stream, segment, old, STATE_CLOSE);
    case reset.INEXACT:
      return enter(stream, segment, old, old);
    default:
      return enter(stream, segment, old, STATE_CLOSE);
  }
}

/** On to the next state if the segment lies in the window. */
function enter(stream: Stream, segment: Segment, old: u32, next: u32): u32 {
  if (window.isOff()) return settle(stream, segment, old, next);
  if (segment.isFragment) {
    stream.track.addFlags(OPENER, LIBERAL);
    stream.track.addFlags(ANSWERER, LIBERAL);
    return settle(stream, segment, old, next);
  }
  const judgement = window.enter(stream, segment);
  if (judgement == window.INSIDE) return settle(stream, segment, old, next);
  return judgement == window.HARMLESS ? UNCHANGED : refuse(stream, segment);
}

/** Both ends out of step have tried to close: the connection need not live on for days. */
function refuse(stream: Stream, segment: Segment): u32 {
  const track = stream.track;
  if (!stream.isAssured || !closes(segment.kind)) return REFUSED;
  if (track.lastDirection == <u32>stream.direction || !closes(track.lastKind)) {
    track.setLast(segment.kind, stream.direction);
    return REFUSED;
  }
  if (stream.left < LEFT_MIN || stream.left <= CONFIG.timeout(TIMER_UNACKNOWLEDGED)) return REFUSED;
  stream.timer = <u8>TIMER_UNACKNOWLEDGED;
  return SHORTENED;
}

function closes(kind: u32): bool {
  return kind == KIND_FIN || kind == KIND_RST;
}

/** The segment belongs to the connection. */
function settle(stream: Stream, segment: Segment, old: u32, next: u32): u32 {
  if (!segment.isFragment) stream.track.setLast(segment.kind, stream.direction);
  if (next == STATE_FIN_WAIT && old != next) stream.mark(CLOSE_INIT);
  stream.state = <u8>next;
  let timer = timerOf(stream, segment, next);
  if (stream.isAnswered) {
    const isOpen = old == STATE_SYN_RECV || old == STATE_ESTABLISHED;
    if (isOpen && next == STATE_ESTABLISHED) stream.isAssured = true;
  } else {
    if (segment.kind == <u8>KIND_RST) {
      stream.timer = <u8>STATE_CLOSE;
      return RESET;
    }
    // A SYN sent again does not keep a connection that nobody answers.
    if (segment.kind == <u8>KIND_SYN && old == STATE_SYN_SENT) return UNRENEWED;
    // Half a connection picked up in mid-stream does not stay for days.
    if (next == STATE_ESTABLISHED && exceeds(timer, TIMER_UNACKNOWLEDGED))
      timer = TIMER_UNACKNOWLEDGED;
  }
  stream.timer = <u8>timer;
  return ACCEPTED;
}

/** The timeout that holds from here on. */
function timerOf(stream: Stream, segment: Segment, next: u32): u32 {
  const track = stream.track;
  if (<u32>track.retrans >= CONFIG.tcpMaxRetrans && exceeds(next, TIMER_MAX_RETRANS))
    return TIMER_MAX_RETRANS;
  if (segment.kind == <u8>KIND_RST) return STATE_CLOSE;
  if (track.eitherHas(UNACKNOWLEDGED) && exceeds(next, TIMER_UNACKNOWLEDGED))
    return TIMER_UNACKNOWLEDGED;
  const isClosed = track.lastWindow == 0 && !window.isOff();
  return isClosed && exceeds(next, TIMER_MAX_RETRANS) ? TIMER_MAX_RETRANS : next;
}

export function exceeds(timer: u32, other: u32): bool {
  return CONFIG.timeout(timer) > CONFIG.timeout(other);
}
