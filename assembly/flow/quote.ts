/** The packet that an ICMP error quotes, which travelled the other way. There is one at a time. */
import { FAMILY_IPV4 } from "../../abi/layout";
import { Tuple4, Tuple6 } from "../maps/connections";
import { Packet } from "../packet";
import { ICMP_SIZE, Icmp, PROTO_ICMP, PROTO_ICMPV6, isError4, isError6 } from "../wire/icmp";
import { IPV4_SIZE, Ipv4 } from "../wire/ipv4";
import { IPV6_SIZE, Ipv6 } from "../wire/ipv6";
import { PROTO_SCTP } from "../wire/sctp";
import { PROTO_TCP } from "../wire/tcp";
import { PROTO_UDP } from "../wire/udp";
import { takeAddresses } from "./address";
import * as extensions from "./extensions";
import { CONTINUE } from "./outcome";

/** Bytes of a transport header that a router quotes at least: RFC 792. */
const TRANSPORT_SIZE: u32 = 8;

@unmanaged
export class Quote {
  l3: usize;
  l4: usize;
  /** Where it ends: with the message, or with the capture. */
  end: usize;
  proto: u8;
  family: u8;
  /** Ports in network order. */
  sport: u16;
  dport: u16;
  saddr0: u64;
  saddr1: u64;
  daddr0: u64;
  daddr1: u64;

  /** Bytes there are of the transport header and what follows it. */
  get room(): u32 {
    return <u32>(this.end - this.l4);
  }
}

const QUOTE = changetype<Quote>(memory.data(offsetof<Quote>(), 16));
/** Room for a tuple of either family. */
const TUPLE = memory.data(48, 16);

/** What a quote turns out to be: a packet with ports, one without, or nobody's. */
export const FLOW: u32 = 0;
const OTHER: u32 = 1;
export const BROKEN: u32 = 2;

/** Reads what the message of `packet` quotes. */
export function read(packet: Packet): Quote {
  QUOTE.l3 = packet.l4 + ICMP_SIZE;
  QUOTE.end = min<usize>(packet.end, packet.captureEnd);
  QUOTE.family = packet.family;
  return QUOTE;
}

/** Finds the ports, and says what the quote is. */
export function classify(quote: Quote): u32 {
  const isWhole = quote.family == FAMILY_IPV4 ? enter4(quote) : enter6(quote);
  if (!isWhole) return BROKEN;
  if (quote.proto == PROTO_TCP || quote.proto == PROTO_UDP || quote.proto == PROTO_SCTP) {
    if (quote.room < TRANSPORT_SIZE) return BROKEN;
    takeTuple(quote);
    return FLOW;
  }
  return isError(quote) ? BROKEN : OTHER;
}

/** Finds the transport header; only a first fragment has one. */
function enter4(quote: Quote): bool {
  const room = <u32>(quote.end - quote.l3);
  if (room < IPV4_SIZE) return false;
  const ip = changetype<Ipv4>(quote.l3);
  const header = ip.headerLength;
  if (ip.version != 4 || header < IPV4_SIZE || header > room) return false;
  quote.l4 = quote.l3 + header;
  quote.proto = ip.proto;
  return ip.offset == 0;
}

function enter6(quote: Quote): bool {
  if (<u32>(quote.end - quote.l3) < IPV6_SIZE) return false;
  const ip = changetype<Ipv6>(quote.l3);
  if (ip.version != 6) return false;
  const chain = extensions.begin(quote.l3 + IPV6_SIZE, quote.end, quote.end, ip.next);
  let outcome = extensions.walk(chain);
  if (outcome == CONTINUE && chain.isFragment) {
    if (chain.extension.offset != 0) return false;
    chain.step();
    outcome = extensions.walk(chain);
  }
  if (outcome != CONTINUE || chain.isFragment) return false;
  quote.l4 = chain.at;
  quote.proto = chain.proto;
  return true;
}

/** An error about an error: nobody sends one (RFC 1122 section 3.2.2, RFC 4443 section 2.4). */
function isError(quote: Quote): bool {
  if (quote.room == 0) return false;
  const type: u32 = changetype<Icmp>(quote.l4).type;
  if (quote.family == FAMILY_IPV4) return quote.proto == PROTO_ICMP && isError4(type);
  return quote.proto == PROTO_ICMPV6 && isError6(type);
}

function takeTuple(quote: Quote): void {
  const ports = load<u32>(quote.l4);
  quote.sport = <u16>ports;
  quote.dport = <u16>(ports >>> 16);
  const at = changetype<usize>(quote);
  const source = at + offsetof<Quote>("saddr0");
  takeAddresses(quote.l3, quote.family, source, at + offsetof<Quote>("daddr0"));
}

/** The tuple of the quoted packet. */
export function tupleOf(quote: Quote): usize {
  if (quote.family == FAMILY_IPV4) {
    const ip = changetype<Ipv4>(quote.l3);
    put4(ip.saddr, ip.daddr, quote.sport, quote.dport, quote.proto);
  } else {
    const ip = changetype<Ipv6>(quote.l3);
    put6(ip.saddr, ip.daddr, quote.sport, quote.dport, quote.proto);
  }
  return TUPLE;
}

/** The tuple of the direction that the error travels in. */
export function inverseOf(quote: Quote): usize {
  if (quote.family == FAMILY_IPV4) {
    const ip = changetype<Ipv4>(quote.l3);
    put4(ip.daddr, ip.saddr, quote.dport, quote.sport, quote.proto);
  } else {
    const ip = changetype<Ipv6>(quote.l3);
    put6(ip.daddr, ip.saddr, quote.dport, quote.sport, quote.proto);
  }
  return TUPLE;
}

function put4(saddr: u32, daddr: u32, sport: u16, dport: u16, proto: u8): void {
  const tuple = changetype<Tuple4>(TUPLE);
  tuple.saddr = saddr;
  tuple.daddr = daddr;
  tuple.sport = sport;
  tuple.dport = dport;
  tuple.proto = proto;
}

function put6(saddr: usize, daddr: usize, sport: u16, dport: u16, proto: u8): void {
  const tuple = changetype<Tuple6>(TUPLE);
  v128.store(TUPLE, v128.load(saddr), offsetof<Tuple6>("saddr0"));
  v128.store(TUPLE, v128.load(daddr), offsetof<Tuple6>("daddr0"));
  tuple.sport = sport;
  tuple.dport = dport;
  tuple.proto = proto;
}
