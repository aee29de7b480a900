/**
 * Making room in a full table: connections nobody has answered go first, those longest unseen before
 * others, then those that are closing; an assured one that is open never goes. early_drop of the
 * kernel's nf_conntrack_core.c, but by age over the whole table, and many at a time, so that under a
 * flood of openings a pass over the table serves many of them.
 */
import {
  FLAG_ASSURED,
  FLAG_SEEN_REPLY,
  STATE_CLOSE,
  STATE_FIN_WAIT,
  STATE_SCTP_SHUTDOWN_ACK_SENT,
  STATE_SCTP_SHUTDOWN_SENT,
} from "../../abi/conntrack";
import { Entry, tableOf } from "../maps/connections";
import * as conntrack from "./conntrack";

/** Share of the table that goes at a time. */
const SHARE: u32 = 64;
/** Times are told apart by so many bits in each pass, from the highest on. */
const DIGIT_BITS: u32 = 11;
const DIGITS: u32 = 1 << DIGIT_BITS;
const PASSES: u32 = 3;
if (PASSES * DIGIT_BITS < 32) ERROR("the passes must cover a time");

/** How many candidates have each digit. */
const COUNTS = memory.data(8192, 64);
if (DIGITS * 4 != 8192) ERROR("a count for every digit");

/** Which connections may go. */
const UNANSWERED: u32 = 0;
const CLOSING: u32 = 1;

/** Whether there is room for a connection now. */
export function makeRoom<K, E extends Entry>(): bool {
  conntrack.sweepTable<K, E>();
  if (!conntrack.isFull<E>()) return true;
  const wanted = max<u32>(tableOf<E>().capacity / 2 / SHARE, 1);
  evict<K, E>(UNANSWERED, wanted);
  if (conntrack.isFull<E>()) evict<K, E>(CLOSING, wanted);
  return !conntrack.isFull<E>();
}

/** Evicts the `wanted` candidates unseen for longest, and those unseen for as long as the last. */
function evict<K, E extends Entry>(which: u32, wanted: u32): void {
  const latest = timeOf<E>(which, wanted);
  for (let slot = conntrack.nextOpened<E>(-1); slot != -1; slot = conntrack.nextOpened<E>(slot)) {
    const entry = conntrack.at<E>(slot);
    if (isCandidate<E>(entry, which) && timeSeen<E>(entry) <= latest) conntrack.evict<K, E>(entry);
  }
}

/**
 * The time before or at which `wanted` candidates were last seen, or all when there are fewer; digit
 * by digit, each pass within the times that begin with those found.
 */
function timeOf<E extends Entry>(which: u32, wanted: u32): u32 {
  let prefix: u32 = 0;
  let shift = PASSES * DIGIT_BITS;
  while (shift != 0) {
    shift -= DIGIT_BITS;
    const found = count<E>(which, prefix, shift);
    if (found < wanted) wanted = found;
    let digit: u32 = 0;
    for (; countAt(digit) < wanted; digit++) wanted -= countAt(digit);
    prefix = (prefix << DIGIT_BITS) | digit;
  }
  return prefix;
}

// @ts-ignore: decorator
@inline
function countAt(digit: u32): u32 {
  return load<u32>(COUNTS + digit * 4);
}

/** Counts the digits at `shift` of the times that begin with `prefix`; returns how many there are. */
function count<E extends Entry>(which: u32, prefix: u32, shift: u32): u32 {
  memory.fill(COUNTS, 0, DIGITS * 4);
  let found: u32 = 0;
  for (let slot = conntrack.nextOpened<E>(-1); slot != -1; slot = conntrack.nextOpened<E>(slot)) {
    const entry = conntrack.at<E>(slot);
    if (!isCandidate<E>(entry, which)) continue;
    const time: u64 = timeSeen<E>(entry);
    if (time >>> (shift + DIGIT_BITS) != prefix) continue;
    const at = COUNTS + ((<u32>(time >>> shift)) & (DIGITS - 1)) * 4;
    store<u32>(at, load<u32>(at) + 1);
    found++;
  }
  return found;
}

function isCandidate<E extends Entry>(entry: E, which: u32): bool {
  if (which == UNANSWERED) return !(entry.flags & FLAG_ASSURED);
  const state: u32 = entry.state;
  const isTcp = state >= <u32>STATE_FIN_WAIT && state <= <u32>STATE_CLOSE;
  return isTcp || (state >= <u32>STATE_SCTP_SHUTDOWN_SENT && state <= <u32>STATE_SCTP_SHUTDOWN_ACK_SENT);
}

/** Of a connection without an answer, what opened it was seen last: the other entry can rest. */
function timeSeen<E extends Entry>(entry: E): u32 {
  return entry.flags & FLAG_SEEN_REPLY ? conntrack.lastSeen<E>(entry) : entry.lastSeen;
}
