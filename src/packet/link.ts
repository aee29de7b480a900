/**
 * Link layers by name and number, and the EtherTypes that say what they carry.
 * https://www.tcpdump.org/linktypes.html; IANA "IEEE 802 Numbers".
 */
import {
  LINK_ETHERNET,
  LINK_IPV4,
  LINK_IPV6,
  LINK_LINUX_SLL,
  LINK_LINUX_SLL2,
  LINK_LOOP,
  LINK_NULL,
  LINK_RAW,
} from "../../abi/limits.ts";
import type { LinkType } from "../dataplane/dataplane.ts";

/** LINKTYPE_ numbers of the link layers that have names. */
export const LINK_TYPES: Readonly<Record<LinkType, number>> = {
  ethernet: LINK_ETHERNET,
  raw: LINK_RAW,
  null: LINK_NULL,
  loop: LINK_LOOP,
  "linux-sll": LINK_LINUX_SLL,
  "linux-sll2": LINK_LINUX_SLL2,
};

/** Raw IP under all its numbers: DLT_RAW was 12 on most systems and 14 on OpenBSD. */
export const RAW_LINK_TYPES: readonly number[] = [LINK_RAW, LINK_IPV4, LINK_IPV6, 12, 14];

export const ETHERTYPE_IPV4 = 0x0800;
export const ETHERTYPE_IPV6 = 0x86dd;
/** 802.1Q. */
export const ETHERTYPE_VLAN = 0x8100;
/** 802.1ad. */
export const ETHERTYPE_QINQ = 0x88a8;
/** Every EtherType that announces a tag; 0x9100 is what QinQ had before 802.1ad. */
export const VLAN_ETHERTYPES: readonly number[] = [ETHERTYPE_VLAN, ETHERTYPE_QINQ, 0x9100];
