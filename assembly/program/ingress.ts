/**
 * The ingress program: service NAT. A batch runs in groups through three loops: parse and hash,
 * match tags, judge and rewrite in packet order. Between them a group asks for the cache lines that
 * the next one needs, because the latency of the conntrack table hides only when all are asked for
 * before anything waits for one.
 */
import { GROUP_LENGTH } from "../../abi/limits";
import { DESC_FLAG_BACKEND, DESC_SIZE } from "../../abi/layout";
import * as clock from "../flow/clock";
import * as windows from "../flow/windows";
import { Descriptor, packetAt } from "../packet";
import * as fragments from "./fragments";
import * as group from "./group";
import { removeExpired } from "./maps";

/** Whether descriptors may say which backend a program wants. */
let isAsked: bool = false;

/** As `process`, and DESC_FLAG_BACKEND of a descriptor says which backend a connection goes to. */
export function processAsked(descriptors: usize, length: u32, now: u32): void {
  isAsked = true;
  process(descriptors, length, now);
  isAsked = false;
  for (let i: u32 = 0; i < min<u32>(length, GROUP_LENGTH); i++) packetAt(i).wanted = 0;
}

function readWanted(descriptors: usize, packets: u32): void {
  for (let i: u32 = 0; i < packets; i++) {
    const descriptor = changetype<Descriptor>(descriptors + i * DESC_SIZE);
    packetAt(i).wanted = descriptor.flags & DESC_FLAG_BACKEND ? descriptor.backend : 0;
  }
}

/** Runs `length` packets through the dataplane at `now` milliseconds. */
export function process(descriptors: usize, length: u32, now: u32): void {
  fragments.begin(descriptors);
  if (clock.advance(now)) removeExpired();
  windows.begin();
  for (let done: u32 = 0; done < length; done += GROUP_LENGTH) {
    const packets = min<u32>(length - done, GROUP_LENGTH);
    if (isAsked) readWanted(descriptors + done * DESC_SIZE, packets);
    group.parse(descriptors + done * DESC_SIZE, packets);
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
