/**
 * Whether a RST may end a connection: RFC 5961 section 3.2 and what the kernel's
 * nf_conntrack_proto_tcp.c makes of it.
 */
import { STATE_ESTABLISHED, STATE_SYN_SENT } from "../../abi/conntrack";
import { MAX_ACK } from "../maps/tracks";
import { Segment } from "./segment";
import { isBefore } from "./sequence";
import { KIND_ACK, KIND_SYN, isClosing } from "./states";
import { ANSWERER, Stream } from "./stream";

/** The window decides. */
const UNDECIDED: u32 = 0;
/** It ends the connection, whatever the window says. */
export const TRUSTED: u32 = 1;
/**
 * Its number is none that the receiver expects, which may answer with a challenge: the connection
 * lives.
 */
export const INEXACT: u32 = 2;
/** It is forged, or very late. */
export const FORGED: u32 = 3;

export function judge(stream: Stream, segment: Segment): u32 {
  // The tuple may be in use again already: what is known of numbers says nothing.
  if (isClosing(stream.state)) return TRUSTED;
  // A SYN that was let through makes what is known of the window old.
  const track = stream.track;
  if (stream.receiverFlags & MAX_ACK && track.lastKind != KIND_SYN) {
    if (segment.seq == 0 && !isEstablished(stream)) return UNDECIDED;
    if (isBefore(segment.seq, stream.receiver.maxAck)) return FORGED;
    if (isEstablished(stream) && !isExpected(stream, segment)) return INEXACT;
    return UNDECIDED;
  }
  return answersLast(stream, segment) ? TRUSTED : UNDECIDED;
}

function isEstablished(stream: Stream): bool {
  return stream.state == STATE_ESTABLISHED && stream.isAssured;
}

/** It stands where the receiver waits, or right behind what its sender has just sent. */
function isExpected(stream: Stream, segment: Segment): bool {
  const track = stream.track;
  if (segment.seq == stream.receiver.maxAck) return true;
  if (track.lastKind != KIND_ACK || track.lastDirection != <u32>stream.direction) return false;
  return segment.seq == track.lastEnd;
}

/** Whether it is the answer to a segment that was let through unjudged. */
function answersLast(stream: Stream, segment: Segment): bool {
  const track = stream.track;
  const kind = track.lastKind;
  const isPossible =
    (stream.isAnswered && kind == KIND_SYN) || (!stream.isAssured && kind == KIND_ACK);
  if (isPossible && segment.ack == track.lastEnd) return true;
  if (stream.state != STATE_SYN_SENT || kind != KIND_ACK) return false;
  return track.lastDirection == ANSWERER && segment.seq == track.lastAck;
}
