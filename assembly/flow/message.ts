/**
 * Translates an ICMP error: its own addresses, and in the packet it quotes, which travelled the
 * other way, what was replaced there. nf_nat_icmp_reply_translation of the kernel.
 */
import { CONFIG_FLAG_CHECKSUM, CT4_TUPLE_SIZE } from "../../abi/layout";
import { CONFIG } from "../maps/config";
import * as connections from "../maps/connections";
import { Tuple4, Tuple6, inverse, tupleOf } from "../maps/connections";
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

/** `ref` is the direction that the error travels in. */
export function rewrite<K>(packet: Packet, quote: Quote, ref: usize): void {
  changes = 0;
  if (offsetof<K>() == CT4_TUPLE_SIZE) rewrite4(packet, quote, ref);
  else rewrite6(packet, quote, ref);
  rewriteTransport(packet, quote, portsOf<K>(ref), connections.l4DeltaOf(ref));
  if (isWhole(packet) && CONFIG.flags & CONFIG_FLAG_CHECKSUM) compute<K>(packet);
  else update(packet);
}

function isWhole(packet: Packet): bool {
  return packet.end <= packet.captureEnd;
}

/** The ports of the quoted packet, in its order: it came with the tuple of the other direction. */
function portsOf<K>(ref: usize): u32 {
  return load<u32>(changetype<usize>(tupleOf<K>(inverse(ref))), offsetof<K>("sport"));
}

/** The sender of an error may be a router: its address hides behind the one that was dialled. */
function rewrite4(packet: Packet, quote: Quote, ref: usize): void {
  const outer = changetype<Ipv4>(packet.l3);
  const own = tupleOf<Tuple4>(ref);
  const quoted = tupleOf<Tuple4>(inverse(ref));
  const replacesSource = own.saddr != quoted.daddr || own.sport != quoted.dport;
  const saddr = replacesSource ? quoted.daddr : outer.saddr;
  const daddr = quoted.saddr;
  const outerChanges =
    checksum.change(outer.saddr, saddr) + checksum.change(outer.daddr, daddr);
  outer.saddr = saddr;
  outer.daddr = daddr;
  outer.check = <u16>checksum.update(outer.check, checksum.delta(outerChanges));
  const inner = quote.l3;
  put32(inner + offsetof<Ipv4>("saddr"), quoted.saddr);
  put32(inner + offsetof<Ipv4>("daddr"), quoted.daddr);
  const check = checksum.update(changetype<Ipv4>(inner).check, connections.ipDeltaOf(ref));
  put16(inner + offsetof<Ipv4>("check"), check);
}

/** The pseudo-header of ICMPv6 has the outer addresses, so that they count as well. */
function rewrite6(packet: Packet, quote: Quote, ref: usize): void {
  const outer = changetype<Ipv6>(packet.l3);
  const own = tupleOf<Tuple6>(ref);
  const quoted = tupleOf<Tuple6>(inverse(ref));
  const saddr = changetype<usize>(quoted) + offsetof<Tuple6>("saddr0");
  const daddr = changetype<usize>(quoted) + offsetof<Tuple6>("daddr0");
  const isSame = own.saddr0 == quoted.daddr0 && own.saddr1 == quoted.daddr1;
  if (!isSame || own.sport != quoted.dport) putAddress6(outer.saddr, daddr);
  putAddress6(outer.daddr, saddr);
  const inner = changetype<Ipv6>(quote.l3);
  putAddress6(inner.saddr, saddr);
  putAddress6(inner.daddr, daddr);
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
function compute<K>(packet: Packet): void {
  const icmp = changetype<Icmp>(packet.l4);
  const length = <u32>(packet.end - packet.l4);
  icmp.check = 0;
  let total = checksum.sum(packet.l4, length);
  if (offsetof<K>() != CT4_TUPLE_SIZE) {
    total += ipv6.pseudoSum(changetype<Ipv6>(packet.l3), length, packet.proto);
  }
  icmp.check = checksum.finish(total);
}

/** The checksum of the message after what was replaced. */
function update(packet: Packet): void {
  const icmp = changetype<Icmp>(packet.l4);
  icmp.check = <u16>checksum.update(icmp.check, checksum.delta(changes));
}
