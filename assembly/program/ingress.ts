/**
 * The ingress program: service NAT. A batch runs in groups through three loops: parse and hash,
 * match tags, judge and rewrite in packet order. Between them a group asks for the cache lines that
 * the next one needs, because the latency of the conntrack table hides only when all are asked for
 * before anything waits for one.
 */
import { GROUP_LENGTH } from "../../abi/limits";
import { DESC_SIZE } from "../../abi/layout";
import { CTX_SIZE } from "../../abi/program";
import * as clock from "../flow/clock";
import * as windows from "../flow/windows";
import { Descriptor } from "../packet";
import * as fragments from "./fragments";
import * as group from "./group";
import { removeExpired } from "./maps";

/** Runs `length` packets through the dataplane at `now` milliseconds. */
export function process(descriptors: usize, length: u32, now: u32): void {
  run(descriptors, length, now, DESC_SIZE);
}

/** The same for descriptors that are the first halves of contexts, where programs may have written. */
export function processContexts(contexts: usize, length: u32, now: u32): void {
  run(contexts, length, now, CTX_SIZE);
}

/** Descriptors stand `stride` bytes apart. */
function run(descriptors: usize, length: u32, now: u32, stride: u32): void {
  fragments.begin(descriptors, stride);
  if (clock.advance(now)) removeExpired();
  windows.begin();
  for (let done: u32 = 0; done < length; done += GROUP_LENGTH) {
    const packets = min<u32>(length - done, GROUP_LENGTH);
    const first = descriptors + done * stride;
    if (stride != DESC_SIZE) mend(first, packets);
    group.parse(first, packets, stride);
    const far = group.isFar();
    if (far) group.touchBuckets(packets);
    const unmatched = group.match(packets);
    if (far) {
      group.touchRecords(packets);
      group.touchTracks(packets);
    }
    group.prepare(packets, unmatched);
    group.settle(packets);
  }
}

/** No frame was shorter on the wire than it is. */
function mend(contexts: usize, packets: u32): void {
  for (let i: u32 = 0; i < packets; i++) {
    const descriptor = changetype<Descriptor>(contexts + i * CTX_SIZE);
    if (descriptor.wireLength < descriptor.length) descriptor.wireLength = descriptor.length;
  }
}
