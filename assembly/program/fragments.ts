/**
 * The walk of a fragment. The datagram is judged once, by the first bytes of its transport header,
 * which stand in one fragment or in several; what came before is held until then, and every
 * fragment gets its part of the translation. The kernel puts datagrams together instead
 * (nf_defrag_ipv4, nf_defrag_ipv6).
 */
import { FLAG_MASQUERADE } from "../../abi/conntrack";
import {
  COUNTER_FRAGMENTS_HELD,
  COUNTER_FRAGMENTS_RELEASED,
  CT4_TUPLE_SIZE,
  FAMILY_IPV4,
  OUT_FLAG_MASQUERADE,
} from "../../abi/layout";
import {
  REASON_FRAGMENT_FULL,
  REASON_FRAGMENT_OVERLAP,
  REASON_NONE,
  VERDICT_PASS,
} from "../../abi/verdict";
import * as counters from "../flow/counters";
import * as fragment from "../flow/fragment";
import { judge } from "../flow/judge";
import * as nat from "../flow/nat";
import {
  CONTINUE,
  ESTABLISHED,
  HOLD,
  MALFORMED_TRANSPORT,
  PASS,
  REPLY,
  TRUNCATED,
  dropFragment,
} from "../flow/outcome";
import * as piece from "../flow/piece";
import * as traffic from "../flow/traffic";
import * as tuple from "../flow/tuple";
import * as connections from "../maps/connections";
import { Tuple4, Tuple6 } from "../maps/connections";
import * as datagrams from "../maps/datagrams";
import { DECIDED, DROPPED, Datagram, WAITING } from "../maps/datagrams";
import * as held from "../maps/held";
import { Descriptor, Packet } from "../packet";
import * as crc32c from "../wire/crc32c";
import { PROTO_SCTP, Sctp } from "../wire/sctp";
import { PROTO_TCP, TCP_SIZE, Tcp } from "../wire/tcp";
import { PROTO_UDP, UDP_SIZE, Udp } from "../wire/udp";

/** Descriptor of the first packet of the batch, and bytes from one to the next. */
let batch: usize = 0;
let stride: u32 = 0;

/** A call of `process` begins: the places of what the last one has let go are free again. */
export function begin(descriptors: usize, apart: u32): void {
  batch = descriptors;
  stride = apart;
  held.begin();
}

export function enter(packet: Packet): u32 {
  const fault = fragment.check(packet);
  if (fault != CONTINUE) return fault;
  const datagram = fragment.find(packet);
  if (datagram == null) return dropFragment(REASON_FRAGMENT_FULL);
  if (datagram.status == DROPPED) return dropAfter(packet, datagram);
  const reason = fragment.mark(packet, datagram);
  if (reason == REASON_FRAGMENT_OVERLAP) abandon(datagram, reason, 0, 0);
  if (reason != REASON_NONE) return dropFragment(reason);
  return datagram.status == WAITING ? wait(packet, datagram) : follow(packet, datagram);
}

/** A fragment of a datagram that was refused. */
function dropAfter(packet: Packet, datagram: Datagram): u32 {
  packet.descriptor.service = datagram.service;
  packet.descriptor.backend = datagram.backend;
  return dropFragment(datagram.reason);
}

/** Drops the datagram from here on. */
function abandon(datagram: Datagram, reason: u32, service: u32, backend: u32): void {
  fragment.discard(datagram);
  datagram.status = DROPPED;
  datagram.reason = <u8>reason;
  datagram.service = service;
  datagram.backend = backend;
}

/** A fragment of a datagram that is not decided: does it bring what was lacking? */
function wait(packet: Packet, datagram: Datagram): u32 {
  fragment.locate(packet, datagram);
  const isCaptured = fragment.collect(packet, datagram);
  if (isCaptured && fragment.isReady(datagram)) return decide(packet, datagram);
  if (!isWhole(packet)) {
    fragment.unmark(packet, datagram);
    return TRUNCATED;
  }
  return hold(packet, datagram);
}

function isWhole(packet: Packet): bool {
  return packet.end <= packet.captureEnd;
}

function hold(packet: Packet, datagram: Datagram): u32 {
  const descriptor = packet.descriptor;
  if (!held.hasRoom(descriptor.length)) {
    fragment.unmark(packet, datagram);
    return dropFragment(REASON_FRAGMENT_FULL);
  }
  const place = held.hold(descriptor);
  const frame = held.at(place);
  frame.l3 = frame.data + packet.linkLength;
  frame.l4 = frame.l3 + (packet.l4 - packet.l3);
  frame.end = frame.l3 + (packet.end - packet.l3);
  frame.offset = packet.offset;
  if (datagram.lastHeld == 0) datagram.firstHeld = place;
  else held.at(datagram.lastHeld).next = place;
  datagram.lastHeld = place;
  counters.add(COUNTER_FRAGMENTS_HELD, 1);
  return HOLD;
}

/** Judges the datagram by its transport header; what was held goes the same way. */
function decide(packet: Packet, datagram: Datagram): u32 {
  const outcome = judgeDatagram(packet, datagram);
  const descriptor = packet.descriptor;
  if ((outcome & 0xff) != VERDICT_PASS) {
    abandon(datagram, (outcome >>> 16) & 0xff, descriptor.service, descriptor.backend);
    return outcome;
  }
  datagram.status = DECIDED;
  datagram.outcome = PASS;
  if (packet.ref != 0) adopt(packet, datagram);
  if (datagram.outcome != PASS) piece.rewrite(piece.ofPacket(packet), datagram);
  release(datagram, <u32>(changetype<usize>(descriptor) - batch) / stride);
  if (datagram.isComplete) datagrams.remove(datagram);
  return outcome;
}

