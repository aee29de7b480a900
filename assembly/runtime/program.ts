/**
 * Programs at work on the packets that walk. What traps in one unwinds to the host, past everything here: which packet
 * it had stands in `cursor`, and the host goes on from there.
 */
import { CTX_ENDED, CTX_TAIL, NEXT, TAIL_CALL, TAIL_CALLS_MAX } from "../../abi/program";
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

/** Calls the program at `entry` for each packet from the cursor on. */
export function runEach(entry: u32, tally: Tally, link: u32): void {
  const count = walk.walking;
  const first = changetype<usize>(walk.contextAt(0));
  for (let i = cursor; i < count; i++) {
    const context = changetype<Context>(first + i * offsetof<Context>());
    cursor = i;
    tails = 0;
    let said = call_indirect<i32>(entry, context);
    if (said == TAIL_CALL) said = follow(context, tally);
    clear(context);
    if (<u32>said < <u32>VERDICT_LENGTH) end(context, said, tally);
  }
  tally.packets += count - counted;
  finish(link);
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
  if (endings != 0) walk.sift(link);
  cursor = counted = endings = 0;
}

/** Calls the program at `entry` once for all packets. */
export function runAll(entry: u32, tally: Tally, link: u32): void {
  if (walk.walking == 0) return;
  tails = TAIL_CALLS_MAX;
  call_indirect<void>(entry, walk.contextAt(0), walk.walking);
  judgeAll(tally);
  finish(link);
}

/** What the program has written about each. */
function judgeAll(tally: Tally): void {
  const count = walk.walking;
  let context = walk.contextAt(0);
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

/** The program of `runAll` has trapped: whom it has not ended yet ends. */
export function trapAll(tally: Tally): void {
  judgeAll(tally);
  for (let i: u32 = 0; i < walk.walking; i++) {
    const context = walk.contextAt(i);
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
