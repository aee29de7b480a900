/** The four loops over a group of packets, and the short way of the packets that most packets are. */
import {
  FLAG_ASSURED,
  FLAG_MASQUERADE,
  FLAG_REPLY,
  FLAG_SEEN_REPLY,
  STATE_ESTABLISHED,
  STATE_UDP_STREAM,
} from "../../abi/conntrack";
import {
  COUNTER_BYTES,
  CT6_SIZE,
  DESC_SIZE,
  FAMILY_IPV4,
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
import { Connection4, Connection6, TABLE4, TABLE6, Tuple4 } from "../maps/connections";
import { tailMask } from "../maps/hash";
import { CONTROL_SIZE, GROUP_SLOTS, Table, at, matches } from "../maps/swiss";
import { Descriptor, Packet, packetAt } from "../packet";
import { ETHERNET_SIZE, Ethernet, TYPE_IPV4 } from "../wire/ethernet";
import { FRAGMENT_MASK, IPV4_SIZE, Ipv4, PLAIN } from "../wire/ipv4";
import { FLAG_ACK, PROTO_TCP, TCP_SIZE, Tcp } from "../wire/tcp";
import { PROTO_UDP, UDP_SIZE, Udp } from "../wire/udp";
import * as walk from "./walk";

/** An entry without a key, and control bytes without a tag: where packets without a candidate point. */
const NOTHING = memory.data(CT6_SIZE, 64);
/** Takes what the touching loops read, so that their loads are not idle. */
const SINK = memory.data(8, 8);

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

/** An untagged, unfragmented IPv4 packet without options that carries TCP or UDP; false for any other. */
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

/** Whether a whole TCP or UDP header fits `payload` bytes; signed, so that a short total is refused too. */
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
  for (let i: u32 = 0; i < packets; i++) sink ^= load<u32>(packetAt(i).candidate);
  store<u32>(SINK, sink);
}

// @ts-ignore: decorator
@inline
function match(packet: Packet): void {
  const bits = matches(packet.control, packet.hash);
  if (bits == 0) packet.candidate = NOTHING;
  else if (packet.family == FAMILY_IPV4) packet.candidate = entryOf<Connection4>(TABLE4, packet, bits);
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
    if (isSteady(packet)) {
      const isReply = translate(packet, changetype<Connection4>(packet.candidate));
      origs += 1 - isReply;
      replies += isReply;
    } else if (packet.family != 0) {
      settleAny(packet);
    }
  }
  counters.count(ESTABLISHED, origs);
  counters.count(REPLY, replies);
}

/** Flags of the directions of a connection in which a plain packet changes nothing, a bit for each. */
const DIRECTION_FLAGS: u32 = FLAG_REPLY | FLAG_SEEN_REPLY | FLAG_ASSURED;
const STEADY: u32 =
  (1 << 0) |
  (1 << (FLAG_SEEN_REPLY | FLAG_ASSURED)) |
  (1 << (FLAG_REPLY | FLAG_SEEN_REPLY | FLAG_ASSURED));

/** Whether the candidate is the packet's IPv4 connection, fresh, and the packet leaves its state as it is. */
// @ts-ignore: decorator
@inline
function isSteady(packet: Packet): bool {
  if (packet.family != FAMILY_IPV4) return false;
  const entry = changetype<Connection4>(packet.candidate);
  const word = load<u64>(packet.candidate, offsetof<Tuple4>("sport"));
  if (load<u64>(packet.candidate) != packet.key0) return false;
  if ((word & tailMask<Tuple4>()) != packet.key1) return false;
  if (!((STEADY >>> (entry.flags & DIRECTION_FLAGS)) & 1)) return false;
  const state: u32 = entry.state;
  if (packet.proto == PROTO_TCP) {
    if (state != STATE_ESTABLISHED) return false;
    if ((changetype<Tcp>(packet.l4).flags & FLAGS_COUNTED) != FLAG_ACK) return false;
  } else if (state != STATE_UDP_STREAM) {
    return false;
  }
  return clock.now() - entry.lastSeen <= CONFIG.timeout(state);
}

/** Translates a packet of a steady connection; 1 when it is a reply. */
// @ts-ignore: decorator
@inline
function translate(packet: Packet, entry: Connection4): u32 {
  const at = changetype<usize>(entry);
  const descriptor = packet.descriptor;
  const ports = load<u32>(at, offsetof<Connection4>("newSport"));
  const delta: u32 = entry.l4Delta;
  refresh<Connection4>(entry);
  nat.rewrite4(packet.l3, at);
  if (packet.proto == PROTO_TCP) nat.rewriteTcp(packet.l4, ports, delta);
  else nat.rewriteUdp(packet.l4, ports, delta);
  const isReply: u32 = entry.flags & FLAG_REPLY;
  descriptor.outcome = isReply ? REPLY : ESTABLISHED;
  descriptor.service = 0;
  descriptor.backend = entry.backend;
  descriptor.out = entry.flags & FLAG_MASQUERADE ? OUT_FLAG_MASQUERADE : 0;
  return isReply;
}

/** Every other packet. */
function settleAny(packet: Packet): void {
  clearOutcome(packet.descriptor);
  finish(packet, walk.judge(packet));
}
