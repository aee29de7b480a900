/**
 * Address translation: what a connection makes of a packet, and what that does to the checksums.
 */
import { FLAG_DIRECT } from "../../abi/conntrack";
import { CT4_TUPLE_SIZE } from "../../abi/layout";
import * as connections from "../maps/connections";
import { Tuple4, Tuple6 } from "../maps/connections";
import { keyOf } from "../maps/index";
import { Packet } from "../packet";
import * as checksum from "../wire/checksum";
import * as crc32c from "../wire/crc32c";
import { Ipv4 } from "../wire/ipv4";
import { Ipv6 } from "../wire/ipv6";
import { PROTO_SCTP, Sctp } from "../wire/sctp";
import { PROTO_TCP, Tcp } from "../wire/tcp";
import { Udp } from "../wire/udp";

/** Works out what each direction of a new connection adds to checksums. */
export function bind<K>(ref: usize): void {
  if (offsetof<K>() == CT4_TUPLE_SIZE) bind4(ref);
  else bind6(ref);
}

function bind4(ref: usize): void {
  const own = connections.tupleOf<Tuple4>(ref);
  const reply = connections.tupleOf<Tuple4>(connections.inverse(ref));
  const addresses =
    checksum.change(own.saddr, reply.daddr) + checksum.change(own.daddr, reply.saddr);
  const ports = portChange<Tuple4>(ref);
  connections.setDeltas(ref, checksum.delta(addresses), checksum.delta(addresses + ports));
}

function bind6(ref: usize): void {
  const own = connections.tupleOf<Tuple6>(ref);
  const reply = connections.tupleOf<Tuple6>(connections.inverse(ref));
  const addresses =
    wordChange(own.saddr0, reply.daddr0) +
    wordChange(own.saddr1, reply.daddr1) +
    wordChange(own.daddr0, reply.saddr0) +
    wordChange(own.daddr1, reply.saddr1);
  connections.setDeltas(ref, 0, checksum.delta(addresses + portChange<Tuple6>(ref)));
}

function wordChange(before: u64, after: u64): u64 {
  const low = checksum.change(<u32>before, <u32>after);
  return low + checksum.change(<u32>(before >>> 32), <u32>(after >>> 32));
}

function portChange<K>(ref: usize): u64 {
  return checksum.change(load<u32>(keyOf<K>(ref), offsetof<K>("sport")), portsOf<K>(ref));
}

/**
 * Translates the packet as its direction of the connection says; false when nothing is to be
 * replaced. A fragment is translated by who put its datagram together: it is told the ref.
 */
export function apply<K>(packet: Packet, ref: usize): bool {
  if (connections.at(ref).flags & FLAG_DIRECT && !changesPorts<K>(ref)) return false;
  if (packet.fragment != 0) packet.ref = ref;
  else rewrite<K>(packet, ref);
  return true;
}

/** All that may be replaced on the way to an endpoint that is dialled directly is a port. */
export function changesPorts<K>(ref: usize): bool {
  return load<u32>(keyOf<K>(ref), offsetof<K>("sport")) != portsOf<K>(ref);
}

function rewrite<K>(packet: Packet, ref: usize): void {
  rewriteNetwork<K>(packet.l3, ref);
  if (packet.proto == PROTO_SCTP) rewriteSctp(packet, portsOf<K>(ref));
  else rewriteTransport<K>(packet, ref);
}

// @ts-ignore: decorator
@inline
export function rewriteNetwork<K>(l3: usize, ref: usize): void {
  if (offsetof<K>() == CT4_TUPLE_SIZE) rewrite4(l3, ref);
  else rewrite6(l3, ref);
}

/** Addresses are copied as one word: the tuple has them in the packet's order. */
// @ts-ignore: decorator
@inline
function rewrite4(l3: usize, ref: usize): void {
  store<u64>(l3, addressesOf4(ref), offsetof<Ipv4>("saddr"));
  const ip = changetype<Ipv4>(l3);
  ip.check = <u16>checksum.update(ip.check, connections.ipDeltaOf(ref));
}

// @ts-ignore: decorator
@inline
function rewrite6(l3: usize, ref: usize): void {
  copyAddresses6(changetype<Ipv6>(l3).saddr, ref);
}

/** Both addresses after translation: those of the other direction's tuple, the other way round. */
// @ts-ignore: decorator
@inline
export function addressesOf4(ref: usize): u64 {
  return rotl<u64>(load<u64>(keyOf<Tuple4>(connections.inverse(ref))), 32);
}

// @ts-ignore: decorator
@inline
export function copyAddresses6(to: usize, ref: usize): void {
  const reply = keyOf<Tuple6>(connections.inverse(ref));
  v128.store(to, v128.load(reply, offsetof<Tuple6>("daddr0")));
  v128.store(to, v128.load(reply, offsetof<Tuple6>("saddr0")), 16);
}

/** Both ports after translation, in the packet's order. */
// @ts-ignore: decorator
@inline
export function portsOf<K>(ref: usize): u32 {
  return rotl<u32>(load<u32>(keyOf<K>(connections.inverse(ref)), offsetof<K>("sport")), 16);
}

/** TCP and UDP: what has a delta. */
// @ts-ignore: decorator
@inline
export function rewriteTransport<K>(packet: Packet, ref: usize): void {
  const delta = connections.l4DeltaOf(ref);
  if (packet.proto == PROTO_TCP) rewriteTcp(packet.l4, portsOf<K>(ref), delta);
  else rewriteUdp(packet.l4, portsOf<K>(ref), delta);
}

// @ts-ignore: decorator
@inline
function rewriteTcp(l4: usize, ports: u32, delta: u32): void {
  const tcp = changetype<Tcp>(l4);
  tcp.ports = ports;
  tcp.check = <u16>checksum.update(tcp.check, delta);
}

/** A checksum of 0 means none and stays; a computed one of 0 is sent as 0xffff (RFC 768). */
// @ts-ignore: decorator
@inline
function rewriteUdp(l4: usize, ports: u32, delta: u32): void {
  const udp = changetype<Udp>(l4);
  udp.ports = ports;
  if (udp.check == 0) return;
  const check = checksum.update(udp.check, delta);
  udp.check = check == 0 ? 0xffff : <u16>check;
}

/** A CRC has no delta: it is computed again, or left when the capture lacks part of the packet. */
function rewriteSctp(packet: Packet, ports: u32): void {
  const sctp = changetype<Sctp>(packet.l4);
  sctp.ports = ports;
  if (packet.end > packet.captureEnd) return;
  sctp.check = 0;
  sctp.check = crc32c.compute(packet.l4, <u32>(packet.end - packet.l4));
}
