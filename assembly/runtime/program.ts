/**
 * Programs at work on the packets that walk. What traps in one unwinds to the host, past everything here: which packet
 * it had stands in `cursor`, and the host goes on from there.
 */
import { CONTEXTS_MAX, CTX_ENDED, CTX_TAIL, NEXT, TAIL_CALL, TAIL_CALLS_MAX } from "../../abi/program";
import { VERDICT_ABORTED, VERDICT_LENGTH } from "../../abi/verdict";
import { Context } from "./context";
import { entryAt } from "./maps/slots";
import { Tally } from "./tally";
import * as walk from "./walk";

/** The packet that the program has. */
let cursor: u32 = 0;
/** Packets from here on are not in the tally yet. */
let counted: u32 = 0;
/** Packets that this link has ended. */
let endings: u32 = 0;
/** Tail calls of this packet; more than there may be where there may be none. */
let tails: u32 = 0;

/** A call begins. The last one may have come to no end: a program can write over its context. */
export function begin(): void {
  cursor = counted = endings = 0;
}

/** Calls the program at `entry` for each packet from the cursor on. True: it has ended some, see `finish`. */
export function runEach(entry: u32, tally: Tally): bool {
  for (const count = walk.walking; cursor < count; ) {
    const limit = min<u32>(cursor + CONTEXTS_MAX, count);
    walk.prepare(limit);
    runTo(limit, entry, tally);
  }
  tally.packets += walk.walking - counted;
  return isOver();
}

/** Whether nothing is left of the link's turn but to send away those that it has ended. */
function isOver(): bool {
  cursor = counted = 0;
  return endings != 0;
}

function runTo(limit: u32, entry: u32, tally: Tally): void {
  const first = changetype<usize>(walk.contextAt(0));
  for (let i = cursor; i < limit; ) {
    const context = changetype<Context>(first + i * offsetof<Context>());
    tails = 0;
    let said = call_indirect<i32>(entry, context);
    if (said == TAIL_CALL) said = follow(context, tally);
    clear(context);
    if (<u32>said < <u32>VERDICT_LENGTH) end(context, said, tally);
    cursor = ++i;
  }
}

/** Forgets what it has been told of a packet. */
// @ts-ignore: decorator
@inline
function clear(context: Context): void {
  store<u64>(changetype<usize>(context), 0, CTX_ENDED);
}
if (CTX_TAIL != CTX_ENDED + 4) ERROR("ended and tail are one word");

/** Goes where `tailCall` has pointed to, and on from there. */
function follow(context: Context, tally: Tally): i32 {
  let said = TAIL_CALL;
  while (said == TAIL_CALL) {
    const entry = context.tail;
    if (entry == 0) return NEXT;
    context.tail = 0;
    tails++;
    tally.tails++;
    said = call_indirect<i32>(entry, context);
  }
  return said;
}

function end(context: Context, verdict: u32, tally: Tally): void {
  context.ended = verdict + 1;
  tally.count(verdict, 1);
  endings++;
}

/** The link's turn is over: those it has ended go. */
export function finish(link: u32): void {
  walk.sift(link);
  begin();
}

/** The same for all packets from the cursor on, as many at a time as it may be given. */
export function runAll(entry: u32, tally: Tally): bool {
  tails = TAIL_CALLS_MAX;
  while (cursor < walk.walking) {
    const count = length();
    walk.prepare(cursor + count);
    call_indirect<void>(entry, walk.contextAt(cursor), count);
    judgeAll(tally);
    cursor += count;
  }
  return isOver();
}

/** Packets that a program in batch form has at a time. */
function length(): u32 {
  return min<u32>(walk.walking - cursor, CONTEXTS_MAX);
}

/** What the program has written about each. */
function judgeAll(tally: Tally): void {
  const count = length();
  let context = walk.contextAt(cursor);
  for (let left = count; left >= 4; left -= 4) {
    if (haveEnded(context)) judgeEach(context, 4, tally);
    context = after(context, 4);
  }
  judgeEach(context, count & 3, tally);
  tally.packets += count;
}

/** Whether one of four has: mostly none has, which takes half as long to see as one by one. */
// @ts-ignore: decorator
@inline
function haveEnded(context: Context): bool {
  const first = context.ended | after(context, 1).ended;
  return (first | after(context, 2).ended | after(context, 3).ended) != 0;
}

// @ts-ignore: decorator
@inline
function after(context: Context, count: u32): Context {
  return changetype<Context>(changetype<usize>(context) + count * offsetof<Context>());
}

function judgeEach(context: Context, count: u32, tally: Tally): void {
  for (let i: u32 = 0; i < count; i++) {
    const each = after(context, i);
    if (each.ended != 0) judge(each, tally);
  }
}

/** A number that is no verdict's is nothing. */
function judge(context: Context, tally: Tally): void {
  const verdict = context.ended - 1;
  if (verdict < <u32>VERDICT_LENGTH) end(context, verdict, tally);
  else context.ended = 0;
}

/** The program of `runEach` has trapped. What it had ends; the cursor goes on. */
export function trapOne(tally: Tally): void {
  fail(walk.contextAt(cursor++), tally);
  tally.packets += cursor - counted;
  counted = cursor;
}

function fail(context: Context, tally: Tally): void {
  context.tail = 0;
  walk.noteTrap(context.slot);
  end(context, VERDICT_ABORTED, tally);
}

/** The program of `runAll` has trapped: whom it had and has not ended yet ends. The cursor goes on. */
export function trapAll(tally: Tally): void {
  judgeAll(tally);
  const behind = cursor + length();
  for (; cursor < behind; cursor++) {
    const context = walk.contextAt(cursor);
    if (context.ended == 0) fail(context, tally);
  }
}

/** bpf_tail_call: 1 when the program is to be followed by another, which it says by returning TAIL_CALL. */
export function tailCall(context: Context, map: usize, index: u32): i32 {
  if (tails >= <u32>TAIL_CALLS_MAX) return 0;
  const entry = entryAt(map, index);
  if (entry == 0) return 0;
  context.tail = entry - 1;
  return 1;
}
