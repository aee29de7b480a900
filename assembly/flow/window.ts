/**
 * Whether a TCP segment lies in the window that both ends have agreed on: tcp_in_window of the
 * kernel's nf_conntrack_proto_tcp.c, after Guido van Rooij, "Real Stateful TCP Packet Filtering in
 * IP Filter".
 */
import { STATE_SYN_RECV, STATE_SYN_SENT } from "../../abi/conntrack";
import { CONFIG_FLAG_TCP_BE_LIBERAL, CONFIG_FLAG_TCP_NO_WINDOW_CHECK } from "../../abi/layout";
import { CONFIG } from "../maps/config";
import {
  LIBERAL,
  MAX_ACK,
  SACK_PERMITTED,
  UNACKNOWLEDGED,
  WINDOW_SCALE,
  Window,
} from "../maps/tracks";
import * as options from "../wire/options";
import { FLAG_ACK, FLAG_RST, FLAG_SYN } from "../wire/tcp";
import { Segment } from "./segment";
import { isAfter, isBefore } from "./sequence";
import { KIND_ACK } from "./states";
import { ANSWERER, Stream } from "./stream";

/** In the window. */
export const INSIDE: u32 = 0;
/** Not in it, and harmless: let through, but it changes nothing. */
export const HARMLESS: u32 = 1;
/** Not in it. */
export const OUTSIDE: u32 = 2;

/** An acknowledgement may be that old however small the window is (MAXACKWINCONST). */
export const ACK_WINDOW_MIN: u32 = 66000;

/** What the segment says of the stream, after corrections for what is not known yet. */
let seq: u32 = 0;
let end: u32 = 0;
let ack: u32 = 0;
/** The highest acknowledgement, selective ones included. */
let sack: u32 = 0;

/** Begins a direction with the segment that opens the connection. */
export function open(stream: Stream, segment: Segment): void {
  const sender = stream.sender;
  const receiver = stream.receiver;
  sender.end = segment.end;
  sender.maxWindow = max<u32>(segment.window, 1);
  if (segment.has(FLAG_SYN)) {
    receiver.allowed = segment.end;
    readOptions(stream, segment);
    return;
  }
  // Picked up in mid-stream: how windows are scaled is not known any more.
  receiver.allowed = segment.end + sender.maxWindow;
  stream.track.setFlags(stream.direction, SACK_PERMITTED | LIBERAL);
  stream.track.setFlags(stream.other, SACK_PERMITTED | LIBERAL);
}

/** Scale and selective acknowledgements, as the sender of a SYN announces them. */
function readOptions(stream: Stream, segment: Segment): void {
  if (!segment.hasOptions) return;
  const said = announced(segment.options, segment.optionsEnd);
  stream.track.setScale(stream.direction, said >>> SCALE_SHIFT);
  const liberal = stream.senderFlags & LIBERAL;
  stream.track.setFlags(stream.direction, liberal | (said & ANNOUNCED));
}

/** Flags that a SYN announces. */
export const ANNOUNCED: u32 = WINDOW_SCALE | SACK_PERMITTED;

/** Above them: bits by which the windows are shifted. */
export const SCALE_SHIFT: u32 = 8;

/** What the options of a SYN announce: flags, and the scale at SCALE_SHIFT. */
export function announced(at: usize, end: usize): u32 {
  const said = options.announced(at, end);
  const scale = said & 0xff;
  const sacks = said & options.SACKS ? SACK_PERMITTED : 0;
  return scale == options.UNSCALED ? sacks : sacks | WINDOW_SCALE | (scale << SCALE_SHIFT);
}

/** Whether windows are neither judged nor kept up, nf_conntrack_tcp_no_window_check. */
// @ts-ignore: decorator
@inline
export function isOff(): bool {
  return (CONFIG.flags & CONFIG_FLAG_TCP_NO_WINDOW_CHECK) != 0;
}

/** Judges a segment, and keeps what it says when it lies in the window. */
export function enter(stream: Stream, segment: Segment): u32 {
  read(stream, segment);
  if (stream.sender.maxWindow == 0) {
    if (learn(stream, segment)) return INSIDE;
  } else if (isBetterSyn(stream, segment)) {
    beginSender(stream, segment);
    if (<u32>stream.direction == ANSWERER && !segment.has(FLAG_ACK)) return INSIDE;
  }
  correct(stream, segment);
  const judgement = judge(stream);
  if (judgement == INSIDE) keep(stream, segment);
  else if (isLiberal(stream)) return INSIDE;
  return judgement;
}

function isLiberal(stream: Stream): bool {
  if (stream.senderFlags & LIBERAL) return true;
  return (CONFIG.flags & CONFIG_FLAG_TCP_BE_LIBERAL) != 0;
}

function read(stream: Stream, segment: Segment): void {
  seq = segment.seq;
  end = segment.end;
  ack = segment.ack;
  sack = ack;
  if (!segment.hasOptions || !(stream.receiverFlags & SACK_PERMITTED)) return;
  sack = options.acknowledged(segment.options, segment.optionsEnd, ack);
}

