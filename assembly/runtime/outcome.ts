/** The end of the walk: what is told of each packet, and counted. */
import {
  COUNTER_ACTIONS,
  COUNTER_BYTES,
  COUNTER_CONNTRACK,
  COUNTER_REASONS,
  COUNTER_VERDICTS,
} from "../../abi/layout";
import {
  ACTION_DROP,
  REASON_PROGRAM,
  REASON_TRAP,
  VERDICT_DROP,
  VERDICT_PASS,
} from "../../abi/verdict";
import { Descriptor } from "../packet";
import { Context } from "./context";
import * as dataplane from "./dataplane";
import * as walk from "./walk";
import { Note } from "./walk";

/** Of a packet that service NAT has not seen. */
const UNSEEN: u32 = VERDICT_PASS;

/** Mostly packets in a row have one outcome, and are counted together. */
let alike: u32 = 0;
let run: u64 = 0;
let bytes: u64 = 0;

/** Writes the outcomes of all packets; each is counted once, with its last one. */
export function settle(): void {
  walk.close();
  run = bytes = 0;
  if (walk.isMoved) {
    for (let slot: u32 = 0; slot < walk.total; slot++) settleOne(slot);
  } else {
    settleAlike();
    for (let slot = walk.given; slot < walk.total; slot++) settleOne(slot);
  }
  count(alike, run);
  add(COUNTER_BYTES, bytes);
}

/** Nobody has ended: service NAT has seen all, or none. */
function settleAlike(): void {
  if (walk.given == 0) return;
  const isSeen = walk.noteAt(0).nat != 0;
  let at = changetype<usize>(walk.descriptorAt(0));
  let context = changetype<usize>(walk.finalAt(0));
  const end = at + walk.given * offsetof<Descriptor>();
  for (; at < end; at += offsetof<Descriptor>()) {
    const descriptor = changetype<Descriptor>(at);
    if (!isSeen) take(descriptor);
    put(descriptor, changetype<Context>(context));
    context += offsetof<Context>();
  }
  if (!isSeen) count(UNSEEN, walk.given);
}

/** Where the frame is now. */
// @ts-ignore: decorator
@inline
function put(descriptor: Descriptor, context: Context): void {
  descriptor.data = context.data;
  descriptor.length = context.length;
  descriptor.wireLength = context.wireLength;
}

function settleOne(slot: u32): void {
  const note = walk.noteAt(slot);
  const descriptor = walk.descriptorAt(slot);
  if (note.nat == 0) take(descriptor);
  const outcome = outcomeOf(note);
  descriptor.outcome = outcome;
  put(descriptor, walk.finalAt(slot));
  // A fragment was counted when it came.
  if (slot >= walk.given || outcome == note.nat) return;
  if (note.nat != 0) count(note.nat, -1);
  if (outcome != alike) {
    count(alike, run);
    alike = outcome;
    run = 0;
  }
  run++;
}

/** Nobody has looked at what it belongs to. */
// @ts-ignore: decorator
@inline
function take(descriptor: Descriptor): void {
  bytes += descriptor.length;
  descriptor.outcome = UNSEEN;
  descriptor.service = 0;
  descriptor.backend = 0;
  descriptor.out = 0;
}

function outcomeOf(note: Note): u32 {
  const nat = note.nat == 0 ? UNSEEN : note.nat;
  if (note.fate == 0) return nat;
  const verdict = note.fate - 1;
  if (verdict > <u32>VERDICT_DROP) return (nat & ~0xff) | verdict;
  const reason = note.trapped != 0 ? REASON_TRAP : REASON_PROGRAM;
  return verdict | (ACTION_DROP << 8) | (reason << 16) | (nat & 0xff000000);
}

/** As the packet path does. */
function count(outcome: u32, packets: u64): void {
  add(COUNTER_VERDICTS + ((outcome & 0xff) << 3), packets);
  add(COUNTER_ACTIONS + (((outcome >>> 8) & 0xff) << 3), packets);
  add(COUNTER_REASONS + (((outcome >>> 16) & 0xff) << 3), packets);
  add(COUNTER_CONNTRACK + ((outcome >>> 24) << 3), packets);
}

function add(counter: u32, amount: u64): void {
  const at = dataplane.counters() + counter;
  store<u64>(at, load<u64>(at) + amount);
}
