/** Link layer: finds the IP header. */
import {
  FAMILY_IPV4,
  FAMILY_IPV6,
  LINK_SLOT_ETHERNET,
  LINK_SLOT_LOOP,
  LINK_SLOT_NULL,
  LINK_SLOT_RAW,
  LINK_SLOT_SLL,
  LINK_SLOT_SLL2,
} from "../../abi/layout";
import { VLAN_TAGS_MAX } from "../../abi/limits";
import { Packet } from "../packet";
import { LOOPBACK_SIZE, Loopback, SLL2_SIZE, SLL_SIZE, Sll, Sll2, typeOf } from "../wire/cooked";
import {
  ETHERNET_SIZE,
  Ethernet,
  TYPE_IPV4,
  TYPE_IPV6,
  VLAN_TAG_SIZE,
  VlanTag,
  isVlan,
} from "../wire/ethernet";
import { CONTINUE, PASS, TRUNCATED } from "./outcome";

/** Sets `l3` and `family`. */
export function enter(packet: Packet): u32 {
  switch (<u32>packet.descriptor.link) {
    case LINK_SLOT_ETHERNET:
      return enterEthernet(packet);
    case LINK_SLOT_RAW:
      return enterRaw(packet);
    case LINK_SLOT_NULL:
    case LINK_SLOT_LOOP:
      return enterLoopback(packet);
    case LINK_SLOT_SLL:
      return enterSll(packet);
    case LINK_SLOT_SLL2:
      return enterSll2(packet);
    default:
      return PASS;
  }
}

function enterEthernet(packet: Packet): u32 {
  const data = packet.descriptor.data;
  const length = packet.descriptor.length;
  if (length < ETHERNET_SIZE) return TRUNCATED;
  let at = ETHERNET_SIZE;
  let type: u32 = changetype<Ethernet>(data).type;
  for (let tags: u32 = 0; tags < <u32>VLAN_TAGS_MAX && isVlan(type); tags++) {
    if (length < at + VLAN_TAG_SIZE) return TRUNCATED;
    type = changetype<VlanTag>(data + at).type;
    at += VLAN_TAG_SIZE;
  }
  return accept(packet, at, type);
}

/** No link layer: the version says the family. */
function enterRaw(packet: Packet): u32 {
  if (packet.descriptor.length == 0) return TRUNCATED;
  const version = load<u8>(packet.descriptor.data) >> 4;
  return accept(packet, 0, version == 4 ? TYPE_IPV4 : version == 6 ? TYPE_IPV6 : 0);
}

/** LOOP writes the family in network order, NULL in that of the host that captured. */
function enterLoopback(packet: Packet): u32 {
  if (packet.descriptor.length < LOOPBACK_SIZE) return TRUNCATED;
  const family = changetype<Loopback>(packet.descriptor.data).family;
  let type = typeOf(bswap<u32>(family));
  if (type == 0 && packet.descriptor.link == LINK_SLOT_NULL) type = typeOf(family);
  return accept(packet, LOOPBACK_SIZE, type);
}

function enterSll(packet: Packet): u32 {
  if (packet.descriptor.length < SLL_SIZE) return TRUNCATED;
  return accept(packet, SLL_SIZE, changetype<Sll>(packet.descriptor.data).type);
}

function enterSll2(packet: Packet): u32 {
  if (packet.descriptor.length < SLL2_SIZE) return TRUNCATED;
  return accept(packet, SLL2_SIZE, changetype<Sll2>(packet.descriptor.data).type);
}

function accept(packet: Packet, at: u32, type: u32): u32 {
  if (type != TYPE_IPV4 && type != TYPE_IPV6) return PASS;
  packet.l3 = packet.descriptor.data + at;
  packet.family = <u8>(type == TYPE_IPV4 ? FAMILY_IPV4 : FAMILY_IPV6);
  return CONTINUE;
}

/** Turns the link header at `data` round, for a frame that goes back to where it came from. */
export function turn(data: usize, link: u32): void {
  if (link == LINK_SLOT_ETHERNET) changetype<Ethernet>(data).swap();
  else if (link == LINK_SLOT_SLL) changetype<Sll>(data).markOutgoing();
  else if (link == LINK_SLOT_SLL2) changetype<Sll2>(data).markOutgoing();
}
