/** Service NAT as a link among others: it takes contexts for descriptors, and answers in them. */
import {
  COUNTER_BYTES,
  COUNTER_VERDICTS,
  DESC_FLAG_LOCAL,
  RELEASED_BY,
} from "../../abi/layout";
import { CTX_OUTCOME } from "../../abi/program";
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
  tallyVerdicts(tally, -1);
  dataplane.process(changetype<usize>(walk.contextAt(0)), walk.walking, walk.time);
  tallyVerdicts(tally, 1);
  tally.packets += walk.walking;
  walk.noteTranslation();
  const released = dataplane.releasedLength();
  if (isLast && !walk.isMoved && released == 0) return true;
  const hasEnded = keepAnswers();
  for (let i: u32 = 0; i < released; i++) joinReleased();
  if (hasEnded) walk.sift(0);
  return false;
}

/** Bytes are counted as captured, whatever programs have made of frames since. */
function countAsCaptured(): void {
  let bytes: u64 = 0;
  for (let i: u32 = 0; i < walk.walking; i++) {
    const context = walk.contextAt(i);
    bytes += <u64>walk.descriptorAt(context.slot).length - <u64>context.length;
  }
  const counter = dataplane.counters() + COUNTER_BYTES;
  store<u64>(counter, load<u64>(counter) + bytes);
}

/** Counts what the packet path has counted, but for PASS, which is to go on. */
function tallyVerdicts(tally: Tally, sign: u64): void {
  const row = dataplane.counters() + COUNTER_VERDICTS;
  for (let verdict: u32 = 0; verdict < <u32>VERDICT_LENGTH; verdict++) {
    if (verdict == VERDICT_PASS) continue;
    tally.count(verdict, sign * load<u64>(row + verdict * sizeof<u64>()));
  }
}

/** Whether a packet has ended. */
function keepAnswers(): bool {
  let hasEnded = false;
  let at = changetype<usize>(walk.contextAt(0));
  const end = at + walk.walking * offsetof<Context>();
  for (; at < end; at += offsetof<Context>()) {
    const context = changetype<Context>(at);
    keepAnswer(context);
    const verdict = context.outcome & 0xff;
    if (verdict == VERDICT_PASS) continue;
    context.dataEnd = context.data + context.length;
    context.ended = verdict + 1;
    hasEnded = true;
  }
  return hasEnded;
}

// @ts-ignore: decorator
@inline
function keepAnswer(context: Context): void {
  const answer = v128.load(changetype<usize>(context), CTX_OUTCOME);
  v128.store(walk.answerAt(context.slot), answer);
}

/** The record begins with a descriptor, and names the place of the packet that has let the fragment go. */
function joinReleased(): void {
  const context = walk.join();
  const record = changetype<usize>(walk.descriptorAt(context.slot));
  memory.copy(changetype<usize>(context), record, offsetof<Descriptor>());
  context.flags &= <u8>DESC_FLAG_LOCAL;
  context.wireLength = context.length;
  context.dataEnd = context.data + context.length;
  keepAnswer(context);
  store<u32>(record, walk.contextAt(load<u32>(record, RELEASED_BY)).slot, RELEASED_BY);
}
