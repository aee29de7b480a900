/**
 * The four loops over a group of packets, and the short way of the packets that most packets are.
 */
import {
  FLAG_ASSURED,
  FLAG_MASQUERADE,
  FLAG_REPLY,
  FLAG_SEEN_REPLY,
  STATE_ESTABLISHED,
} from "../../abi/conntrack";
import {
  COUNTER_BYTES,
  CT6_SIZE,
  DESC_SIZE,
  FAMILY_IPV4,
  FAMILY_IPV6,
  LINK_SLOT_ETHERNET,
  LINK_SLOT_RAW,
  OUT_FLAG_MASQUERADE,
} from "../../abi/layout";
import * as clock from "../flow/clock";
import * as counters from "../flow/counters";
import { refresh } from "../flow/conntrack";
import * as nat from "../flow/nat";
import { CONTINUE, ESTABLISHED, REPLY } from "../flow/outcome";
import { FLAGS_COUNTED } from "../flow/tcp";
import { aim4 } from "../flow/tuple";
import { CONFIG } from "../maps/config";
import {
  Connection4,
  Connection6,
  Entry,
  TABLE4,
  TABLE6,
  Tuple4,
  Tuple6,
} from "../maps/connections";
import { CONTROL_SIZE, GROUP_SLOTS, Table, at, equal, matches } from "../maps/swiss";
import { Descriptor, Packet, packetAt } from "../packet";
import { ETHERNET_SIZE, Ethernet, TYPE_IPV4 } from "../wire/ethernet";
import { IPV4_SIZE, Ipv4, PLAIN } from "../wire/ipv4";
import { FLAG_ACK, PROTO_TCP, TCP_SIZE, Tcp } from "../wire/tcp";
import { PROTO_UDP, UDP_SIZE, Udp } from "../wire/udp";
import * as walk from "./walk";

/**
 * An entry without a key, and control bytes without a tag: where packets without a candidate point.
 */
const NOTHING = memory.data(CT6_SIZE, 64);
/** Takes what the touching loops read, so that their loads are not idle. */
const SINK = memory.data(8, 8);

/** An IPv6 entry has two cache lines. */
const SECOND_LINE: usize = CT6_SIZE / 2;

/** Loop 1: headers to keys and hashes. */
export function parse(descriptors: usize, packets: u32): void {
  let bytes: u64 = 0;
  for (let i: u32 = 0; i < packets; i++) {
    const descriptor = changetype<Descriptor>(descriptors + i * DESC_SIZE);
    const packet = packetAt(i);
    packet.descriptor = descriptor;
    bytes += descriptor.length;
    if (!parsePlain(packet, descriptor)) parseAny(packet);
  }
  counters.add(COUNTER_BYTES, bytes);
}

/**
 * An untagged, unfragmented IPv4 packet without options that carries TCP or UDP; false for any
 * other.
 */
// @ts-ignore: decorator
@inline
function parsePlain(packet: Packet, descriptor: Descriptor): bool {
  const isRaw = descriptor.link == LINK_SLOT_RAW;
  const linkLength: u32 = isRaw ? 0 : ETHERNET_SIZE;
  if (descriptor.length < linkLength + IPV4_SIZE + TCP_SIZE) return false;
  const l3 = descriptor.data + linkLength;
  if (!isRaw) {
    if (descriptor.link != LINK_SLOT_ETHERNET) return false;
    if (changetype<Ethernet>(descriptor.data).type != TYPE_IPV4) return false;
  }
  const ip = changetype<Ipv4>(l3);
  if (load<u8>(l3) != PLAIN || ip.isFragment) return false;
  const total = ip.total;
  if (linkLength + total > descriptor.wireLength) return false;
  const proto = ip.proto;
  if (!isPlainTransport(l3 + IPV4_SIZE, total - IPV4_SIZE, proto)) return false;
  packet.l3 = l3;
  packet.l4 = l3 + IPV4_SIZE;
  packet.family = <u8>FAMILY_IPV4;
  packet.proto = proto;
  aim4(packet, proto);
  return true;
}

/**
 * Whether a whole TCP or UDP header fits `payload` bytes; signed, so that a short total is refused
 * too.
 */
// @ts-ignore: decorator
@inline
function isPlainTransport(l4: usize, payload: i32, proto: u32): bool {
  if (proto == PROTO_TCP) {
    const header = changetype<Tcp>(l4).headerLength;
    return header >= TCP_SIZE && <i32>header <= payload;
  }
  if (proto != PROTO_UDP) return false;
  const length = changetype<Udp>(l4).length;
  return length >= UDP_SIZE && <i32>length <= payload;
}

