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
import { CTX_OUTCOME } from "../../abi/program";
import { Context } from "./context";
import * as dataplane from "./dataplane";
import * as walk from "./walk";

/** Of a packet that service NAT has not seen. */
const UNSEEN: u32 = VERDICT_PASS;

/** Mostly packets in a row have one outcome, and are counted together. */
let alike: u32 = 0;
let run: u64 = 0;
let bytes: u64 = 0;

/** Writes the outcomes of all packets into their contexts; each is counted once, with its last one. */
export function settle(): void {
  walk.close();
  run = bytes = 0;
  if (!walk.isMoved) settleAlike();
  const first: u32 = walk.isMoved ? 0 : walk.given;
  for (let slot = first; slot < walk.total; slot++) settleOne(slot);
  count(alike, run);
  add(COUNTER_BYTES, bytes);
}

/** Nobody has ended: service NAT has seen all, or none. */
function settleAlike(): void {
  const isSeen = walk.isTranslated;
  for (let slot: u32 = 0; slot < walk.given; slot++) {
    const context = walk.contextAt(slot);
    if (isSeen) write(context, v128.load(walk.answerAt(slot)));
    else pass(slot, context);
  }
  if (!isSeen) count(UNSEEN, walk.given);
}

// @ts-ignore: decorator
@inline
function write(context: Context, answer: v128): void {
  v128.store(changetype<usize>(context), answer, CTX_OUTCOME);
}

/** Nobody has looked at what it belongs to. */
// @ts-ignore: decorator
@inline
function pass(slot: u32, context: Context): void {
  bytes += walk.descriptorAt(slot).length;
  write(context, i32x4(UNSEEN, 0, 0, 0));
}

function settleOne(slot: u32): void {
  const context = walk.finalAt(slot);
  const answer = walk.answerOf(slot);
  const nat = i32x4.extract_lane(answer, 0);
  const outcome = outcomeOf(slot, nat);
  if (nat == 0) pass(slot, context);
  else write(context, answer);
  context.outcome = outcome;
  // A fragment was counted when it came.
  if (slot >= walk.given) return report(slot, context);
  if (outcome == nat) return;
  if (nat != 0) count(nat, -1);
  if (outcome != alike) {
    count(alike, run);
    alike = outcome;
    run = 0;
  }
  run++;
}

/** What became of a released fragment is told in its record. */
function report(slot: u32, context: Context): void {
  const descriptor = walk.descriptorAt(slot);
  descriptor.data = context.data;
  descriptor.length = context.length;
  descriptor.outcome = context.outcome;
}

function outcomeOf(slot: u32, said: u32): u32 {
  const note = walk.noteAt(slot);
  const nat = said == 0 ? UNSEEN : said;
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
