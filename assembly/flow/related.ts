/**
 * ICMP: an error about a packet that was translated is translated with what it quotes, as
 * nf_conntrack (RELATED) and nf_nat_icmp_reply_translation of the kernel do. Everything else goes
 * its way.
 */
import { FLAG_DIRECT, FLAG_MASQUERADE } from "../../abi/conntrack";
import { FAMILY_IPV4, OUT_FLAG_MASQUERADE } from "../../abi/layout";
import * as connections from "../maps/connections";
import { Tuple4, Tuple6 } from "../maps/connections";
import * as endpoints from "../maps/endpoints";
import { hash } from "../maps/hash";
import { Packet } from "../packet";
import { ICMP_SIZE, Icmp, REDIRECT, isError } from "../wire/icmp";
import { Ipv4 } from "../wire/ipv4";
import { Ipv6 } from "../wire/ipv6";
import { isLocal, mapped } from "./address";
import * as conntrack from "./conntrack";
import * as message from "./message";
import * as nat from "./nat";
import {
  CONTINUE,
  DAMAGED,
  INVALID,
  MALFORMED_TRANSPORT,
  PASS,
  PASS_RELATED,
  RELATED,
  TRUNCATED,
} from "./outcome";
import * as quote from "./quote";
import { Quote } from "./quote";
import * as service from "./service";
import * as stray from "./stray";
import * as traffic from "./traffic";
import * as verify from "./verify";

export function enter(packet: Packet): u32 {
  if (packet.l4 + ICMP_SIZE > packet.end) return MALFORMED_TRANSPORT;
  if (packet.l4 + ICMP_SIZE > packet.captureEnd) return TRUNCATED;
  packet.damaged = u8(!verify.check(packet));
  const type: u32 = changetype<Icmp>(packet.l4).type;
  if (!isError(packet.family, type)) return packet.damaged ? refuse(packet, DAMAGED) : PASS;
  const quoted = quote.read(packet);
  const kind = quote.classify(quoted);
  if (kind == quote.FLOW) return enterFlow(packet, quoted);
  if (packet.damaged) return refuse(packet, DAMAGED);
  return kind == quote.BROKEN ? refuse(packet, INVALID) : PASS;
}

/** What there is no connection for, and no service: dropped on its way through the node. */
function refuse(packet: Packet, outcome: u32): u32 {
  const family = packet.family;
  if (family == FAMILY_IPV4) {
    const daddr = changetype<Ipv4>(packet.l3).daddr;
    return stray.passes(0, mapped(daddr), family) ? PASS : outcome;
  }
  const daddr = changetype<Ipv6>(packet.l3).daddr;
  return stray.passes(load<u64>(daddr), load<u64>(daddr, 8), family) ? PASS : outcome;
}

function isForNode(packet: Packet): bool {
  if (packet.family == FAMILY_IPV4) {
    return isLocal(0, mapped(changetype<Ipv4>(packet.l3).daddr), packet.family);
  }
  const daddr = changetype<Ipv6>(packet.l3).daddr;
  return isLocal(load<u64>(daddr), load<u64>(daddr, 8), packet.family);
}

function enterFlow(packet: Packet, quoted: Quote): u32 {
  const outcome =
    packet.family == FAMILY_IPV4
      ? follow<Tuple4>(packet, quoted)
      : follow<Tuple6>(packet, quoted);
  return outcome == CONTINUE ? disown(packet, quoted) : outcome;
}

/** Finds the connection of the quoted packet. */
function follow<K>(packet: Packet, quoted: Quote): u32 {
  const key = quote.inverseOf(quoted);
  const ref = conntrack.lookup<K>(key, hash<K>(key));
  if (ref != 0) return translate<K>(packet, quoted, ref);
  if (packet.damaged) return refuse(packet, DAMAGED);
  const own = quote.tupleOf(quoted);
  const untranslated = conntrack.lookup<K>(own, hash<K>(own));
  if (untranslated == 0 || !replaces<K>(untranslated)) return CONTINUE;
  packet.descriptor.backend = connections.at(untranslated).backend;
  return INVALID;
}

/** `ref` is the direction that the error travels in. */
function translate<K>(packet: Packet, quoted: Quote, ref: usize): u32 {
  const connection = connections.at(ref);
  packet.descriptor.backend = connection.backend;
  if (packet.damaged) return DAMAGED;
  if (!isForSender(packet, quoted)) return INVALID;
  if (!replaces<K>(ref)) return PASS_RELATED;
  if (isRedirect(packet)) return INVALID;
  packet.descriptor.out = connection.flags & FLAG_MASQUERADE ? OUT_FLAG_MASQUERADE : 0;
  message.rewrite<K>(packet, quoted, ref);
  const isReply = connections.directionOf(ref) != 0;
  traffic.count(connection.backend, isReply, packet.descriptor.length);
  return RELATED;
}

function replaces<K>(ref: usize): bool {
  return !(connections.at(ref).flags & FLAG_DIRECT) || nat.changesPorts<K>(ref);
}

/** Whether the error goes to who sent the quoted packet. */
function isForSender(packet: Packet, quoted: Quote): bool {
  if (packet.family == FAMILY_IPV4) {
    return changetype<Ipv4>(packet.l3).daddr == changetype<Ipv4>(quoted.l3).saddr;
  }
  const daddr = changetype<Ipv6>(packet.l3).daddr;
  return load<u64>(daddr) == quoted.saddr0 && load<u64>(daddr, 8) == quoted.saddr1;
}

/** What a redirect says of the way to an address is not true of the one that stands for it. */
function isRedirect(packet: Packet): bool {
  return packet.family == FAMILY_IPV4 && changetype<Icmp>(packet.l4).type == REDIRECT;
}

/**
 * An error about no connection: one that names a service or an endpoint is dropped, but for what
 * the node itself is told.
 */
function disown(packet: Packet, quoted: Quote): u32 {
  const number = serviceOf(quoted);
  if (number == 0 && !namesEndpoint(quoted)) return PASS;
  if (isForNode(packet)) return PASS;
  packet.descriptor.service = number;
  return INVALID;
}

/** The number of the service port that was dialled, or that answered; 0 for none. */
function serviceOf(quoted: Quote): u32 {
  const proto = quoted.proto;
  const family = quoted.family;
  const dialled = service.owner(family, quoted.daddr0, quoted.daddr1, quoted.dport, proto);
  if (dialled != 0) return dialled;
  return service.owner(family, quoted.saddr0, quoted.saddr1, quoted.sport, proto);
}

function namesEndpoint(quoted: Quote): bool {
  const proto = quoted.proto;
  const family = quoted.family;
  if (endpoints.has(family, quoted.daddr0, quoted.daddr1, quoted.dport, proto)) return true;
  return endpoints.has(family, quoted.saddr0, quoted.saddr1, quoted.sport, proto);
}
