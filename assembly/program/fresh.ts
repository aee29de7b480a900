/**
 * Packets of a group that belong to no connection yet: finds the service ports they dial, and asks
 * for the cache lines that opening a connection takes, all packets side by side. What is known only
 * when a packet's turn comes, such as which backend is drawn, is guessed; a wrong guess costs a
 * line that nobody reads. With 65,536 new connections that takes 0.8x.
 */
import { CLASS_OTHER, FAMILY_IPV4, SCHEDULER_MAGLEV, SERVICE_SIZE } from "../../abi/layout";
import { GROUP_LENGTH } from "../../abi/limits";
import { ACTION_DNAT } from "../../abi/verdict";
import { mapped, unmapped } from "../flow/address";
import * as balance from "../flow/balance";
import * as random from "../flow/random";
import { row } from "../maps/array";
import { Backend } from "../maps/backends";
import * as backends from "../maps/backends";
import { TABLE4, TABLE6, Tuple4, Tuple6 } from "../maps/connections";
import { hash, hashPair, hashThree } from "../maps/hash";
import { bucketOf, keyOf } from "../maps/index";
import { upcoming } from "../maps/records";
import { Ring, SLOTS, Slot } from "../maps/rings";
import * as rings from "../maps/rings";
import { Service, Vip, wordOf } from "../maps/services";
import * as services from "../maps/services";
import { CONTROL_SIZE, GROUP_SLOTS, at, equal, home, lookup, matches, over } from "../maps/swiss";
import { Traffic } from "../maps/traffic";
import * as traffic from "../maps/traffic";
import { Packet, packetAt } from "../packet";
import { Ipv4 } from "../wire/ipv4";
import { Ipv6 } from "../wire/ipv6";

/** A packet on its way through the loops. */
@unmanaged
class Fresh {
  /** The vip it dials: key of `services`. */
  address0: u64;
  address1: u64;
  word: u32;
  hash: u32;
  packet: Packet;
  /** What the next loop reads. */
  at: usize;
}

const FRESH = memory.data(GROUP_LENGTH * 32, 64);
if (offsetof<Fresh>() != 32) ERROR("Fresh has outgrown its room");
/** Takes what the loops read, so that their loads are not idle. */
const SINK = memory.data(8, 8);
/** A service port of no address, and a slot of no backend. */
const NOTHING = memory.data(SERVICE_SIZE, 64);
const LINE: usize = 64;

/** Connections from which on what is written anew is touched: with 4,096 that takes 4 ns. */
const TOUCHED_MIN: u32 = 8192;

// @ts-ignore: decorator
@inline
function freshAt(index: u32): Fresh {
  return changetype<Fresh>(FRESH + index * offsetof<Fresh>());
}

/** Prepares the packets of a group; those without a tuple have the bucket `none`. */
export function prepare(packets: u32, none: usize): void {
  const fresh = gather(packets, none);
  touchServices(fresh);
  const dialling = touchRings(fresh);
  touchSlots(dialling);
  touchBackends(dialling);
  if (TABLE4.length + TABLE6.length < TOUCHED_MIN) return;
  touchBuckets(dialling);
  touchRecords(dialling);
}

/** Finds the packets, and asks for the tags of what they dial; returns how many there are. */
function gather(packets: u32, none: usize): u32 {
  let count: u32 = 0;
  let sink: u32 = 0;
  for (let i: u32 = 0; i < packets; i++) {
    const packet = packetAt(i);
    if (packet.bucket == none || isKnown(packet)) continue;
    const each = freshAt(count++);
    each.packet = packet;
    aim(each, packet);
    sink ^= load<u32>(each.at);
  }
  store<u32>(SINK, sink);
  return count;
}

/** Whether the candidate of a packet is its connection. */
// @ts-ignore: decorator
@inline
function isKnown(packet: Packet): bool {
  const ref = packet.candidate;
  return packet.family == FAMILY_IPV4
    ? equal<Tuple4>(keyOf<Tuple4>(ref), packet.key)
    : equal<Tuple6>(keyOf<Tuple6>(ref), packet.key);
}

/** Forms the vip that the packet dials. */
// @ts-ignore: decorator
@inline
function aim(each: Fresh, packet: Packet): void {
  const is4 = packet.family == FAMILY_IPV4;
  const ipv4 = changetype<Ipv4>(packet.l3);
  const daddr6 = changetype<Ipv6>(packet.l3).daddr;
  const address0 = is4 ? 0 : load<u64>(daddr6);
  const address1 = is4 ? mapped(ipv4.daddr) : load<u64>(daddr6, 8);
  const word = wordOf(load<u16>(packet.l4, 2), packet.proto, packet.family);
  const hash = hashThree(address0, address1, word);
  each.address0 = address0;
  each.address1 = address1;
  each.word = word;
  each.hash = hash;
  each.at = services.TABLE.control + home(hash, services.TABLE.groups) * CONTROL_SIZE;
}

/** Asks for the service ports whose tags match. */
function touchServices(count: u32): void {
  let sink: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const each = freshAt(i);
    each.at = candidateOf(each);
    sink ^= load<u32>(each.at);
  }
  store<u32>(SINK, sink);
}

/** The first service port of the home group with its tag; 0 when neither it nor another has it. */
// @ts-ignore: decorator
@inline
function candidateOf(each: Fresh): usize {
  const bits = matches(each.at, each.hash);
  if (bits == 0) return over(each.at) == 0 ? 0 : NOTHING;
  const group = <u32>(each.at - services.TABLE.control) / CONTROL_SIZE;
  return at<Service>(services.TABLE, group * GROUP_SLOTS + ctz<u32>(bits));
}

