/** IPv4 and IPv6: checks the header and finds the transport header. */
import { FAMILY_IPV4 } from "../../abi/layout";
import { EXTENSION_HEADERS_MAX } from "../../abi/limits";
import { Packet } from "../packet";
import { IPV4_SIZE, Ipv4 } from "../wire/ipv4";
import {
  EXTENSION_SIZE,
  Extension,
  IPV6_SIZE,
  Ipv6,
  NEXT_FRAGMENT,
  isExtension,
} from "../wire/ipv6";
import { CONTINUE, FRAGMENT, MALFORMED, TRUNCATED } from "./outcome";

/** Sets `l4`, `end` and `proto`. */
export function enter(packet: Packet): u32 {
  return packet.family == FAMILY_IPV4 ? enter4(packet) : enter6(packet);
}

function enter4(packet: Packet): u32 {
  const captured = <u32>(packet.captureEnd - packet.l3);
  if (captured < IPV4_SIZE) return TRUNCATED;
  const ip = changetype<Ipv4>(packet.l3);
  const header = ip.headerLength;
  if (ip.version != 4 || header < IPV4_SIZE || ip.total < header) return MALFORMED;
  if (header > captured || ip.total > packet.wireLength) return TRUNCATED;
  if (ip.isFragment) return FRAGMENT;
  packet.l4 = packet.l3 + header;
  packet.end = packet.l3 + ip.total;
  packet.proto = ip.proto;
  return CONTINUE;
}

function enter6(packet: Packet): u32 {
  if (<u32>(packet.captureEnd - packet.l3) < IPV6_SIZE) return TRUNCATED;
  const ip = changetype<Ipv6>(packet.l3);
  if (ip.version != 6) return MALFORMED;
  if (IPV6_SIZE + ip.payloadLength > packet.wireLength) return TRUNCATED;
  packet.l4 = packet.l3 + IPV6_SIZE;
  packet.end = packet.l4 + ip.payloadLength;
  packet.proto = ip.next;
  return isExtension(ip.next) ? walkExtensions(packet) : CONTINUE;
}

/** RFC 8200 section 4: headers follow one another, each naming the next. */
function walkExtensions(packet: Packet): u32 {
  for (let headers: u32 = 0; isExtension(packet.proto); headers++) {
    if (headers == EXTENSION_HEADERS_MAX) return MALFORMED;
    const outcome = skipExtension(packet);
    if (outcome != CONTINUE) return outcome;
  }
  return CONTINUE;
}

function skipExtension(packet: Packet): u32 {
  const at = packet.l4;
  if (at + EXTENSION_SIZE > packet.end) return MALFORMED;
  if (at + EXTENSION_SIZE > packet.captureEnd) return TRUNCATED;
  const extension = changetype<Extension>(at);
  const length = extension.length(packet.proto);
  if (at + length > packet.end) return MALFORMED;
  if (at + length > packet.captureEnd) return TRUNCATED;
  if (packet.proto == NEXT_FRAGMENT && extension.isFragment) return FRAGMENT;
  packet.l4 = at + length;
  packet.proto = extension.next;
  return CONTINUE;
}