/** First sight of a sender; true when there is nothing to judge (simultaneous open). */
function learn(stream: Stream, segment: Segment): bool {
  const sender = stream.sender;
  const receiver = stream.receiver;
  if (segment.has(FLAG_SYN)) {
    beginSender(stream, segment);
    return !segment.has(FLAG_ACK);
  }
  sender.end = end;
  sender.maxWindow = max<u32>((<u32>segment.window) << stream.track.scaleOf(stream.direction), 1);
  receiver.allowed = end + sender.maxWindow;
  if (receiver.maxWindow == 0) {
    receiver.end = sack;
    sender.allowed = sack;
  } else if (sack == receiver.end + 1) {
    // A reply to a keepalive, which repeats the octet before the one expected.
    receiver.end++;
  }
  return false;
}

/** A SYN sent again from further on, before the connection is established: RFC 793, SYN+ACK too. */
function isBetterSyn(stream: Stream, segment: Segment): bool {
  if (!segment.has(FLAG_SYN) || !isAfter(end, stream.sender.end)) return false;
  return stream.state == STATE_SYN_SENT || stream.state == STATE_SYN_RECV;
}

/** Windows are scaled only when both ends have said so: RFC 7323 section 2.2. */
function beginSender(stream: Stream, segment: Segment): void {
  const track = stream.track;
  const sender = stream.sender;
  sender.end = end;
  stream.receiver.allowed = end;
  sender.maxWindow = max<u32>(segment.window, 1);
  readOptions(stream, segment);
  if (<u32>stream.direction != ANSWERER) return;
  if (stream.senderFlags & stream.receiverFlags & WINDOW_SCALE) return;
  track.setScale(stream.direction, 0);
  track.setScale(stream.other, 0);
}

/** Stacks that acknowledge nothing with a reset, or put no sequence number in it. */
function correct(stream: Stream, segment: Segment): void {
  const isReset = segment.has(FLAG_RST);
  if (!segment.has(FLAG_ACK) || (isReset && ack == 0)) {
    ack = stream.receiver.end;
    sack = ack;
  }
  if (isReset && seq == 0 && stream.state == STATE_SYN_SENT) {
    seq = stream.sender.end;
    end = seq;
  }
}

/** The four bounds: data no further than allowed, nor too old; the same for acknowledgements. */
function judge(stream: Stream): u32 {
  const sender = stream.sender;
  const receiver = stream.receiver;
  const isNew = receiver.maxWindow == 0;
  const isFresh = isAfter(end, sender.end - receiver.maxWindow - 1);
  const isAckSent = isBefore(sack, receiver.end + 1);
  const isAckFresh = isAfter(sack, receiver.end - ackWindow(sender) - 1);
  if (!isBefore(seq, receiver.allowed + 1)) {
    const isTolerable = !isNew && isFresh && isAckFresh && isAckSent;
    return isTolerable ? judgeOvershot(stream) : OUTSIDE;
  }
  if (!isAckSent) return OUTSIDE;
  return (isNew || isFresh) && isAckFresh ? INSIDE : HARMLESS;
}

function ackWindow(sender: Window): u32 {
  return max<u32>(sender.maxWindow, ACK_WINDOW_MIN);
}

/** More data than the receiver has allowed, but no more than another window of it. */
function judgeOvershot(stream: Stream): u32 {
  const sender = stream.sender;
  if (end - stream.receiver.allowed + 1 > stream.receiver.maxWindow) return OUTSIDE;
  sender.end = end;
  stream.mark(UNACKNOWLEDGED);
  return HARMLESS;
}

/** Keeps what a segment in the window says. */
function keep(stream: Stream, segment: Segment): void {
  let window: u32 = segment.window;
  if (!segment.has(FLAG_SYN)) window <<= stream.track.scaleOf(stream.direction);
  keepSender(stream, segment, window);
  keepReceiver(stream, window);
  if (segment.kind == KIND_ACK) countRetransmission(stream, segment);
}

function keepSender(stream: Stream, segment: Segment, window: u32): void {
  const sender = stream.sender;
  sender.maxWindow = max<u32>(sender.maxWindow, window + (sack - ack));
  if (isAfter(end, sender.end)) {
    sender.end = end;
    stream.mark(UNACKNOWLEDGED);
  }
  if (!segment.has(FLAG_ACK)) return;
  if (!(stream.senderFlags & MAX_ACK)) {
    sender.maxAck = ack;
    stream.mark(MAX_ACK);
  } else if (isAfter(ack, sender.maxAck)) {
    sender.maxAck = ack;
  }
}

function keepReceiver(stream: Stream, window: u32): void {
  const sender = stream.sender;
  const receiver = stream.receiver;
  if (receiver.maxWindow != 0 && isAfter(end, receiver.allowed)) {
    receiver.maxWindow += end - receiver.allowed;
  }
  if (isAfter(sack + window, sender.allowed - 1)) {
    sender.allowed = sack + window;
    if (window == 0) sender.allowed++;
  }
  if (ack == receiver.end) stream.track.removeFlags(stream.other, UNACKNOWLEDGED);
}

/** The same acknowledgement again is a retransmission. */
function countRetransmission(stream: Stream, segment: Segment): void {
  const track = stream.track;
  const isSame =
    track.lastDirection == stream.direction &&
    track.lastSeq == seq &&
    track.lastAck == ack &&
    track.lastEnd == end &&
    track.lastWindow == segment.window;
  if (isSame) {
    track.countRetransmission();
    return;
  }
  track.setLast(track.lastKind, stream.direction);
  track.lastSeq = seq;
  track.lastAck = ack;
  track.lastEnd = end;
  track.lastWindow = segment.window;
  track.retrans = 0;
}
