/** Steering: the shard that a frame belongs to, without a verdict on it. */
import { DESC_SIZE, FAMILY_IPV4, LINK_SLOT_ETHERNET } from "../../abi/layout";
import { SHARD_FIRST, SHARD_UNKNOWN } from "../../abi/limits";
import { takeAddresses } from "../flow/address";
import * as extensions from "../flow/extensions";
import * as fragment from "../flow/fragment";
import * as link from "../flow/link";
import * as network from "../flow/network";
import { CONTINUE } from "../flow/outcome";
import * as quote from "../flow/quote";
import { DESTINATION, NOBODYS, SOURCE } from "../flow/shard";
import * as shard from "../flow/shard";
import * as tuple from "../flow/tuple";
import { Descriptor, Packet, packetAt } from "../packet";
import { ETHERNET_SIZE, Ethernet, TYPE_IPV4 } from "../wire/ethernet";
import { ICMP_SIZE, Icmp, isError, isIcmp } from "../wire/icmp";
import { IPV4_SIZE, Ipv4, PLAIN } from "../wire/ipv4";
import { TCP_SIZE } from "../wire/tcp";

/** Bytes of both ports, which stand first in every transport header. */
const PORTS_SIZE: u32 = 4;

/**
 * Writes into the `out` word of each descriptor the shard of its frame, SHARD_UNKNOWN for a
 * fragment without ports, with SHARD_FIRST for the one that has them. Nothing else is written.
 */
export function steer(descriptors: usize, length: u32): void {
  const packet = packetAt(0);
  for (let i: u32 = 0; i < length; i++) {
    const descriptor = changetype<Descriptor>(descriptors + i * DESC_SIZE);
    packet.descriptor = descriptor;
    descriptor.out = isPlain(packet, descriptor) ? ofPorts(packet) : find(packet);
  }
}

/**
 * Whether its ports stand where they do in most: untagged, unfragmented IPv4 without options. An
 * answer takes 11 ns to steer this way, 17 ns with `find`.
 */
// @ts-ignore: decorator
@inline
function isPlain(packet: Packet, descriptor: Descriptor): bool {
  if (descriptor.link != LINK_SLOT_ETHERNET) return false;
  if (descriptor.length < ETHERNET_SIZE + IPV4_SIZE + TCP_SIZE) return false;
  const l3 = descriptor.data + ETHERNET_SIZE;
  const ip = changetype<Ipv4>(l3);
  if (changetype<Ethernet>(descriptor.data).type != TYPE_IPV4) return false;
  if (load<u8>(l3) != PLAIN || ip.isFragment) return false;
  const total = ip.total;
  if (total < IPV4_SIZE || ETHERNET_SIZE + total > descriptor.wireLength) return false;
  packet.family = <u8>FAMILY_IPV4;
  packet.proto = ip.proto;
  packet.l3 = l3;
  packet.l4 = l3 + IPV4_SIZE;
  packet.end = l3 + total;
  return tuple.check(packet) == CONTINUE;
}

function find(packet: Packet): u32 {
  let outcome = link.enter(packet);
  if (outcome == CONTINUE) outcome = network.find(packet);
  if (outcome != CONTINUE) return NOBODYS;
  if (packet.fragment != 0) return ofFragment(packet);
  if (isIcmp(packet.family, packet.proto)) return ofMessage(packet);
  return tuple.check(packet) == CONTINUE ? ofPorts(packet) : NOBODYS;
}

/** The shard of a packet whose ports stand at `l4`. */
function ofPorts(packet: Packet): u32 {
  const family = packet.family;
  takeAddresses(packet.l3, family, changetype<usize>(SOURCE), changetype<usize>(DESTINATION));
  const ports = load<u32>(packet.l4);
  SOURCE.port = <u16>ports;
  DESTINATION.port = <u16>(ports >>> 16);
  SOURCE.proto = DESTINATION.proto = packet.proto;
  SOURCE.family = DESTINATION.family = family;
  return shard.ofEnds();
}

function ofFragment(packet: Packet): u32 {
  if (fragment.check(packet) != CONTINUE) return NOBODYS;
  if (packet.offset != 0) return SHARD_UNKNOWN;
  if (packet.family != FAMILY_IPV4) stepOver(packet);
  const hasPorts = tuple.headerSize(packet.proto) != 0;
  if (!hasPorts || packet.l4 + PORTS_SIZE > packet.captureEnd) return SHARD_FIRST | NOBODYS;
  return SHARD_FIRST | ofPorts(packet);
}

/** Goes behind the extension headers of a fragment, which are known to be in order. */
function stepOver(packet: Packet): void {
  const chain = extensions.begin(packet.l4, packet.end, packet.captureEnd, packet.proto);
  extensions.walk(chain);
  packet.l4 = chain.at;
  packet.proto = chain.proto;
}

/** An ICMP error goes the other way than the packet it quotes. */
function ofMessage(packet: Packet): u32 {
  if (packet.l4 + ICMP_SIZE > min<usize>(packet.end, packet.captureEnd)) return NOBODYS;
  if (!isError(packet.family, changetype<Icmp>(packet.l4).type)) return NOBODYS;
  const quoted = quote.read(packet);
  if (quote.classify(quoted) != quote.FLOW) return NOBODYS;
  const proto = quoted.proto;
  const family = quoted.family;
  SOURCE.init(quoted.daddr0, quoted.daddr1, quoted.dport, proto, family);
  DESTINATION.init(quoted.saddr0, quoted.saddr1, quoted.sport, proto, family);
  return shard.ofEnds();
}
