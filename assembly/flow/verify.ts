/**
 * Whether checksums are right, where netfilter looks at them: nf_checksum of net/netfilter/utils.c,
 * and ip_rcv for the IPv4 header. What the node itself sends passes neither.
 */
import { CONFIG_FLAG_CHECKSUM, DESC_FLAG_LOCAL, FAMILY_IPV4 } from "../../abi/layout";
import { CONFIG } from "../maps/config";
import { Packet } from "../packet";
import * as checksum from "../wire/checksum";
import * as crc32c from "../wire/crc32c";
import { PROTO_ICMP, PROTO_ICMPV6 } from "../wire/icmp";
import { IPV4_SIZE, Ipv4 } from "../wire/ipv4";
import * as ipv4 from "../wire/ipv4";
import { IPV6_ADDRESSES, IPV6_SIZE, Ipv6 } from "../wire/ipv6";
import * as ipv6 from "../wire/ipv6";
import { PROTO_SCTP, SCTP_SIZE, Sctp } from "../wire/sctp";
import { PROTO_TCP, Tcp } from "../wire/tcp";
import { PROTO_UDP, Udp } from "../wire/udp";

/** Whether anybody looks at checksums of a packet with these DESC_FLAG_ bits. */
// @ts-ignore: decorator
@inline
function isAsked(flags: u32): bool {
  return (CONFIG.flags & CONFIG_FLAG_CHECKSUM) != 0 && !(flags & DESC_FLAG_LOCAL);
}

/** Whether the checksum of the IPv4 header is right, or nobody asks. The header is captured. */
export function checkHeader(packet: Packet): bool {
  if (!isAsked(packet.descriptor.flags)) return true;
  const header = changetype<Ipv4>(packet.l3).headerLength;
  return checksum.isWhole(checksum.sum(packet.l3, header));
}

/**
 * Whether the checksum of TCP, UDP, SCTP, ICMP is right, or not to be judged: nobody asks, or the
 * capture has cut the packet. The fixed header is captured.
 */
export function check(packet: Packet): bool {
  if (packet.end > packet.captureEnd || !isAsked(packet.descriptor.flags)) return true;
  switch (<u32>packet.proto) {
    case PROTO_TCP:
      return checkSum(packet, changetype<Tcp>(packet.l4).check);
    case PROTO_UDP:
      const field = changetype<Udp>(packet.l4).check;
      return field == 0 || checkSum(packet, field);
    case PROTO_SCTP:
      return checkSctp(packet.l4, lengthOf(packet));
    case PROTO_ICMP:
      return checksum.isWhole(checksum.sum(packet.l4, lengthOf(packet)));
    case PROTO_ICMPV6:
      return checksum.isWhole(pseudoSum(packet) + checksum.sum(packet.l4, lengthOf(packet)));
    default:
      return true;
  }
}

function lengthOf(packet: Packet): u32 {
  return <u32>(packet.end - packet.l4);
}

/** Sum of the pseudo-header of either family. */
function pseudoSum(packet: Packet): u64 {
  const length = lengthOf(packet);
  return packet.family == FAMILY_IPV4
    ? ipv4.pseudoSum(changetype<Ipv4>(packet.l3), length, packet.proto)
    : ipv6.pseudoSum(changetype<Ipv6>(packet.l3), length, packet.proto);
}

/** TCP and UDP. A sender that leaves the sum to its device puts that of the pseudo-header there. */
function checkSum(packet: Packet, field: u32): bool {
  const pseudo = pseudoSum(packet);
  if (checksum.isWhole(pseudo + checksum.sum(packet.l4, lengthOf(packet)))) return true;
  return checksum.fold(pseudo) == field;
}

/** The field counts as zero: RFC 9260 appendix A. */
function checkSctp(l4: usize, length: u32): bool {
  const sctp = changetype<Sctp>(l4);
  let crc = crc32c.extend(crc32c.BEGIN, l4, SCTP_SIZE - sizeof<u32>());
  crc = crc32c.extendZero(crc);
  crc = crc32c.extend(crc, l4 + SCTP_SIZE, length - SCTP_SIZE);
  return sctp.check == crc32c.finish(crc);
}

/**
 * Both checks of an IPv4 packet without options that carries TCP or UDP; `captured` counts the
 * bytes there are of it, `flags` are DESC_FLAG_ bits. False sends the packet the long way, which
 * knows more of what counts as right.
 */
// @ts-ignore: decorator
@inline
export function plain4(l3: usize, total: u32, captured: u32, flags: u32, proto: u32): bool {
  if (!isAsked(flags)) return true;
  const ip = changetype<Ipv4>(l3);
  const addresses = ip.addressSum;
  if (!checksum.isWhole(ip.frontSum + addresses)) return false;
  if (captured < total) return true;
  if (proto == PROTO_UDP && changetype<Udp>(l3 + IPV4_SIZE).check == 0) return true;
  const length = total - IPV4_SIZE;
  const pseudo = addresses + ipv4.pseudoTail(length, proto);
  return checksum.isWhole(pseudo + checksum.sumInline(l3 + IPV4_SIZE, length));
}

/**
 * The same of an IPv6 packet, whose payload has `length` bytes. The addresses lie in front of it,
 * so that both are summed in one go.
 */
// @ts-ignore: decorator
@inline
export function plain6(l3: usize, length: u32, captured: u32, flags: u32, proto: u32): bool {
  if (!isAsked(flags) || captured < IPV6_SIZE + length) return true;
  if (proto == PROTO_UDP && changetype<Udp>(l3 + IPV6_SIZE).check == 0) return true;
  const from = changetype<Ipv6>(l3).saddr;
  const rest = ipv4.pseudoTail(length, proto);
  return checksum.isWhole(rest + checksum.sumInline(from, IPV6_ADDRESSES + length));
}
