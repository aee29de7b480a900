/** The service port a new connection dials, and whether it is let in. */
import { STATE_NONE, STATE_SCTP, STATE_UDP } from "../../abi/conntrack";
import {
  CLASS_LOCAL,
  CLASS_OTHER,
  CLASS_POD,
  CONFIG_FLAG_TCP_BE_LIBERAL,
  DESC_FLAG_LOCAL,
  FAMILY_IPV4,
  FRONTEND_CLUSTER_IP,
  RANGE_UNRESTRICTED,
} from "../../abi/layout";
import { ACTION_DNAT, ACTION_REJECT, REASON_SOURCE_RANGE } from "../../abi/verdict";
import { CONFIG } from "../maps/config";
import * as interfaces from "../maps/interfaces";
import * as ranges from "../maps/ranges";
import { Service, Vip } from "../maps/services";
import * as services from "../maps/services";
import { Packet } from "../packet";
import { PROTO_TCP, Tcp } from "../wire/tcp";
import { PROTO_UDP } from "../wire/udp";
import { isLocal, servesNodePorts, unspecified } from "./address";
import { Opening } from "./opening";
import { CONTINUE, INVALID, PASS, drop } from "./outcome";
import { rejectPacket } from "./reject";
import * as tcp from "./tcp";

/** Finds the service port; a packet that dials none goes its way. */
export function find(packet: Packet, opening: Opening): u32 {
  const service = lookup(opening);
  if (service == null) return strange(packet, opening) ? INVALID : PASS;
  opening.service = service;
  opening.number = service.number;
  packet.descriptor.service = service.number;
  return CONTINUE;
}

function lookup(opening: Opening): Service | null {
  if (isUnspecified(opening)) return null;
  const service = services.lookup(opening.vip);
  if (service != null) return service;
  if (!servesNodePorts(opening.daddr0, opening.daddr1, opening.family)) return null;
  return lookupNodePort(opening, opening.dport);
}

/** The unspecified address is what nodePorts are stored under; dialled, it is nobody's. */
function isUnspecified(opening: Opening): bool {
  return opening.daddr0 == 0 && opening.daddr1 == unspecified(opening.family);
}

const NODE_PORT = changetype<Vip>(memory.data(24, 8));

/** The service port behind a nodePort of the connection's family and protocol. */
export function lookupNodePort(opening: Opening, port: u16): Service | null {
  NODE_PORT.address0 = 0;
  NODE_PORT.address1 = unspecified(opening.family);
  NODE_PORT.port = port;
  NODE_PORT.proto = opening.proto;
  NODE_PORT.family = opening.family;
  return services.lookup(changetype<usize>(NODE_PORT));
}

/**
 * INVALID segments on their way through the node are dropped, as KUBE-FORWARD of kube-proxy does.
 */
function strange(packet: Packet, opening: Opening): bool {
  if (packet.proto != PROTO_TCP || tcp.isValid(changetype<Tcp>(packet.l4).flags)) return false;
  if (CONFIG.flags & CONFIG_FLAG_TCP_BE_LIBERAL) return false;
  return !isLocal(opening.daddr0, opening.daddr1, opening.family);
}

/** Whether the packet may open a connection at all, and the source may use the service port. */
export function admit(packet: Packet, opening: Opening): u32 {
  const state = stateOf(packet);
  if (state == STATE_NONE) return INVALID;
  opening.state = <u8>state;
  if (!isLetIn(opening)) return drop(REASON_SOURCE_RANGE);
  return CONTINUE;
}

function stateOf(packet: Packet): u32 {
  if (packet.proto == PROTO_TCP) return tcp.opening(changetype<Tcp>(packet.l4).flags);
  return packet.proto == PROTO_UDP ? STATE_UDP : STATE_SCTP;
}

function isLetIn(opening: Opening): bool {
  const service = opening.service;
  if (service.rangeLength == RANGE_UNRESTRICTED) return true;
  const base = service.rangeBase;
  return ranges.contains(base, service.rangeLength, opening.saddr0, opening.saddr1);
}

/** Takes the route of the source's class: on to a backend, or no further. */
export function route(packet: Packet, opening: Opening): u32 {
  const route = opening.service.route(classOf(packet, opening));
  opening.route = route;
  if (route.action == ACTION_DNAT) return CONTINUE;
  if (evadesRefusal(packet, opening)) return PASS;
  return route.action == ACTION_REJECT
    ? rejectPacket(packet, opening, route.reason)
    : drop(route.reason);
}

/**
 * Refusals of external frontends stand in the chains INPUT and FORWARD: what the node itself sends to
 * an address elsewhere meets neither, and leaves by the default route.
 */
function evadesRefusal(packet: Packet, opening: Opening): bool {
  if (!(packet.descriptor.flags & DESC_FLAG_LOCAL)) return false;
  if (opening.service.frontend == FRONTEND_CLUSTER_IP) return false;
  return !isLocal(opening.daddr0, opening.daddr1, opening.family);
}

function classOf(packet: Packet, opening: Opening): u32 {
  const descriptor = packet.descriptor;
  if (interfaces.lookup(descriptor.interfaceRow).pod != 0 || isPod(opening)) return CLASS_POD;
  if (descriptor.flags & DESC_FLAG_LOCAL) return CLASS_LOCAL;
  const local = isLocal(opening.saddr0, opening.saddr1, opening.family);
  return local ? CLASS_LOCAL : CLASS_OTHER;
}

function isPod(opening: Opening): bool {
  const is4 = opening.family == FAMILY_IPV4;
  const base = is4 ? CONFIG.podRange4Base : CONFIG.podRange6Base;
  const length = is4 ? CONFIG.podRange4Length : CONFIG.podRange6Length;
  return ranges.contains(base, length, opening.saddr0, opening.saddr1);
}
