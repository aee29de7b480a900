/** Whether checksums are right, where netfilter and the IP layer look at them. */
import { viewOf } from "../packet/bytes.ts";
import * as checksum from "../packet/checksum.ts";
import { ICMP, type Ip, type Parsed, SCTP, TCP, UDP } from "../packet/parse.ts";
import { SCTP_CHECKSUM, TCP_CHECKSUM, UDP_CHECKSUM } from "./nat.ts";
import { configOf } from "./store.ts";
import type { Passage } from "./walk.ts";

/** A wrong IPv4 header checksum, with which a packet gets no further than ip_rcv of ip_input.c. */
export function hasDamagedHeader(passage: Passage, parsed: Parsed): boolean {
  return isChecked(passage) && "ip" in parsed && !hasGoodHeader(passage.frame, parsed.ip);
}

/**
 * A wrong checksum of TCP, UDP, SCTP or ICMP. Pieces of a packet show nothing, and what the capture
 * has cut off is trusted.
 */
export function isDamaged(passage: Passage, ip: Ip): boolean {
  const whole = ip.fragment === null && ip.end <= passage.frame.length;
  return isChecked(passage) && whole && !hasGoodTransport(passage.frame, ip);
}

/** nf_conntrack_checksum, which is for what comes from a wire (NF_INET_PRE_ROUTING) only. */
function isChecked({ store, input }: Passage): boolean {
  return configOf(store).checksum && !input.local;
}

function hasGoodHeader(frame: Uint8Array, ip: Ip): boolean {
  if (ip.family === "ipv6") return true;
  const length = ((frame[ip.at] as number) & 0x0f) * 4;
  return checksum.sum(frame.subarray(ip.at, ip.at + length)) === 0xffff;
}

function hasGoodTransport(frame: Uint8Array, ip: Ip): boolean {
  const packet = frame.subarray(ip.transport, ip.end);
  if (ip.protocol === SCTP) {
    return viewOf(packet).getUint32(SCTP_CHECKSUM, true) === checksum.sctp(packet);
  }
  if (ip.protocol === ICMP) return checksum.sum(packet) === 0xffff;
  return hasGoodSum(packet, ip, checksum.addressesOf(frame, ip));
}

/**
 * TCP, UDP and ICMPv6. The length in the pseudo-header is IP's, as in nf_ip_checksum, even where
 * UDP's own is smaller. No checksum at all is good enough for UDP, over IPv6 too.
 */
function hasGoodSum(packet: Uint8Array, ip: Ip, addresses: Uint8Array): boolean {
  const start = checksum.pseudoHeader(addresses, ip.protocol, packet.length);
  if (checksum.sum(packet, start) === 0xffff) return true;
  if (ip.protocol === TCP) return viewOf(packet).getUint16(TCP_CHECKSUM) === start;
  if (ip.protocol !== UDP) return false;
  // CHECKSUM_PARTIAL of linux/skbuff.h: the device that sends it was left to add up the rest.
  return [0, start].includes(viewOf(packet).getUint16(UDP_CHECKSUM));
}
