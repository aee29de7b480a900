/**
 * Service NAT as a link among others: packets go in as the descriptors of the packet path, and what it says of them
 * comes back.
 */
import {
  COUNTER_BYTES,
  COUNTER_VERDICTS,
  DESC_FLAG_BACKEND,
  DESC_FLAG_LOCAL,
  DESC_FLAGS,
  DESC_INTERFACE,
  DESC_SIZE,
  RELEASED_BY,
} from "../../abi/layout";
import { HEADROOM } from "../../abi/limits";
import { CTX_INTERFACE } from "../../abi/program";
import { VERDICT_LENGTH, VERDICT_PASS } from "../../abi/verdict";
import { Descriptor } from "../packet";
import * as block from "./block";
import { Context } from "./context";
import * as dataplane from "./dataplane";
import { Tally } from "./tally";
import * as walk from "./walk";

/**
 * Takes the packets through. When it is the last link, nobody has ended and nothing was released, all that is to be
 * known stands in the descriptors, and true says that the walk is over.
 */
export function translate(tally: Tally, isLast: bool): bool {
  const descriptors = walk.isMoved ? block.descriptors : changetype<usize>(walk.descriptorAt(0));
  handIn(descriptors);
  tallyVerdicts(tally, -1);
  dataplane.process(descriptors, walk.walking, walk.time);
  tallyVerdicts(tally, 1);
  tally.packets += walk.walking;
  const released = dataplane.releasedLength();
  if (isLast && !walk.isMoved && released == 0) return true;
  const hasEnded = takeBack(descriptors);
  for (let i: u32 = 0; i < released; i++) joinReleased();
  if (hasEnded) walk.sift(0);
  return false;
}

/** Interface, flags and link are one word, of whose flags only LOCAL is the packet's own. */
const FLAGS_SHIFT: u32 = (DESC_FLAGS - DESC_INTERFACE) * 8;
const KEPT: u32 = ~((0xff ^ DESC_FLAG_LOCAL) << FLAGS_SHIFT);

/** Bytes are counted as captured, whatever programs have made of a frame since. */
function handIn(descriptors: usize): void {
  let bytes: u64 = 0;
  const isMoved = walk.isMoved;
  let at = changetype<usize>(walk.contextAt(0));
  const end = at + walk.walking * offsetof<Context>();
  for (; at < end; at += offsetof<Context>()) {
    const context = changetype<Context>(at);
    const descriptor = changetype<Descriptor>(descriptors);
    const own = isMoved ? walk.descriptorAt(context.slot) : descriptor;
    const length = context.length;
    bytes += <u64>own.length - <u64>length;
    write(descriptor, context, length);
    descriptors += DESC_SIZE;
  }
  const counter = dataplane.counters() + COUNTER_BYTES;
  store<u64>(counter, load<u64>(counter) + bytes);
}

// @ts-ignore: decorator
@inline
function write(descriptor: Descriptor, context: Context, length: u32): void {
  const backend = context.backend;
  const asked = u32(backend != 0) * (DESC_FLAG_BACKEND << FLAGS_SHIFT);
  const kind = load<u32>(changetype<usize>(context), CTX_INTERFACE) & KEPT;
  descriptor.data = context.data;
  descriptor.length = length;
  descriptor.wireLength = max<u32>(context.wireLength, length);
  store<u32>(changetype<usize>(descriptor), kind | asked, DESC_INTERFACE);
  descriptor.backend = backend;
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
function takeBack(descriptors: usize): bool {
  let hasEnded = false;
  const isMoved = walk.isMoved;
  let at = changetype<usize>(walk.contextAt(0));
  const end = at + walk.walking * offsetof<Context>();
  for (; at < end; at += offsetof<Context>()) {
    const context = changetype<Context>(at);
    const descriptor = changetype<Descriptor>(descriptors);
    read(context, descriptor);
    context.head -= HEADROOM;
    if (isMoved) memory.copy(changetype<usize>(walk.descriptorAt(context.slot)), descriptors, 32);
    descriptors += DESC_SIZE;
    const verdict = descriptor.outcome & 0xff;
    if (verdict == VERDICT_PASS) continue;
    context.ended = verdict + 1;
    hasEnded = true;
  }
  return hasEnded;
}

// @ts-ignore: decorator
@inline
function read(context: Context, descriptor: Descriptor): void {
  context.data = descriptor.data;
  context.dataEnd = descriptor.data + descriptor.length;
  context.wireLength = descriptor.wireLength;
  context.outcome = descriptor.outcome;
  context.service = descriptor.service;
  context.backend = descriptor.backend;
  walk.noteAt(context.slot).nat = descriptor.outcome;
}

/** There is no room on either side of it. The record names the slot of the packet that has let it go. */
function joinReleased(): void {
  const context = walk.join();
  const descriptor = walk.descriptorAt(context.slot);
  const record = changetype<usize>(descriptor);
  read(context, descriptor);
  context.interfaceRow = descriptor.interfaceRow;
  context.flags = <u8>(descriptor.flags & DESC_FLAG_LOCAL);
  context.link = descriptor.link;
  context.wireLength = descriptor.length;
  context.head = context.data;
  context.limit = context.dataEnd;
  store<u32>(record, walk.contextAt(load<u32>(record, RELEASED_BY)).slot, RELEASED_BY);
}
if (DESC_SIZE != 32) ERROR("a descriptor is 32 bytes");