/** Any other packet; one that ends here has no family and no candidate. */
function parseAny(packet: Packet): void {
  clearOutcome(packet.descriptor);
  const outcome = walk.parse(packet);
  if (outcome == CONTINUE) return;
  finish(packet, outcome);
  packet.family = 0;
  packet.control = NOTHING;
  packet.hash = 0;
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

/** Loop 2: asks for the control bytes. */
export function touchControl(packets: u32): void {
  let sink: u32 = 0;
  for (let i: u32 = 0; i < packets; i++) sink ^= load<u32>(packetAt(i).control);
  store<u32>(SINK, sink);
}

/** Loop 3: from tags to candidates, and asks for those. */
export function touchEntries(packets: u32): void {
  for (let i: u32 = 0; i < packets; i++) match(packetAt(i));
  let sink: u32 = 0;
  for (let i: u32 = 0; i < packets; i++) {
    const packet = packetAt(i);
    sink ^= load<u32>(packet.candidate);
    if (packet.family == FAMILY_IPV6) sink ^= load<u32>(packet.candidate, SECOND_LINE);
  }
  store<u32>(SINK, sink);
}

// @ts-ignore: decorator
@inline
function match(packet: Packet): void {
  const bits = matches(packet.control, packet.hash);
  if (bits == 0) packet.candidate = NOTHING;
  else if (packet.family == FAMILY_IPV4)
    packet.candidate = entryOf<Connection4>(TABLE4, packet, bits);
  else packet.candidate = entryOf<Connection6>(TABLE6, packet, bits);
}

// @ts-ignore: decorator
@inline
function entryOf<E>(table: Table, packet: Packet, bits: u32): usize {
  const group = <u32>(packet.control - table.control) / CONTROL_SIZE;
  return at<E>(table, group * GROUP_SLOTS + ctz<u32>(bits));
}

/** Loop 4: verdicts, in packet order. */
export function settle(packets: u32): void {
  let origs: u32 = 0;
  let replies: u32 = 0;
  for (let i: u32 = 0; i < packets; i++) {
    const packet = packetAt(i);
    if (packet.family == 0) continue;
    const outcome = packet.family == FAMILY_IPV4 ? settlePlain4(packet) : settlePlain6(packet);
    if (outcome == ESTABLISHED) origs++;
    else if (outcome == REPLY) replies++;
    else settleAny(packet);
  }
  counters.count(ESTABLISHED, origs);
  counters.count(REPLY, replies);
}

// @ts-ignore: decorator
@inline
function settlePlain4(packet: Packet): u32 {
  return settlePlain<Tuple4, Connection4>(packet);
}

function settlePlain6(packet: Packet): u32 {
  return settlePlain<Tuple6, Connection6>(packet);
}

/** The short way: CONTINUE when the packet has to take the long one. */
// @ts-ignore: decorator
@inline
function settlePlain<K, E extends Entry>(packet: Packet): u32 {
  if (!equal<K>(packet.candidate, packet.key)) return CONTINUE;
  const entry = changetype<E>(packet.candidate);
  return isSteady<E>(packet, entry) ? translate<E>(packet, entry) : CONTINUE;
}

/**
 * Flags of a direction with which a plain packet changes nothing, a bit for each combination:
 * nobody has answered the opener, or answers are nothing new.
 */
const DIRECTION_FLAGS: u32 = FLAG_REPLY | FLAG_SEEN_REPLY | FLAG_ASSURED;
const STEADY: u32 =
  (1 << 0) |
  (1 << (FLAG_SEEN_REPLY | FLAG_ASSURED)) |
  (1 << (FLAG_REPLY | FLAG_SEEN_REPLY | FLAG_ASSURED));

/** Whether the connection is fresh and the packet leaves its state as it is. */
// @ts-ignore: decorator
@inline
function isSteady<E extends Entry>(packet: Packet, entry: E): bool {
  if (!((STEADY >>> (entry.flags & DIRECTION_FLAGS)) & 1)) return false;
  const state: u32 = entry.state;
  if (packet.proto == PROTO_TCP) {
    if (state != STATE_ESTABLISHED) return false;
    if ((changetype<Tcp>(packet.l4).flags & FLAGS_COUNTED) != FLAG_ACK) return false;
  } else if (packet.proto != PROTO_UDP) {
    return false;
  }
  return clock.now() - entry.lastSeen <= CONFIG.timeout(state);
}

/** Translates a packet of a steady connection. */
// @ts-ignore: decorator
@inline
function translate<E extends Entry>(packet: Packet, entry: E): u32 {
  const descriptor = packet.descriptor;
  refresh<E>(entry);
  nat.rewriteNetwork<E>(packet.l3, changetype<usize>(entry));
  nat.rewriteTransport<E>(packet, entry);
  const outcome = entry.flags & FLAG_REPLY ? REPLY : ESTABLISHED;
  descriptor.outcome = outcome;
  descriptor.service = 0;
  descriptor.backend = entry.backend;
  descriptor.out = entry.flags & FLAG_MASQUERADE ? OUT_FLAG_MASQUERADE : 0;
  return outcome;
}

/** Every other packet. */
function settleAny(packet: Packet): void {
  clearOutcome(packet.descriptor);
  finish(packet, walk.judge(packet));
}
