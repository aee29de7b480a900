/**
 * Translates an ICMP error: its own addresses, and in the packet it quotes, which travelled the
 * other way, what was replaced there. nf_nat_icmp_reply_translation of the kernel.
 */
import { CONFIG_FLAG_CHECKSUM, CT4_SIZE } from "../../abi/layout";
import { CONFIG } from "../maps/config";
import { Connection4, Connection6, Entry } from "../maps/connections";
import { Packet } from "../packet";
import * as checksum from "../wire/checksum";
import * as crc32c from "../wire/crc32c";
import { Icmp } from "../wire/icmp";
import { Ipv4 } from "../wire/ipv4";
import { Ipv6 } from "../wire/ipv6";
import * as ipv6 from "../wire/ipv6";
import { PROTO_SCTP, SCTP_SIZE, Sctp } from "../wire/sctp";
import { PROTO_TCP, TCP_SIZE, Tcp } from "../wire/tcp";
import { Udp } from "../wire/udp";
import { Quote } from "./quote";

/** What the words replaced so far add to the sum of the message. */
let changes: u64 = 0;

function put32(at: usize, value: u32): void {
  changes += checksum.change(load<u32>(at), value);
  store<u32>(at, value);
}

function put16(at: usize, value: u32): void {
  changes += checksum.change(load<u16>(at), value);
  store<u16>(at, <u16>value);
}

function putAddress6(at: usize, address: usize): void {
  for (let word: u32 = 0; word < 16; word += 4) put32(at + word, load<u32>(address + word));
}

/** `entry` is the direction that the error travels in. */
export function rewrite<E extends Entry>(packet: Packet, quote: Quote, entry: E): void {
  changes = 0;
  if (offsetof<E>() == CT4_SIZE) rewrite4(packet, quote, changetype<Connection4>(entry));
  else rewrite6(packet, quote, changetype<Connection6>(entry));
  rewriteTransport(packet, quote, portsOf<E>(entry), entry.l4Delta);
  if (isWhole(packet) && CONFIG.flags & CONFIG_FLAG_CHECKSUM) compute<E>(packet);
  else update(packet);
}

function isWhole(packet: Packet): bool {
  return packet.end <= packet.captureEnd;
}

/** The ports of the quoted packet, in its order. */
function portsOf<E extends Entry>(entry: E): u32 {
  return <u32>entry.newDport | (<u32>entry.newSport << 16);
}

/** The sender of an error may be a router: its address hides behind the one that was dialled. */
function rewrite4(packet: Packet, quote: Quote, entry: Connection4): void {
  const outer = changetype<Ipv4>(packet.l3);
  const replacesSource = entry.newSaddr != entry.saddr || entry.newSport != entry.sport;
  const saddr = replacesSource ? entry.newSaddr : outer.saddr;
  const daddr = entry.newDaddr;
  const outerChanges =
    checksum.change(outer.saddr, saddr) + checksum.change(outer.daddr, daddr);
  outer.saddr = saddr;
  outer.daddr = daddr;
  outer.check = <u16>checksum.update(outer.check, checksum.delta(outerChanges));
  const inner = quote.l3;
  put32(inner + offsetof<Ipv4>("saddr"), entry.newDaddr);
  put32(inner + offsetof<Ipv4>("daddr"), entry.newSaddr);
  const check = checksum.update(changetype<Ipv4>(inner).check, entry.ipDelta);
  put16(inner + offsetof<Ipv4>("check"), check);
}

/** The pseudo-header of ICMPv6 has the outer addresses, so that they count as well. */
function rewrite6(packet: Packet, quote: Quote, entry: Connection6): void {
  const outer = changetype<Ipv6>(packet.l3);
  const newSaddr = changetype<usize>(entry) + offsetof<Connection6>("newSaddr0");
  const newDaddr = changetype<usize>(entry) + offsetof<Connection6>("newDaddr0");
  if (replacesSource6(entry)) putAddress6(outer.saddr, newSaddr);
  putAddress6(outer.daddr, newDaddr);
  const inner = changetype<Ipv6>(quote.l3);
  putAddress6(inner.saddr, newDaddr);
  putAddress6(inner.daddr, newSaddr);
}

function replacesSource6(entry: Connection6): bool {
  const isSame = entry.newSaddr0 == entry.saddr0 && entry.newSaddr1 == entry.saddr1;
  return !isSame || entry.newSport != entry.sport;
}

/**
 * The quote has the words of the direction's own packets, at other places: their delta is its
 * delta.
 */
function rewriteTransport(packet: Packet, quote: Quote, ports: u32, delta: u32): void {
  put32(quote.l4, ports);
  if (quote.proto == PROTO_TCP) rewriteTcp(quote, delta);
  else if (quote.proto == PROTO_SCTP) rewriteSctp(packet, quote);
  else rewriteUdp(quote, delta);
}

/** A router need not quote as far as TCP's checksum. */
function rewriteTcp(quote: Quote, delta: u32): void {
  if (quote.room < TCP_SIZE) return;
  const check = changetype<Tcp>(quote.l4).check;
  put16(quote.l4 + offsetof<Tcp>("check"), checksum.update(check, delta));
}

function rewriteUdp(quote: Quote, delta: u32): void {
  const field = changetype<Udp>(quote.l4).check;
  if (field == 0) return;
  const check = checksum.update(field, delta);
  put16(quote.l4 + offsetof<Udp>("check"), check == 0 ? 0xffff : check);
}

/** Over what is quoted, for want of the rest. */
function rewriteSctp(packet: Packet, quote: Quote): void {
  if (quote.room < SCTP_SIZE || !isWhole(packet)) return;
  put32(quote.l4 + offsetof<Sctp>("check"), 0);
  const check = crc32c.compute(quote.l4, quote.room);
  put32(quote.l4 + offsetof<Sctp>("check"), check);
}

/** The checksum of the message from nothing. */
function compute<E extends Entry>(packet: Packet): void {
  const icmp = changetype<Icmp>(packet.l4);
  const length = <u32>(packet.end - packet.l4);
  icmp.check = 0;
  let total = checksum.sum(packet.l4, length);
  if (offsetof<E>() != CT4_SIZE) {
    total += ipv6.pseudoSum(changetype<Ipv6>(packet.l3), length, packet.proto);
  }
  icmp.check = checksum.finish(total);
}

/** The checksum of the message after what was replaced. */
function update(packet: Packet): void {
  const icmp = changetype<Icmp>(packet.l4);
  icmp.check = <u16>checksum.update(icmp.check, checksum.delta(changes));
}