/**
 * The walk of a whole packet, on the header as it was put together; nothing of the packet is
 * replaced yet.
 */
function judgeDatagram(packet: Packet, datagram: Datagram): u32 {
  const size = tuple.headerSize(datagram.transport);
  packet.ref = 0;
  if (size == 0) return PASS;
  if (datagram.isComplete && datagram.end - datagram.start < size) return MALFORMED_TRANSPORT;
  const l4 = packet.l4;
  const end = packet.end;
  packet.proto = datagram.transport;
  if (packet.proto == PROTO_SCTP) aimAtAll(packet, datagram);
  else aimAtHeader(packet, datagram.header, size);
  const outcome = isSound(packet) ? judgeFlow(packet) : MALFORMED_TRANSPORT;
  packet.l4 = l4;
  packet.end = end;
  return outcome;
}

function judgeFlow(packet: Packet): u32 {
  tuple.form(packet);
  return judge(packet);
}

function aimAtHeader(packet: Packet, header: usize, size: u32): void {
  packet.l4 = header;
  packet.end = header + size;
}

/**
 * Puts the datagram together; what the capture lacks of it can only be at the end of the fragment
 * at hand.
 */
function aimAtAll(packet: Packet, datagram: Datagram): void {
  const base = datagrams.assembly();
  for (let place = datagram.firstHeld; place != 0; place = held.at(place).next) {
    piece.assemble(piece.ofHeld(held.at(place)));
  }
  const last = piece.ofPacket(packet);
  piece.assemble(last);
  const end = isWhole(packet) ? datagram.end : last.offset + last.length;
  packet.l4 = base + datagram.start;
  packet.end = base + end;
}

/** What the fixed header says of lengths: RFC 9293 section 3.1 (data offset), RFC 768 (length). */
function isSound(packet: Packet): bool {
  if (packet.proto == PROTO_TCP) return changetype<Tcp>(packet.l4).headerLength >= TCP_SIZE;
  return packet.proto != PROTO_UDP || changetype<Udp>(packet.l4).length >= UDP_SIZE;
}

/**
 * Takes over what the connection makes of its packets: it may be gone before the last fragment
 * comes.
 */
function adopt(packet: Packet, datagram: Datagram): void {
  if (packet.family == FAMILY_IPV4) adoptConnection<Tuple4>(packet.ref, datagram);
  else adoptConnection<Tuple6>(packet.ref, datagram);
  if (datagram.transport == PROTO_SCTP && isWhole(packet)) seal(datagram);
}

function adoptConnection<K>(ref: usize, datagram: Datagram): void {
  const connection = connections.at(ref);
  datagram.outcome = connections.directionOf(ref) != 0 ? REPLY : ESTABLISHED;
  datagram.out = connection.flags & FLAG_MASQUERADE ? <u16>OUT_FLAG_MASQUERADE : 0;
  datagram.backend = connection.backend;
  datagram.newPorts = nat.portsOf<K>(ref);
  datagram.ipDelta = <u16>connections.ipDeltaOf(ref);
  datagram.l4Delta = <u16>connections.l4DeltaOf(ref);
  if (offsetof<K>() == CT4_TUPLE_SIZE) store<u64>(datagram.addresses, nat.addressesOf4(ref));
  else nat.copyAddresses6(datagram.addresses, ref);
}

/** The checksum of SCTP after translation, over the datagram put together. */
function seal(datagram: Datagram): void {
  const l4 = datagrams.assembly() + datagram.start;
  const sctp = changetype<Sctp>(l4);
  sctp.ports = datagram.newPorts;
  sctp.check = 0;
  datagram.crc = crc32c.compute(l4, datagram.end - datagram.start);
  datagram.hasCrc = true;
}

/** Lets go what was held, in the order it came. */
function release(datagram: Datagram, by: u32): void {
  let place = datagram.firstHeld;
  while (place != 0) {
    const frame = held.at(place);
    const part = piece.ofHeld(frame);
    const ports = piece.portsOf(part, datagram);
    bear(frame, datagram);
    frame.outcome = datagram.outcome;
    if (datagram.outcome != PASS) piece.rewrite(part, datagram);
    place = held.release(place, by, ports);
    counters.add(COUNTER_FRAGMENTS_RELEASED, 1);
  }
  datagram.firstHeld = 0;
  datagram.lastHeld = 0;
}

/** Names the backend of a fragment that did not decide, and counts it as its traffic. */
function bear(descriptor: Descriptor, datagram: Datagram): void {
  descriptor.service = 0;
  descriptor.backend = datagram.backend;
  descriptor.out = datagram.out;
  traffic.count(datagram.backend, datagram.outcome == REPLY, descriptor.length);
}

/** A fragment of a datagram that is decided. */
function follow(packet: Packet, datagram: Datagram): u32 {
  const outcome = datagram.outcome;
  bear(packet.descriptor, datagram);
  if (outcome != PASS) piece.rewrite(piece.ofPacket(packet), datagram);
  if (datagram.isComplete) datagrams.remove(datagram);
  return outcome;
}
