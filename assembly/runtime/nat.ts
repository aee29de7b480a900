/** Service NAT as a link among others: it takes contexts for descriptors, and answers in them. */
import {
  COUNTER_BYTES,
  COUNTER_VERDICTS,
  DESC_FLAG_LOCAL,
  RELEASED_BY,
} from "../../abi/layout";
import { VERDICT_LENGTH, VERDICT_PASS } from "../../abi/verdict";
import { Descriptor } from "../packet";
import { Context } from "./context";
import * as dataplane from "./dataplane";
import { Tally } from "./tally";
import * as walk from "./walk";

/**
 * Takes the packets through. When it is the last link, nobody has ended and nothing was released, all that is to be
 * known stands in the contexts, and true says that the walk is over.
 */
export function translate(tally: Tally, isLast: bool): bool {
  if (walk.isAdjusted) countAsCaptured();
  const before = tallyVerdicts(tally, -1);
  dataplane.process(changetype<usize>(walk.contextAt(0)), walk.walking, walk.time);
  const ended = tallyVerdicts(tally, 1) - before;
  tally.packets += walk.walking;
  walk.noteTranslation();
  const released = dataplane.releasedLength();
  if (isLast && !walk.isMoved && released == 0) return true;
  if (ended != 0 || released != 0) walk.prepare(walk.walking);
  if (ended != 0) endAll();
  for (let i: u32 = 0; i < released; i++) joinReleased();
  if (ended != 0) walk.sift(0);
  return false;
}

/** Bytes are counted as captured, whatever programs have made of frames since. */
function countAsCaptured(): void {
  let bytes: u64 = 0;
  for (let i: u32 = 0; i < walk.walking; i++) {
    bytes -= <i64>walk.noteAt(walk.contextAt(i).slot).grown;
  }
  const counter = dataplane.counters() + COUNTER_BYTES;
  store<u64>(counter, load<u64>(counter) + bytes);
}

/** Counts what the packet path has counted, but for PASS, which is to go on. Returns how many that are. */
function tallyVerdicts(tally: Tally, sign: u64): u64 {
  const row = dataplane.counters() + COUNTER_VERDICTS;
  let sum: u64 = 0;
  for (let verdict: u32 = 0; verdict < <u32>VERDICT_LENGTH; verdict++) {
    if (verdict == VERDICT_PASS) continue;
    const packets = load<u64>(row + verdict * sizeof<u64>());
    tally.count(verdict, sign * packets);
    sum += packets;
  }
  return sum;
}

/** Ends the walk of those that do not pass. */
function endAll(): void {
  let at = changetype<usize>(walk.contextAt(0));
  const end = at + walk.walking * offsetof<Context>();
  for (; at < end; at += offsetof<Context>()) {
    const context = changetype<Context>(at);
    const verdict = context.outcome & 0xff;
    if (verdict == VERDICT_PASS) continue;
    context.dataEnd = context.data + context.length;
    context.ended = verdict + 1;
  }
}

/** The record begins with a descriptor, and names the place of the packet that has let the fragment go. */
function joinReleased(): void {
  const context = walk.join();
  const record = changetype<usize>(walk.recordAt(context.slot));
  memory.copy(changetype<usize>(context), record, offsetof<Descriptor>());
  context.flags &= <u8>DESC_FLAG_LOCAL;
  context.wireLength = context.length;
  context.dataEnd = context.data + context.length;
  store<u32>(record, walk.contextAt(load<u32>(record, RELEASED_BY)).slot, RELEASED_BY);
}
