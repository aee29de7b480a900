/**
 * The packets of a call on their walk. Those that go on stand one behind the other in `contexts`, in their order;
 * those that have ended are parked by slot. While nobody has ended, the n-th is that of slot n and nothing is moved.
 */
import { DESC_DATA, DESC_LENGTH, DESC_SIZE, RELEASED_SIZE } from "../../abi/layout";
import { HEADROOM } from "../../abi/limits";
import { CTX_DATA_END, CTX_MARK, CTX_OUTCOME, CTX_REDIRECT, CTX_SLOT } from "../../abi/program";
import { NOTE_FATE, NOTE_LINK, NOTE_SIZE } from "../../abi/runtime";
import { VERDICT_PASS } from "../../abi/verdict";
import { Descriptor } from "../packet";
import * as block from "./block";
import { Context, copy } from "./context";
import * as dataplane from "./dataplane";

/** What has become of a packet, where programs do not write. Notes are blank until somebody ends. */
@unmanaged
export class Note {
  /** Verdict + 1 of the program that has ended it, 0 for none. */
  fate: u32;
  /** The link of that program. */
  link: u32;
  /** 1: the program has trapped. */
  trapped: u32;
}
if (offsetof<Note>() > <usize>NOTE_SIZE) ERROR("Note has outgrown its room");
if (offsetof<Note>("fate") != NOTE_FATE) ERROR("Note.fate drifted from abi/runtime");
if (offsetof<Note>("link") != NOTE_LINK) ERROR("Note.link drifted from abi/runtime");

/** Slot of the first packet, its descriptor, and how many there are without released fragments. */
let first: u32 = 0;
let home: usize = 0;
export let given: u32 = 0;
/** With those. */
export let total: u32 = 0;
/** Packets that go on. */
export let walking: u32 = 0;
/** Whether somebody is parked. */
export let isMoved: bool = false;
/** Whether service NAT has had those that walk. */
export let isTranslated: bool = false;
/** Whether programs have moved the ends of frames. */
export let isAdjusted: bool = false;
let onEgress: bool = false;
/** Whether notes are of this call. */
let isNoted: bool = false;
/** Most bytes of a frame. */
let room: u32 = 0;
/** Milliseconds. */
export let time: u32 = 0;

/**
 * Begins with the packets of `count` descriptors, whose frames may have up to `most` bytes; marks stand by slot, the
 * first of them `slot`.
 */
export function open(slot: u32, descriptors: usize, count: u32, most: u32, now: u32): void {
  dataplane.process(descriptors, 0, now);
  first = slot;
  home = descriptors;
  room = most;
  given = total = walking = count;
  isMoved = isTranslated = isAdjusted = onEgress = isNoted = false;
  time = now;
  begin();
}

/** A descriptor and the marks make a context; the rest of it is 0. */
function begin(): void {
  let descriptor = home;
  let mark = block.marks + first * block.MARK_SIZE;
  let context = changetype<usize>(contextAt(0));
  let slot = i32x4.splat(0);
  for (const end = context + given * offsetof<Context>(); context < end; ) {
    const head = v128.load(descriptor);
    const dataEnd = i32x4.add(head, i64x2.shr_u(head, 32));
    v128.store(context, head);
    v128.store(context, i64x2.splat(0), CTX_OUTCOME);
    const marks = v128.load64_zero(mark);
    v128.store(context, v128.shuffle<i32>(dataEnd, marks, 0, 4, 5, 6), CTX_DATA_END);
    v128.store(context, slot, CTX_REDIRECT);
    slot = i32x4.add(slot, i32x4(0, 1, 0, 0));
    context += offsetof<Context>();
    descriptor += DESC_SIZE;
    mark += block.MARK_SIZE;
  }
}
if (DESC_DATA != 0 || DESC_LENGTH != 4) ERROR("where a frame ends is the sum of the first words");
if (CTX_DATA_END != 32 || CTX_MARK != CTX_DATA_END + 4) ERROR("marks follow the end");
if (CTX_REDIRECT != 48 || CTX_SLOT != CTX_REDIRECT + 4) ERROR("slots follow redirects");

/** The context of packet `index` of those that walk; while nobody is parked, that of a slot. */
// @ts-ignore: decorator
@inline
export function contextAt(index: u32): Context {
  return changetype<Context>(block.contexts + (first + index) * offsetof<Context>());
}

// @ts-ignore: decorator
@inline
export function noteAt(slot: u32): Note {
  return changetype<Note>(block.notes + (first + slot) * NOTE_SIZE);
}

/** Verdict, action, reason and conntrack of service NAT, service, backend and out. Written when it has had a packet. */
// @ts-ignore: decorator
@inline
export function answerAt(slot: u32): usize {
  return block.answers + (first + slot) * block.ANSWER_SIZE;
}

/** What service NAT has said of a packet that is parked or has walked to the end; 0 when it has not seen it. */
export function answerOf(slot: u32): v128 {
  return isTranslated ? v128.load(answerAt(slot)) : i64x2.splat(0);
}

function parkedAt(slot: u32): Context {
  return changetype<Context>(block.parked + (first + slot) * offsetof<Context>());
}

/** How a slot's packet has come: its descriptor, or the record of a released fragment. */
export function descriptorAt(slot: u32): Descriptor {
  if (slot < given) return changetype<Descriptor>(home + slot * DESC_SIZE);
  return changetype<Descriptor>(dataplane.released() + (slot - given) * RELEASED_SIZE);
}

/** How far down the frame of a slot may begin. Service NAT may need headers of its own for a reject. */
export function headOf(slot: u32): usize {
  const data = descriptorAt(slot).data;
  if (slot >= given) return data;
  return data - block.headroom + (isTranslated || onEgress ? 0 : HEADROOM);
}

/** How far up it may end. */
export function limitOf(slot: u32): usize {
  const descriptor = descriptorAt(slot);
  return descriptor.data + (slot < given ? room : descriptor.length);
}

/** A released fragment walks behind all others from now on. */
export function join(): Context {
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

/** A program has moved an end of a frame. */
export function noteAdjustment(): void {
  isAdjusted = true;
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
  if (!isTranslated) v128.store(answerAt(context.slot), i64x2.splat(0));
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
  const said: u32 = i32x4.extract_lane(answerOf(slot), 0);
  const verdict: u32 = fate != 0 ? fate - 1 : said == 0 ? VERDICT_PASS : said & 0xff;
  return verdict >= <u32>VERDICT_PASS;
}

/** Puts all contexts where they can be found by slot. */
export function close(): void {
  if (isMoved) park();
}

/** The context of a slot, after `close`. */
export function finalAt(slot: u32): Context {
  return isMoved ? parkedAt(slot) : contextAt(slot);
}

/** Where the contexts of all slots stand after `close`, those of other calls too. */
export function finals(): usize {
  return isMoved ? block.parked : block.contexts;
}
