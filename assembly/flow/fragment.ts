/**
 * A fragment: whether it is in order, where it belongs in its datagram, and the part of a
 * translation that falls to it.
 */
import { COUNTER_FRAGMENTS_DISCARDED, FAMILY_IPV4, FAMILY_IPV6 } from "../../abi/layout";
import { DATAGRAM_MAX } from "../../abi/limits";
import { REASON_FRAGMENT_DUPLICATE, REASON_FRAGMENT_OVERLAP, REASON_NONE } from "../../abi/verdict";
import { CONFIG } from "../maps/config";
import * as datagrams from "../maps/datagrams";
import { Datagram, DatagramKey, UNITS_MAX, unitsOf } from "../maps/datagrams";
import * as held from "../maps/held";
import { Packet } from "../packet";
import { PROTO_SCTP } from "../wire/sctp";
import { takeAddresses } from "./address";
import { earlier, now } from "./clock";
import * as counters from "./counters";
import * as extensions from "./extensions";
import { CONTINUE, MALFORMED, MALFORMED_TRANSPORT, TRUNCATED } from "./outcome";
import { headerSize } from "./tuple";

/** Checks a fragment by itself. */
export function check(packet: Packet): u32 {
  const length = <u32>(packet.end - packet.l4);
  const isRagged = packet.more != 0 && (length & 7) != 0;
  if (length == 0 || isRagged || packet.offset + length > <u32>DATAGRAM_MAX) return MALFORMED;
  return isFirst6(packet) ? checkFirst6(packet) : CONTINUE;
}

function isFirst6(packet: Packet): bool {
  return packet.family == FAMILY_IPV6 && packet.offset == 0;
}

/** The first fragment of IPv6 holds every header: RFC 7112 section 5. */
function checkFirst6(packet: Packet): u32 {
  const chain = extensions.begin(packet.l4, packet.end, packet.captureEnd, packet.proto);
  const outcome = extensions.walk(chain);
  if (outcome == TRUNCATED) return TRUNCATED;
  if (outcome != CONTINUE || chain.isFragment) return MALFORMED_TRANSPORT;
  const behind = chain.at + headerSize(chain.proto);
  if (behind > packet.end) return MALFORMED_TRANSPORT;
  return behind > packet.captureEnd ? TRUNCATED : CONTINUE;
}

const KEY = changetype<DatagramKey>(memory.data(40, 16));
if (offsetof<DatagramKey>() > 40) ERROR("DatagramKey has outgrown its room");

function keyOf(packet: Packet): usize {
  const key = changetype<usize>(KEY);
  const source = key + offsetof<DatagramKey>("saddr0");
  takeAddresses(packet.l3, packet.family, source, key + offsetof<DatagramKey>("daddr0"));
  KEY.id = packet.id;
  KEY.proto = packet.family == FAMILY_IPV4 ? packet.proto : 0;
  KEY.family = packet.family;
  return key;
}

/** The datagram of a fragment, perhaps a new one; null when there is no room to follow another. */
export function find(packet: Packet): Datagram | null {
  const key = keyOf(packet);
  const known = datagrams.lookup(key);
  if (known != null) {
    if (!isExpired(known)) return known;
    forget(known);
  }
  if (datagrams.isFull()) sweep();
  const datagram = datagrams.insert(key);
  if (datagram != null) datagram.created = now();
  return datagram;
}

function isExpired(datagram: Datagram): bool {
  const is4 = datagram.family == FAMILY_IPV4;
  const timeout = is4 ? CONFIG.fragment4Timeout : CONFIG.fragment6Timeout;
  return now() - datagram.created > timeout;
}

/** Gives up what is held of a datagram. */
export function discard(datagram: Datagram): void {
  let count: u64 = 0;
  for (let place = datagram.firstHeld; place != 0; place = held.discard(place)) count++;
  datagram.firstHeld = 0;
  datagram.lastHeld = 0;
  if (count != 0) counters.add(COUNTER_FRAGMENTS_DISCARDED, count);
}

function forget(datagram: Datagram): void {
  discard(datagram);
  datagrams.remove(datagram);
}

/** Forgets the datagrams whose time is over. */
export function sweep(): void {
  sweepFamily(FAMILY_IPV4);
  sweepFamily(FAMILY_IPV6);
}

function sweepFamily(family: u32): void {
  let datagram = datagrams.oldest(family);
  while (datagram != null && isExpired(datagram)) {
    forget(datagram);
    datagram = datagrams.oldest(family);
  }
}

