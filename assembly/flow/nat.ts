/**
 * Address translation: what a connection makes of a packet, and what that does to the checksums.
 */
import { FLAG_DIRECT } from "../../abi/conntrack";
import { CT4_SIZE } from "../../abi/layout";
import { Connection4, Connection6, Entry } from "../maps/connections";
import { Packet } from "../packet";
import * as checksum from "../wire/checksum";
import * as crc32c from "../wire/crc32c";
import { Ipv4 } from "../wire/ipv4";
import { Ipv6 } from "../wire/ipv6";
import { PROTO_SCTP, Sctp } from "../wire/sctp";
import { PROTO_TCP, Tcp } from "../wire/tcp";
import { Udp } from "../wire/udp";

/** Fills in what each direction of a new connection becomes: the reverse of the other's tuple. */
export function bind<E extends Entry>(orig: E, reply: E): void {
  if (offsetof<E>() == CT4_SIZE) {
    bind4(changetype<Connection4>(orig), changetype<Connection4>(reply));
    bind4(changetype<Connection4>(reply), changetype<Connection4>(orig));
  } else {
    bind6(changetype<Connection6>(orig), changetype<Connection6>(reply));
    bind6(changetype<Connection6>(reply), changetype<Connection6>(orig));
  }
}

function bind4(entry: Connection4, pair: Connection4): void {
  entry.newSaddr = pair.daddr;
  entry.newDaddr = pair.saddr;
  entry.newSport = pair.dport;
  entry.newDport = pair.sport;
  const addresses =
    checksum.change(entry.saddr, entry.newSaddr) + checksum.change(entry.daddr, entry.newDaddr);
  entry.ipDelta = checksum.delta(addresses);
  entry.l4Delta = checksum.delta(addresses + portChange<Connection4>(entry));
}

function bind6(entry: Connection6, pair: Connection6): void {
  entry.newSaddr0 = pair.daddr0;
  entry.newSaddr1 = pair.daddr1;
  entry.newDaddr0 = pair.saddr0;
  entry.newDaddr1 = pair.saddr1;
  entry.newSport = pair.dport;
  entry.newDport = pair.sport;
  const addresses =
    wordChange(entry.saddr0, entry.newSaddr0) +
    wordChange(entry.saddr1, entry.newSaddr1) +
    wordChange(entry.daddr0, entry.newDaddr0) +
    wordChange(entry.daddr1, entry.newDaddr1);
  entry.l4Delta = checksum.delta(addresses + portChange<Connection6>(entry));
}

function wordChange(before: u64, after: u64): u64 {
  const low = checksum.change(<u32>before, <u32>after);
  return low + checksum.change(<u32>(before >>> 32), <u32>(after >>> 32));
}

function portChange<E extends Entry>(entry: E): u64 {
  const at = changetype<usize>(entry);
  return checksum.change(
    load<u32>(at, offsetof<E>("sport")),
    load<u32>(at, offsetof<E>("newSport")),
  );
}

/**
 * Translates the packet as the entry of its direction says; false when nothing is to be replaced. A
 * fragment is translated by who put its datagram together: it is told the entry.
 */
export function apply<E extends Entry>(packet: Packet, entry: E): bool {
  if (entry.flags & FLAG_DIRECT && !changesPorts<E>(entry)) return false;
  if (packet.fragment != 0) packet.entry = changetype<usize>(entry);
  else rewrite<E>(packet, entry);
  return true;
}

/** All that may be replaced on the way to an endpoint that is dialled directly is a port. */
export function changesPorts<E extends Entry>(entry: E): bool {
  return load<u32>(changetype<usize>(entry), offsetof<E>("sport")) != portsOf<E>(entry);
}

function rewrite<E extends Entry>(packet: Packet, entry: E): void {
  rewriteNetwork<E>(packet.l3, changetype<usize>(entry));
  if (packet.proto == PROTO_SCTP) rewriteSctp(packet, portsOf<E>(entry));
  else rewriteTransport<E>(packet, entry);
}

// @ts-ignore: decorator
@inline
export function rewriteNetwork<E extends Entry>(l3: usize, entry: usize): void {
  if (offsetof<E>() == CT4_SIZE) rewrite4(l3, entry);
  else rewrite6(l3, entry);
}

/** Addresses are copied as one word: the entry has them in the packet's order. */
// @ts-ignore: decorator
@inline
function rewrite4(l3: usize, entry: usize): void {
  store<u64>(l3, load<u64>(entry, offsetof<Connection4>("newSaddr")), offsetof<Ipv4>("saddr"));
  const delta: u32 = changetype<Connection4>(entry).ipDelta;
  const ip = changetype<Ipv4>(l3);
  ip.check = <u16>checksum.update(ip.check, delta);
}

// @ts-ignore: decorator
@inline
function rewrite6(l3: usize, entry: usize): void {
  const saddr = changetype<Ipv6>(l3).saddr;
  const daddr = changetype<Ipv6>(l3).daddr;
  v128.store(saddr, v128.load(entry, offsetof<Connection6>("newSaddr0")));
  v128.store(daddr, v128.load(entry, offsetof<Connection6>("newDaddr0")));
}

/** Both ports after translation, in the packet's order. */
// @ts-ignore: decorator
@inline
function portsOf<E extends Entry>(entry: E): u32 {
  return load<u32>(changetype<usize>(entry), offsetof<E>("newSport"));
}

/** TCP and UDP: what has a delta. */
// @ts-ignore: decorator
@inline
export function rewriteTransport<E extends Entry>(packet: Packet, entry: E): void {
  if (packet.proto == PROTO_TCP) rewriteTcp(packet.l4, portsOf<E>(entry), entry.l4Delta);
  else rewriteUdp(packet.l4, portsOf<E>(entry), entry.l4Delta);
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