/**
 * Names the service ports to their packets, and asks for the rings that the most common class of
 * sources takes; returns how many packets have one.
 */
function touchRings(count: u32): u32 {
  let kept: u32 = 0;
  let sink: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const each = freshAt(i);
    const service = serviceOf(each);
    if (service == null) continue;
    each.packet.service = changetype<usize>(service);
    const route = service.route(CLASS_OTHER);
    const ring = rings.lookup(service.number, route.ring);
    if (ring == null || route.action != ACTION_DNAT) continue;
    const next = freshAt(kept++);
    next.packet = each.packet;
    next.at = changetype<usize>(ring);
    sink ^= ring.length;
  }
  store<u32>(SINK, sink);
  return kept;
}

/** The candidate, or what another slot has for the vip: draws are guessed by counting them. */
// @ts-ignore: decorator
@inline
function serviceOf(each: Fresh): Service | null {
  if (each.at == 0) return null;
  const vip = changetype<usize>(each);
  if (equal<Vip>(each.at, vip)) return changetype<Service>(each.at);
  return changetype<Service | null>(lookup<Vip, Service>(services.TABLE, vip, each.hash));
}

/** Asks for slots, the next ones in turn where they are drawn. */
function touchSlots(count: u32): void {
  let sink: u32 = 0;
  let state = random.randomState();
  for (let i: u32 = 0; i < count; i++) {
    const each = freshAt(i);
    const ring = changetype<Ring>(each.at);
    let index: u32 = 0;
    if (ring.scheduler == SCHEDULER_MAGLEV) {
      const service = changetype<Service>(each.packet.service);
      index = balance.hashOf(each.packet, service) % max<u32>(ring.length, 1);
    } else {
      state = random.after(state);
      index = random.scaled(state, ring.length);
    }
    const slot = row<Slot>(SLOTS, ring.base + index);
    each.at = slot == 0 ? NOTHING : slot;
    sink ^= load<u32>(each.at);
  }
  store<u32>(SINK, sink);
}

/** Asks for the backends in the slots, and for what is counted of them. */
function touchBackends(count: u32): void {
  let sink: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const each = freshAt(i);
    const number = changetype<Slot>(each.at).backend;
    const backend = row<Backend>(backends.ROWS, number);
    each.at = backend == 0 ? NOTHING : backend;
    sink ^= load<u32>(each.at) ^ load<u32>(row<Traffic>(traffic.BACKENDS, number));
  }
  store<u32>(SINK, sink);
}

/** Asks for the buckets of the replies. */
function touchBuckets(count: u32): void {
  let sink: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const packet = freshAt(i).packet;
    const backend = changetype<Backend>(freshAt(i).at);
    const is4 = packet.family == FAMILY_IPV4;
    sink ^= load<u32>(is4 ? bucket4(packet, backend) : bucket6(packet, backend));
  }
  store<u32>(SINK, sink);
}

// @ts-ignore: decorator
@inline
function bucket4(packet: Packet, backend: Backend): usize {
  const isOwn = isMasqueraded(packet);
  const daddr = isOwn ? unmapped(backend.masquerade1) : changetype<Ipv4>(packet.l3).saddr;
  const addresses = <u64>unmapped(backend.address1) | (<u64>daddr << 32);
  return bucketOf(TABLE4, hashPair(addresses, replyTail(packet, backend)));
}

const REPLY = changetype<Tuple6>(memory.data(offsetof<Tuple6>(), 16));

function bucket6(packet: Packet, backend: Backend): usize {
  const own = changetype<usize>(backend) + offsetof<Backend>("masquerade0");
  const daddr = isMasqueraded(packet) ? own : changetype<Ipv6>(packet.l3).saddr;
  const key = changetype<usize>(REPLY);
  v128.store(key, v128.load(changetype<usize>(backend)));
  v128.store(key, v128.load(daddr), offsetof<Tuple6>("daddr0"));
  store<u64>(key, replyTail(packet, backend), offsetof<Tuple6>("sport"));
  return bucketOf(TABLE6, hash<Tuple6>(key));
}

// @ts-ignore: decorator
@inline
function isMasqueraded(packet: Packet): bool {
  return changetype<Service>(packet.service).route(CLASS_OTHER).masquerade != 0;
}

/** Both ports, the client's own where that is free, and the protocol. */
// @ts-ignore: decorator
@inline
function replyTail(packet: Packet, backend: Backend): u64 {
  const ports = <u64>backend.port | (<u64>load<u16>(packet.l4) << 16);
  return ports | (<u64>packet.proto << 32);
}

/** Asks for the records that will be taken. */
function touchRecords(count: u32): void {
  let sink: u32 = 0;
  let record4: usize = 0;
  let record6: usize = 0;
  for (let i: u32 = 0; i < count; i++) {
    if (freshAt(i).packet.family == FAMILY_IPV4) {
      record4 = upcoming(TABLE4, record4);
      sink ^= load<u32>(record4) ^ load<u32>(record4, LINE);
    } else {
      record6 = upcoming(TABLE6, record6);
      sink ^= load<u32>(record6) ^ load<u32>(record6, LINE) ^ load<u32>(record6, 2 * LINE);
    }
  }
  store<u32>(SINK, sink);
}
