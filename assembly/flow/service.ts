/** The service port a new connection dials, and whether it is let in. */
import {
  CLASS_LOCAL,
  CLASS_OTHER,
  CLASS_POD,
  DESC_FLAG_LOCAL,
  FAMILY_IPV4,
  FRONTEND_CLUSTER_IP,
  RANGE_UNRESTRICTED,
} from "../../abi/layout";
import { ACTION_DNAT, ACTION_REJECT, REASON_MARTIAN, REASON_SOURCE_RANGE } from "../../abi/verdict";
import { CONFIG } from "../maps/config";
import * as interfaces from "../maps/interfaces";
import * as ranges from "../maps/ranges";
import { Service, Vip } from "../maps/services";
import * as services from "../maps/services";
import { Packet } from "../packet";
import { isLocal, servesNodePorts, unspecified } from "./address";
import { Opening } from "./opening";
import { CONTINUE, DAMAGED, INVALID, PASS, drop } from "./outcome";
import { rejectPacket } from "./reject";
import * as stray from "./stray";
import * as transport from "./transport";

/** Finds the service port that is dialled; false when it is none. */
export function find(packet: Packet, opening: Opening): bool {
  const service = lookup(changetype<Vip>(opening.vip), changetype<Service | null>(packet.service));
  if (service == null) return false;
  opening.service = service;
  opening.number = service.number;
  packet.descriptor.service = service.number;
  return true;
}

const VIP = changetype<Vip>(memory.data(24, 8));

/** Number of the service port that has an address and port, nodePorts included; 0 for none. */
export function owner(family: u32, address0: u64, address1: u64, port: u16, proto: u32): u32 {
  VIP.init(address0, address1, port, proto, family);
  const service = lookup(VIP, null);
  return service == null ? 0 : service.number;
}

/** The service port of a vip, nodePorts included, unless the one that has this vip is `known`. */
export function lookup(vip: Vip, known: Service | null): Service | null {
  if (isUnspecified(vip)) return null;
  if (known != null) return known;
  const service = services.lookup(changetype<usize>(vip));
  if (service != null) return service;
  if (!servesNodePorts(vip.address0, vip.address1, vip.family)) return null;
  return lookupNodePort(vip.family, vip.proto, vip.port);
}

/** The unspecified address is what nodePorts are stored under; dialled, it is nobody's. */
function isUnspecified(vip: Vip): bool {
  return vip.address0 == 0 && vip.address1 == unspecified(vip.family);
}

const NODE_PORT = changetype<Vip>(memory.data(24, 8));

/** The service port behind a nodePort of a family and protocol. */
export function lookupNodePort(family: u32, proto: u32, port: u16): Service | null {
  NODE_PORT.init(0, unspecified(family), port, proto, family);
  return services.lookup(changetype<usize>(NODE_PORT));
}

/** Whether the packet may open a connection at all, and the source may use the service port. */
export function admit(packet: Packet, opening: Opening): u32 {
  if (packet.damaged != 0) return DAMAGED;
  if (stray.isMartian(packet, opening)) return drop(REASON_MARTIAN);
  if (!transport.opens(packet)) return INVALID;
  return isLetIn(opening) ? CONTINUE : drop(REASON_SOURCE_RANGE);
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
 * Refusals of external frontends stand in the chains INPUT and FORWARD: what the node itself sends
 * to an address elsewhere meets neither, and leaves by the default route.
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
  // Whose address it is need not be looked up where nothing depends on it: 3 % of a new connection.
  if (opening.service.routesLocalsLikeOthers) return CLASS_OTHER;
  const local = isLocal(opening.saddr0, opening.saddr1, opening.family);
  return local ? CLASS_LOCAL : CLASS_OTHER;
}

function isPod(opening: Opening): bool {
  const is4 = opening.family == FAMILY_IPV4;
  const base = is4 ? CONFIG.podRange4Base : CONFIG.podRange6Base;
  const length = is4 ? CONFIG.podRange4Length : CONFIG.podRange6Length;
  return ranges.contains(base, length, opening.saddr0, opening.saddr1);
}
