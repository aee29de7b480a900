/** The transport header, checked, and the tuple: saddr, daddr, sport, dport, proto. */
import { FAMILY_IPV4 } from "../../abi/layout";
import { Tuple4, Tuple6, tableOf } from "../maps/connections";
import { hash, hashPair } from "../maps/hash";
import { bucketOf } from "../maps/index";
import { Packet } from "../packet";
import { Ipv4 } from "../wire/ipv4";
import { Ipv6 } from "../wire/ipv6";
import { PROTO_SCTP, SCTP_SIZE } from "../wire/sctp";
import { PROTO_TCP, TCP_SIZE, Tcp } from "../wire/tcp";
import { PROTO_UDP, UDP_SIZE, Udp } from "../wire/udp";
import { CONTINUE, MALFORMED_TRANSPORT, PASS, TRUNCATED } from "./outcome";

/** Checks the transport header and forms the key of the packet. */
export function enter(packet: Packet): u32 {
  const outcome = check(packet);
  if (outcome == CONTINUE) form(packet);
  return outcome;
}

/** Checks the transport header. */
export function check(packet: Packet): u32 {
  const size = headerSize(packet.proto);
  if (size == 0) return PASS;
  if (packet.l4 + size > packet.end) return MALFORMED_TRANSPORT;
  if (packet.l4 + size > packet.captureEnd) return TRUNCATED;
  return isWhole(packet) ? CONTINUE : MALFORMED_TRANSPORT;
}

/** The shortest header of a protocol; 0 for one without services. */
export function headerSize(proto: u32): u32 {
  switch (proto) {
    case PROTO_TCP:
      return TCP_SIZE;
    case PROTO_UDP:
      return UDP_SIZE;
    case PROTO_SCTP:
      return SCTP_SIZE;
    default:
      return 0;
  }
}

/** Whether the header's own length fits: RFC 9293 section 3.1 (data offset), RFC 768 (length). */
function isWhole(packet: Packet): bool {
  const payload = <u32>(packet.end - packet.l4);
  if (packet.proto == PROTO_TCP) {
    const header = changetype<Tcp>(packet.l4).headerLength;
    return header >= TCP_SIZE && header <= payload;
  }
  if (packet.proto != PROTO_UDP) return true;
  const length = changetype<Udp>(packet.l4).length;
  return length >= UDP_SIZE && length <= payload;
}

/** Both ports and the protocol: the last word of a key. */
// @ts-ignore: decorator
@inline
function tail(l4: usize, proto: u32): u64 {
  return ((<u64>proto) << 32) | <u64>load<u32>(l4);
}

/** Forms the key of a packet whose header is known to be whole. */
export function form(packet: Packet): void {
  if (packet.family == FAMILY_IPV4) aim4(packet, packet.l3, packet.l4, packet.proto);
  else aim6(packet, packet.l3, packet.l4, packet.proto);
}

/** Forms an IPv4 key. Inline: every packet of the fast path comes here. */
// @ts-ignore: decorator
@inline
export function aim4(packet: Packet, l3: usize, l4: usize, proto: u32): void {
  const addresses = load<u64>(l3, offsetof<Ipv4>("saddr"));
  const last = tail(l4, proto);
  packet.key0 = addresses;
  packet.key1 = last;
  aim<Tuple4>(packet, hashPair(addresses, last));
}

/** Forms an IPv6 key. */
// @ts-ignore: decorator
@inline
export function aim6(packet: Packet, l3: usize, l4: usize, proto: u32): void {
  const ip = changetype<Ipv6>(l3);
  v128.store(packet.key, v128.load(ip.saddr), offsetof<Tuple6>("saddr0"));
  v128.store(packet.key, v128.load(ip.daddr), offsetof<Tuple6>("daddr0"));
  packet.key4 = tail(l4, proto);
  aim<Tuple6>(packet, hash<Tuple6>(packet.key));
}

// @ts-ignore: decorator
@inline
function aim<K>(packet: Packet, hash: u32): void {
  packet.hash = hash;
  packet.bucket = bucketOf(tableOf<K>(), hash);
}
