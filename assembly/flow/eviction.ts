/**
 * Making room in a full table: connections that are not assured go first, answered or not, those
 * longest unseen before others, then those that are closing; an assured one that is open never
 * goes. early_drop of the kernel's nf_conntrack_core.c, but by age over the whole table, and many
 * at a time, so that under a flood of openings a few passes over the table serve many of them.
 */
import {
  FLAG_ASSURED,
  STATE_SCTP_SHUTDOWN_ACK_SENT,
  STATE_SCTP_SHUTDOWN_SENT,
} from "../../abi/conntrack";
import { Connection, tableOf } from "../maps/connections";
import * as conntrack from "./conntrack";
import { age } from "./conntrack";
import { isClosing } from "./states";

/** Share of the table that goes at a time. */
const SHARE: u32 = 64;

/** Which connections may go. */
const UNASSURED: u32 = 0;
const CLOSING: u32 = 1;

/**
 * Ages are found digit by digit, from the highest on, each in a pass that counts them. The first
 * digit has the ages up to nine minutes, which are nearly all, apart by a quarter of a second, and
 * those beyond together in its last value.
 */
const DIGIT_BITS: u32 = 11;
const DIGITS: u32 = 1 << DIGIT_BITS;
const FIRST_SHIFT: u32 = 8;
const BEYOND: u32 = DIGITS - 1;
/** How many candidates have each digit. */
const COUNTS = memory.data(8192, 64);
if (DIGITS * 4 != 8192) ERROR("a count for every digit");

/** Candidates still wanted among those with the digits found so far. */
let wanted: u32 = 0;

/** Whether there is room for a connection now. */
export function makeRoom<K>(): bool {
  if (survey<K>(UNASSURED) == 0 && conntrack.isFull<K>()) {
    if (survey<K>(CLOSING) == 0) return false;
    evict<K>(CLOSING);
  } else if (conntrack.isFull<K>()) {
    evict<K>(UNASSURED);
  }
  return true;
}

/** Removes what has expired, and counts the first digits of the candidates; returns how many. */
function survey<K>(which: u32): u32 {
  memory.fill(COUNTS, 0, DIGITS * 4);
  let found: u32 = 0;
  for (let each = conntrack.next<K>(null); each != null; each = conntrack.next<K>(each)) {
    if (conntrack.removeExpired<K>(each) || !isCandidate(each, which)) continue;
    add(min<u32>(age(each) >>> FIRST_SHIFT, BEYOND));
    found++;
  }
  return found;
}

/** Evicts the candidates unseen for longest, and those unseen for as long as the last of them. */
function evict<K>(which: u32): void {
  wanted = max<u32>(tableOf<K>().capacity / SHARE, 1);
  const least = leastAge<K>(which);
  for (let each = conntrack.next<K>(null); each != null; each = conntrack.next<K>(each)) {
    if (isCandidate(each, which) && age(each) >= least) conntrack.evict<K>(each);
  }
}

/** The age that `wanted` candidates have at least, after a survey. */
function leastAge<K>(which: u32): u32 {
  const first = choose();
  if (first != BEYOND) return find<K>(which, first, 0, FIRST_SHIFT);
  let age = find<K>(which, 0, 2 * DIGIT_BITS, 32 - 2 * DIGIT_BITS);
  age = find<K>(which, age, DIGIT_BITS, DIGIT_BITS);
  return find<K>(which, age, 0, DIGIT_BITS);
}

/** Adds the next digit, of `bits` bits at `shift`, to what an age begins with. */
function find<K>(which: u32, prefix: u32, shift: u32, bits: u32): u32 {
  memory.fill(COUNTS, 0, DIGITS * 4);
  for (let each = conntrack.next<K>(null); each != null; each = conntrack.next<K>(each)) {
    if (!isCandidate(each, which)) continue;
    const digits = age(each) >>> shift;
    if (<u64>digits >>> bits == prefix) add(digits & ((1 << bits) - 1));
  }
  return (prefix << bits) | choose();
}

// @ts-ignore: decorator
@inline
function add(digit: u32): void {
  const at = COUNTS + digit * 4;
  store<u32>(at, load<u32>(at) + 1);
}

/** The digit of the last candidate wanted; all of them when there are fewer. */
function choose(): u32 {
  let digit = DIGITS - 1;
  for (; digit != 0; digit--) {
    const count = load<u32>(COUNTS + digit * 4);
    if (count >= wanted) break;
    wanted -= count;
  }
  return digit;
}

function isCandidate(connection: Connection, which: u32): bool {
  if (which == UNASSURED) return !(connection.flags & FLAG_ASSURED);
  const state: u32 = connection.state;
  const isSctp =
    state >= <u32>STATE_SCTP_SHUTDOWN_SENT && state <= <u32>STATE_SCTP_SHUTDOWN_ACK_SENT;
  return isClosing(state) || isSctp;
}
