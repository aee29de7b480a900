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

/** Writes the outcomes of all packets into their contexts; each is counted once, with its last one. 1: some are parked. */
export function settle(): u32 {
  walk.close();
  run = bytes = 0;
  if (!walk.isMoved && !walk.isTranslated) passAll();
  const first: u32 = walk.isMoved ? 0 : walk.given;
  for (let slot = first; slot < walk.total; slot++) settleOne(slot);
  count(alike, run);
  add(COUNTER_BYTES, bytes);
  return u32(walk.isMoved);
}

/** Nobody has ended, and service NAT has seen none. */
function passAll(): void {
  for (let slot: u32 = 0; slot < walk.given; slot++) pass(walk.contextAt(slot));
  count(UNSEEN, walk.given);
}

/** Nobody has looked at what it belongs to. */
// @ts-ignore: decorator
@inline
function pass(context: Context): void {
  bytes += walk.capturedLength(context);
  v128.store(changetype<usize>(context), i32x4(UNSEEN, 0, 0, 0), CTX_OUTCOME);
}

function settleOne(slot: u32): void {
  const context = walk.finalAt(slot);
  const nat = walk.saidOf(context);
  const outcome = outcomeOf(slot, nat);
  if (nat == 0) pass(context);
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
  const record = walk.recordAt(slot);
  record.data = context.data;
  record.length = context.length;
  record.outcome = context.outcome;
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
