/** The loops over a group of packets. */
import {
  COUNTER_BYTES,
  CT6_SIZE,
  DESC_FLAG_BACKEND,
  FAMILY_IPV4,
  FAMILY_IPV6,
} from "../../abi/layout";
import { VERDICT_ABORTED } from "../../abi/verdict";
import * as counters from "../flow/counters";
import { dial } from "../flow/judge";
import { ABSENT, CONTINUE, ESTABLISHED, REPLY } from "../flow/outcome";
import * as plain from "../flow/plain";
import * as steady from "../flow/steady";
import { TABLE4, TABLE6, Tuple4, Tuple6 } from "../maps/connections";
import { matches, next, over, refAt } from "../maps/index";
import { Descriptor, Packet, packetAt } from "../packet";
import { PROTO_TCP } from "../wire/tcp";
import { PROTO_UDP } from "../wire/udp";
import * as fresh from "./fresh";
import * as walk from "./walk";

/** Kinds of packets that have a short way: whole and sound. */
const TCP4: u32 = FAMILY_IPV4 | (PROTO_TCP << 8);
const UDP4: u32 = FAMILY_IPV4 | (PROTO_UDP << 8);
const TCP6: u32 = FAMILY_IPV6 | (PROTO_TCP << 8);
const UDP6: u32 = FAMILY_IPV6 | (PROTO_UDP << 8);

/** A record without tuples, and a bucket without tags: where packets without a candidate point. */
const NOTHING = memory.data(CT6_SIZE, 64);
/** Takes what the touching loops read, so that their loads are not idle. */
const SINK = memory.data(8, 8);

/**
 * Connections from which on touching pays, their lines no longer being in the first cache: 0.91x at
 * 2,048 of them, 1.06x at 256.
 */
const FAR_MIN: u32 = 1024;

/** Packets without a candidate from which on it pays to walk through the group for them. */
const FRESH_MIN: u32 = 4;

/** The tuples of an IPv6 record end on its second cache line. */
const SECOND_LINE: usize = 64;

/** Loop 1: headers to keys and hashes. Descriptors stand `stride` bytes apart. */
export function parse(descriptors: usize, packets: u32, stride: u32): void {
  let bytes: u64 = 0;
  let at = descriptors;
  for (let i: u32 = 0; i < packets; i++, at += stride) {
    const descriptor = changetype<Descriptor>(at);
    const packet = packetAt(i);
    packet.descriptor = descriptor;
    bytes += descriptor.length;
    if (!plain.enter(packet, descriptor)) parseAny(packet);
  }
  counters.add(COUNTER_BYTES, bytes);
}

/** Any other packet; one that ends here has no family and no candidate. */
function parseAny(packet: Packet): void {
  packet.bucket = NOTHING;
  packet.hash = 0;
  packet.service = 0;
  const outcome = walk.parse(packet);
  if (outcome == CONTINUE) return;
  clearOutcome(packet.descriptor);
  finish(packet, outcome);
  packet.family = 0;
}

function clearOutcome(descriptor: Descriptor): void {
  descriptor.service = 0;
  descriptor.backend = 0;
  descriptor.out = 0;
}

function finish(packet: Packet, outcome: u32): void {
  packet.descriptor.outcome = outcome;
  counters.count(outcome, 1);
}

/** Whether what packets need of connections is worth asking for beforehand. */
export function isFar(): bool {
  return TABLE4.length + TABLE6.length >= FAR_MIN;
}

/** Asks for the buckets. */
export function touchBuckets(packets: u32): void {
  let sink: u32 = 0;
  for (let i: u32 = 0; i < packets; i++) sink ^= load<u32>(packetAt(i).bucket);
  store<u32>(SINK, sink);
}

/** Loop 2: from tags to candidates; returns how many packets have none. */
export function match(packets: u32): u32 {
  let unmatched: u32 = 0;
  for (let i: u32 = 0; i < packets; i++) {
    const packet = packetAt(i);
    const bits = matches(packet.bucket, packet.hash);
    if (bits != 0) packet.candidate = refAt(packet.bucket, bits);
    else packet.candidate = over(packet.bucket) == 0 ? NOTHING : matchNext(packet);
    unmatched += u32(packet.candidate == NOTHING);
  }
  return unmatched;
}

/**
 * The candidate in the second bucket: in a full index that is where a tenth of the keys live. With
 * it a packet of 65,536 connections, as many as there is room for, takes 0.92x.
 */
function matchNext(packet: Packet): usize {
  const table = packet.family == FAMILY_IPV4 ? TABLE4 : TABLE6;
  const bucket = next(table, packet.bucket);
  const bits = matches(bucket, packet.hash);
  return bits == 0 ? NOTHING : refAt(bucket, bits);
}

/** Asks for the candidates. */
export function touchRecords(packets: u32): void {
  let sink: u32 = 0;
  for (let i: u32 = 0; i < packets; i++) {
    const packet = packetAt(i);
    sink ^= load<u32>(packet.candidate);
    if (packet.family == FAMILY_IPV6) sink ^= load<u32>(packet.candidate, SECOND_LINE);
  }
  store<u32>(SINK, sink);
}

/** Asks for what else a packet of a known connection needs. */
export function touchTracks(packets: u32): void {
  let sink: u32 = 0;
  for (let i: u32 = 0; i < packets; i++) {
    const packet = packetAt(i);
    if (packet.family == FAMILY_IPV4) sink ^= steady.touch<Tuple4>(packet);
    else if (packet.family == FAMILY_IPV6) sink ^= steady.touch<Tuple6>(packet);
  }
  store<u32>(SINK, sink);
}

/** Prepares the packets that belong to no connection yet. */
export function prepare(packets: u32, unmatched: u32): void {
  if (unmatched >= FRESH_MIN) fresh.prepare(packets, NOTHING);
}

/** Loop 3: verdicts, in packet order. */
export function settle(packets: u32): void {
  let established: u32 = 0;
  let replies: u32 = 0;
  for (let i: u32 = 0; i < packets; i++) {
    const packet = packetAt(i);
    if (packet.family == 0) continue;
    const outcome = settlePlain(packet);
    if ((outcome & 0xff) == VERDICT_ABORTED) {
      settleAny(packet, outcome);
    } else {
      established++;
      replies += u32(outcome == REPLY);
    }
  }
  counters.count(ESTABLISHED, established - replies);
  counters.count(REPLY, replies);
}

/** The short way, where there is one for packets of that kind. */
// @ts-ignore: decorator
@inline
function settlePlain(packet: Packet): u32 {
  switch (packet.kind) {
    case TCP4:
      return steady.tcp<Tuple4>(packet);
    case UDP4:
      return steady.udp<Tuple4>(packet);
    case TCP6:
      return settleTcp6(packet);
    case UDP6:
      return settleUdp6(packet);
    default:
      return CONTINUE;
  }
}

function settleTcp6(packet: Packet): u32 {
  return steady.tcp<Tuple6>(packet);
}

function settleUdp6(packet: Packet): u32 {
  return steady.udp<Tuple6>(packet);
}

/** Every other packet, after what the short way said. */
function settleAny(packet: Packet, said: u32): void {
  const descriptor = packet.descriptor;
  packet.wanted = descriptor.flags & DESC_FLAG_BACKEND ? descriptor.backend : 0;
  clearOutcome(descriptor);
  finish(packet, said == ABSENT ? dial(packet) : walk.settle(packet));
}