/** Forgets all of them. */
export function flush(): void {
  flushFamily(FAMILY_IPV4);
  flushFamily(FAMILY_IPV6);
}

function flushFamily(family: u32): void {
  let datagram = datagrams.oldest(family);
  while (datagram != null) {
    forget(datagram);
    datagram = datagrams.oldest(family);
  }
}

/** Moves the origin of stored times. */
export function rebase(delta: u32): void {
  rebaseFamily(FAMILY_IPV4, delta);
  rebaseFamily(FAMILY_IPV6, delta);
}

function rebaseFamily(family: u32, delta: u32): void {
  let datagram = datagrams.oldest(family);
  while (datagram != null) {
    datagram.created = earlier(datagram.created, delta);
    datagram = datagrams.after(datagram);
  }
}

/** Units of a fragment: the first, and the one behind its last. */
function firstUnit(packet: Packet): u32 {
  return packet.offset >>> 3;
}

function endUnit(packet: Packet): u32 {
  return unitsOf(endOf(packet));
}

/** Where the fragment ends in its datagram. */
function endOf(packet: Packet): u32 {
  return packet.offset + <u32>(packet.end - packet.l4);
}

/**
 * Marks what the fragment brings, or says for which REASON_ it does not: it was here before, or
 * overlaps others or the end, which ruins its datagram (RFC 5722 section 3, for IPv4 too).
 */
export function mark(packet: Packet, datagram: Datagram): u32 {
  const from = firstUnit(packet);
  const to = endUnit(packet);
  const seen = datagrams.countSeen(datagram, from, to);
  if (seen == to - from) return REASON_FRAGMENT_DUPLICATE;
  if (seen != 0 || !agreesWithEnd(packet, datagram)) return REASON_FRAGMENT_OVERLAP;
  datagrams.mark(datagram, from, to);
  if (packet.more == 0) datagram.end = endOf(packet);
  return REASON_NONE;
}

function agreesWithEnd(packet: Packet, datagram: Datagram): bool {
  const end = endOf(packet);
  if (datagram.end != 0) return packet.more != 0 && end <= datagram.end;
  return packet.more != 0 || datagrams.countSeen(datagram, endUnit(packet), UNITS_MAX) == 0;
}

/** Takes back what `mark` did: the fragment is neither held nor let through. */
export function unmark(packet: Packet, datagram: Datagram): void {
  datagrams.unmark(datagram, firstUnit(packet), endUnit(packet));
  if (packet.more == 0) datagram.end = 0;
}

/**
 * Learns where the transport header begins: IPv4 has it first, IPv6 behind the headers of the first
 * fragment.
 */
export function locate(packet: Packet, datagram: Datagram): void {
  if (isFirst6(packet)) {
    const chain = extensions.begin(packet.l4, packet.end, packet.captureEnd, packet.proto);
    extensions.walk(chain);
    datagram.start = <u32>(chain.at - packet.l4);
    datagram.transport = chain.proto;
  } else if (packet.family == FAMILY_IPV4) {
    datagram.transport = packet.proto;
  } else {
    return;
  }
  datagram.begun = true;
}

/**
 * Keeps the bytes of the transport header that the fragment holds; false when the capture lacks
 * some.
 */
export function collect(packet: Packet, datagram: Datagram): bool {
  if (!datagram.begun) return true;
  const start = datagram.start;
  const from = max<u32>(packet.offset, start);
  const to = min<u32>(endOf(packet), start + headerSize(datagram.transport));
  if (from >= to) return true;
  const at = packet.l4 + (from - packet.offset);
  if (at + (to - from) > packet.captureEnd) return false;
  memory.copy(datagram.header + (from - start), at, to - from);
  return true;
}

/**
 * Whether enough has come to decide: the transport header, or all there is. The checksum of SCTP is
 * over everything.
 */
export function isReady(datagram: Datagram): bool {
  if (!datagram.begun) return false;
  if (datagram.isComplete) return true;
  if (datagram.transport == PROTO_SCTP) return false;
  const size = headerSize(datagram.transport);
  if (size == 0) return datagrams.countSeen(datagram, 0, 1) == 1;
  const from = datagram.start >>> 3;
  const to = unitsOf(datagram.start + size);
  return datagrams.countSeen(datagram, from, to) == to - from;
}
