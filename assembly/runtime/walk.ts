/**
 * The packets of a call on their walk. Those that go on stand one behind the other in `contexts`, in their order;
 * those that have ended are parked by slot. While nobody has ended, the n-th is that of slot n and nothing is moved.
 */
import { RELEASED_SIZE } from "../../abi/layout";
import { HEADROOM } from "../../abi/limits";
import {
  CTX_DATA,
  CTX_DATA_END,
  CTX_LENGTH,
  CTX_OUTCOME,
  CTX_REASON,
  CTX_REDIRECT,
  CTX_SLOT,
} from "../../abi/program";
import { NOTE_FATE, NOTE_LINK, NOTE_SIZE } from "../../abi/runtime";
import { VERDICT_PASS } from "../../abi/verdict";
import { Descriptor } from "../packet";
import * as block from "./block";
import { Context, copy } from "./context";
import * as dataplane from "./dataplane";

/** What has become of a packet, where programs do not write. Notes are blank until there is something to note. */
@unmanaged
export class Note {
  /** Verdict + 1 of the program that has ended it, 0 for none. */
  fate: u32;
  /** The link of that program. */
  link: u32;
  /** 1: the program has trapped. */
  trapped: u32;
  /** Bytes that programs have added to the frame. */
  grown: i32;
}
if (offsetof<Note>() > <usize>NOTE_SIZE) ERROR("Note has outgrown its room");
if (offsetof<Note>("fate") != NOTE_FATE) ERROR("Note.fate drifted from abi/runtime");
if (offsetof<Note>("link") != NOTE_LINK) ERROR("Note.link drifted from abi/runtime");

/** Slot of the first packet, and how many there are without released fragments. */
let first: u32 = 0;
export let given: u32 = 0;
/** With those. */
export let total: u32 = 0;
/** Packets that go on. */
export let walking: u32 = 0;
/** Contexts that are ready for programs, the first of those. */
let prepared: u32 = 0;
/** Whether somebody is parked. */
export let isMoved: bool = false;
/** Whether service NAT has had those that walk. */
export let isTranslated: bool = false;
/** Whether programs have moved the ends of frames. */
export let isAdjusted: bool = false;
let onEgress: bool = false;
/** Whether notes are of this call. */
let isNoted: bool = false;
/** Where the first frame has come, bytes from there to the next one's place, and most bytes of a frame. */
let frame: usize = 0;
let stride: u32 = 0;
let room: u32 = 0;
/** Milliseconds. */
export let time: u32 = 0;

/** Begins with those packets: see `call`. */
export function open(slot: u32, count: u32, data: usize, apart: u32, most: u32, now: u32): void {
  dataplane.process(0, 0, now);
  first = slot;
  frame = data;
  stride = apart;
  room = most;
  given = total = walking = count;
  isMoved = isTranslated = isAdjusted = onEgress = isNoted = false;
  prepared = 0;
  time = now;
}

/**
 * Makes ready the first `count` of those that walk. A link does so in steps, as it comes to them: the cache line of a
 * context is asked for once.
 */
// @ts-ignore: decorator
@inline
export function prepare(count: u32): void {
  if (prepared < count) write(count);
}

/** What the host has not written is 0, but for what service NAT has said. */
function write(count: u32): void {
  let context = changetype<usize>(contextAt(prepared));
  const end = changetype<usize>(contextAt(count));
  let slot = i32x4(0, prepared, 0, 0);
  const answers = isTranslated;
  prepared = count;
  while (context < end) {
    if (!answers) v128.store(context, i64x2.splat(0), CTX_OUTCOME);
    store<u32>(context, load<u32>(context, CTX_DATA) + load<u32>(context, CTX_LENGTH), CTX_DATA_END);
    store<u32>(context, 0, CTX_REASON);
    v128.store(context, slot, CTX_REDIRECT);
    slot = i32x4.add(slot, i32x4(0, 1, 0, 0));
    context += offsetof<Context>();
  }
}
if (CTX_REDIRECT != 48 || CTX_SLOT != CTX_REDIRECT + 4) ERROR("slots follow redirects");

/** The context of packet `index` of those that walk; while nobody is parked, that of a slot. */
// @ts-ignore: decorator
@inline
export function contextAt(index: u32): Context {
  return changetype<Context>(block.contexts + (first + index) * offsetof<Context>());
}

export function noteAt(slot: u32): Note {
  return changetype<Note>(block.notes + place(slot) * NOTE_SIZE);
}

