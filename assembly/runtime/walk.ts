/**
 * The packets of a call on their walk. Those that go on stand one behind the other in `contexts`, in their order;
 * those that have ended are parked by slot. While nobody has ended, the n-th is that of slot n and nothing is moved.
 */
import {
  DESC_DATA,
  DESC_INTERFACE,
  DESC_LENGTH,
  DESC_LINK,
  DESC_SIZE,
  DESC_WIRE_LENGTH,
  RELEASED_SIZE,
} from "../../abi/layout";
import { HEADROOM } from "../../abi/limits";
import {
  CTX_DATA,
  CTX_DATA_END,
  CTX_INTERFACE,
  CTX_LINK,
  CTX_MARK,
  CTX_OUTCOME,
  CTX_REASON,
  CTX_TAIL,
  CTX_WIRE_LENGTH,
} from "../../abi/program";
import { VERDICT_PASS } from "../../abi/verdict";
import { Descriptor } from "../packet";
import * as block from "./block";
import { Context, copy } from "./context";
import * as dataplane from "./dataplane";

/** What is known of a packet outside of its context, where programs do not write. */
@unmanaged
export class Note {
  /** Verdict + 1 of the program that has ended it, 0 for none. */
  fate: u32;
  /** The link of that program. */
  link: u32;
  /** What service NAT has said; 0 when it has not seen the packet. */
  nat: u32;
  /** 1: the program has trapped. */
  trapped: u32;
}
if (offsetof<Note>() != block.NOTE_SIZE) ERROR("Note has outgrown its room");

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
export let onEgress: bool = false;
/** Milliseconds. */
export let time: u32 = 0;

/**
 * Begins with the packets of `count` descriptors, whose frames may have up to `room` bytes; marks stand by slot, the
 * first of them `slot`.
 */
export function open(slot: u32, descriptors: usize, count: u32, room: u32, now: u32): void {
  dataplane.process(descriptors, 0, now);
  first = slot;
  home = descriptors;
  given = total = walking = count;
  isMoved = onEgress = false;
  time = now;
  begin(block.headroom - <u32>HEADROOM, room);
}

/** Addresses are counted up: worked out for each packet they take 1 to 2 ns. */
function begin(start: u32, room: u32): void {
  let descriptor = home;
  let mark = block.marks + first * block.MARK_SIZE;
  let note = changetype<usize>(noteAt(0));
  let context = changetype<usize>(contextAt(0));
  const count = given;
  for (let slot: u32 = 0; slot < count; slot++) {
    write(context, descriptor, load<u64>(mark));
    place(changetype<Context>(context), slot, start, room);
    v128.store(note, i64x2.splat(0));
    context += offsetof<Context>();
    descriptor += DESC_SIZE;
    note += offsetof<Note>();
    mark += block.MARK_SIZE;
  }
}

/** What stands alike in both: wire length, interface, flags and link. */
// @ts-ignore: decorator
@inline
function write(context: usize, descriptor: usize, mark: u64): void {
  const alike = load<u64>(descriptor, DESC_WIRE_LENGTH);
  store<u64>(context, alike, CTX_WIRE_LENGTH);
  store<u64>(context, mark, CTX_MARK);
  v128.store(context, i64x2.splat(0), CTX_OUTCOME);
  store<u64>(context, 0, CTX_REASON);
  const data = load<u32>(descriptor, DESC_DATA);
  store<u32>(context, data, CTX_DATA);
  store<u32>(context, data + load<u32>(descriptor, DESC_LENGTH), CTX_DATA_END);
}

// @ts-ignore: decorator
@inline
function place(context: Context, slot: u32, start: u32, room: u32): void {
  const data = context.data;
  context.tail = 0;
  context.slot = slot;
  context.head = data - start;
  context.limit = data + room;
}
if (CTX_REASON != CTX_OUTCOME + 16 || CTX_TAIL != CTX_REASON + 8) ERROR("what is 0 at first is one");
if (CTX_INTERFACE != DESC_INTERFACE || CTX_LINK != DESC_LINK) ERROR("what is alike is one");
if (CTX_WIRE_LENGTH != DESC_WIRE_LENGTH) ERROR("what is alike is one");

/** The context of packet `index` of those that walk; while nobody is parked, that of a slot. */
// @ts-ignore: decorator
@inline
export function contextAt(index: u32): Context {
  return changetype<Context>(block.contexts + (first + index) * offsetof<Context>());
}

// @ts-ignore: decorator
@inline
export function noteAt(slot: u32): Note {
  return changetype<Note>(block.notes + (first + slot) * offsetof<Note>());
}

function parkedAt(slot: u32): Context {
  return changetype<Context>(block.parked + (first + slot) * offsetof<Context>());
}

/** Where what became of a slot's packet is told: its descriptor, or the record of a released fragment. */
export function descriptorAt(slot: u32): Descriptor {
  if (slot < given) return changetype<Descriptor>(home + slot * DESC_SIZE);
  return changetype<Descriptor>(dataplane.released() + (slot - given) * RELEASED_SIZE);
}

/** A released fragment walks behind all others from now on. */
export function join(): Context {
  const context = contextAt(walking++);
  memory.fill(changetype<usize>(context), 0, offsetof<Context>());
  context.slot = total++;
  memory.fill(changetype<usize>(noteAt(context.slot)), 0, offsetof<Note>());
  return context;
}

/** Parks those that have ended. `link` is the one that has ended them, 0 for service NAT. */
export function sift(link: u32): void {
  let kept: u32 = 0;
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
  for (let i: u32 = 0; i < walking; i++) {
    const context = contextAt(i);
    if (noteAt(context.slot).nat == 0) context.head -= HEADROOM;
  }
}

function gather(): void {
  park();
  walking = 0;
  for (let slot: u32 = 0; slot < total; slot++) {
    if (!leaves(noteAt(slot))) continue;
    const context = contextAt(walking++);
    copy(context, parkedAt(slot));
    context.ended = 0;
  }
}

function park(): void {
  for (let i: u32 = 0; i < walking; i++) copy(parkedAt(contextAt(i).slot), contextAt(i));
}

/** A packet that nobody has ended passes. */
function leaves(note: Note): bool {
  const nat = note.nat == 0 ? VERDICT_PASS : note.nat & 0xff;
  const verdict = note.fate == 0 ? nat : note.fate - 1;
  return verdict >= VERDICT_PASS;
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