function parkedAt(slot: u32): Context {
  return changetype<Context>(block.parked + place(slot) * offsetof<Context>());
}

/** A slot as counted from the first of all. A program may have written over the slot in a context: the call ends here then. */
// @ts-ignore: decorator
@inline
function place(slot: u32): u32 {
  if (slot >= total) unreachable();
  return first + slot;
}

/** The record of a slot's packet that is a released fragment. */
export function recordAt(slot: u32): Descriptor {
  return changetype<Descriptor>(dataplane.released() + (slot - given) * RELEASED_SIZE);
}

/** How far down the frame of a slot may begin. Service NAT may need headers of its own for a reject. */
export function headOf(slot: u32): usize {
  if (slot >= given) return recordAt(slot).data;
  return frame + slot * stride - block.headroom + (isTranslated || onEgress ? 0 : HEADROOM);
}

/** How far up it may end. */
export function limitOf(slot: u32): usize {
  if (slot < given) return frame + slot * stride + room;
  const record = recordAt(slot);
  return record.data + record.length;
}

/** Bytes of the frame as it has come, of a packet that service NAT has not seen. */
// @ts-ignore: decorator
@inline
export function capturedLength(context: Context): u64 {
  return <u64>context.length - (isAdjusted ? <i64>noteAt(context.slot).grown : 0);
}

/** A released fragment walks behind all others from now on. */
export function join(): Context {
  prepared++;
  const context = contextAt(walking++);
  memory.fill(changetype<usize>(context), 0, offsetof<Context>());
  context.slot = total++;
  v128.store(changetype<usize>(noteAt(context.slot)), i64x2.splat(0));
  return context;
}

/** Service NAT has had those that walk. */
export function noteTranslation(): void {
  isTranslated = true;
}

/** A program has moved an end of the slot's frame, by so many bytes outwards. */
export function noteGrowth(slot: u32, bytes: i32): void {
  clearNotes();
  isAdjusted = true;
  noteAt(slot).grown += bytes;
}

/** A program has trapped with the packet. */
export function noteTrap(slot: u32): void {
  clearNotes();
  noteAt(slot).trapped = 1;
}

function clearNotes(): void {
  if (!isNoted) memory.fill(changetype<usize>(noteAt(0)), 0, total * NOTE_SIZE);
  isNoted = true;
}

/** Parks those that have ended. `link` is the one that has ended them, 0 for service NAT. */
export function sift(link: u32): void {
  let kept: u32 = 0;
  prepare(walking);
  clearNotes();
  for (let i: u32 = 0; i < walking; i++) {
    const context = contextAt(i);
    if (context.ended != 0) end(context, link);
    else if (kept++ != i) copy(contextAt(kept - 1), context);
  }
  walking = kept;
  isMoved = true;
}

/** On egress PASS says no more than that the packet leaves as it was going to. */
function end(context: Context, link: u32): void {
  copy(parkedAt(context.slot), context);
  if (link == 0 || (onEgress && context.ended == VERDICT_PASS + 1)) return;
  const note = noteAt(context.slot);
  note.fate = context.ended;
  note.link = link;
}

/** From ingress to egress: whoever leaves walks again, in the order of slots. */
export function turn(): void {
  onEgress = true;
  if (isMoved) gather();
}

function gather(): void {
  park();
  walking = 0;
  for (let slot: u32 = 0; slot < total; slot++) {
    if (!leaves(slot)) continue;
    const context = contextAt(walking++);
    copy(context, parkedAt(slot));
    context.ended = 0;
  }
}

function park(): void {
  for (let i: u32 = 0; i < walking; i++) copy(parkedAt(contextAt(i).slot), contextAt(i));
}

/** A packet that nobody has ended passes. */
function leaves(slot: u32): bool {
  const fate = noteAt(slot).fate;
  const said = saidOf(parkedAt(slot));
  const verdict: u32 = fate != 0 ? fate - 1 : said == 0 ? VERDICT_PASS : said & 0xff;
  return verdict >= <u32>VERDICT_PASS;
}

/** What service NAT has said of a packet: verdict, action, reason and conntrack; 0 when it has not seen it. */
export function saidOf(context: Context): u32 {
  return isTranslated ? context.outcome : 0;
}

/** Puts all contexts where they can be found by slot. */
export function close(): void {
  if (isMoved) park();
}

/** The context of a slot, after `close`. */
export function finalAt(slot: u32): Context {
  return isMoved ? parkedAt(slot) : contextAt(slot);
}
