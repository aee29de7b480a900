/**
 * Link-layer headers: Ethernet with VLAN tags, Linux cooked, BSD loopback.
 * https://www.tcpdump.org/linktypes.html
 */
import type { LinkType } from "../dataplane/dataplane.ts";
import * as address from "./address.ts";
import { concat, viewOf } from "./bytes.ts";
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_QINQ, ETHERTYPE_VLAN } from "./link.ts";

/** One 802.1Q tag. */
export interface VlanTag {
  readonly id: number;
  readonly priority?: number;
  readonly dropEligible?: boolean;
  /** What announces this tag. Default 0x8100; 0x88a8 for the outer one of several. */
  readonly etherType?: number;
}

export interface LinkSpec {
  readonly saddr: string;
  /** Default "ethernet". */
  readonly link?: LinkType;
  /** Default 02:00:00:00:00:01 and 02:00:00:00:00:02. */
  readonly smac?: string;
  readonly dmac?: string;
  /** 802.1Q tags, outermost first, as numbers or in full. */
  readonly vlan?: readonly (number | VlanTag)[];
  /** What the link layer says it carries, when not what it carries. */
  readonly etherType?: number;
  /** Linux cooked: 0 to us (default), 1 broadcast, 2 multicast, 3 to others, 4 from us. */
  readonly packetType?: number;
  /** Linux cooked version 2: the interface's number. */
  readonly interfaceIndex?: number;
  /**
   * BSD loopback: the address family (default 2, for IPv6 30), and the capturing machine's byte
   * order.
   */
  readonly addressFamily?: number;
  readonly byteOrder?: "little" | "big";
}

/** ARPHRD_ETHER of Linux. */
const HARDWARE_ETHERNET = 1;
const FAMILY_INET = 2;
/** AF_INET6 as macOS numbers it. */
const FAMILY_INET6 = 30;

export function writeLink(spec: LinkSpec): Uint8Array {
  const { link = "ethernet" } = spec;
  switch (link) {
    case "ethernet":
      return writeEthernet(spec);
    case "raw":
      return new Uint8Array(0);
    case "null":
      return writeLoopback(spec, spec.byteOrder !== "big");
    case "loop":
      return writeLoopback(spec, false);
    case "linux-sll":
      return writeSll(spec);
    case "linux-sll2":
      return writeSll2(spec);
    default:
      throw new RangeError(`unknown link layer ${JSON.stringify(link)}`);
  }
}

function etherTypeOf(spec: LinkSpec): number {
  if (spec.etherType !== undefined) return spec.etherType;
  return address.family(spec.saddr) === "ipv4" ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6;
}

function writeEthernet(spec: LinkSpec): Uint8Array {
  const tags = (spec.vlan ?? []).map((tag) => (typeof tag === "number" ? { id: tag } : tag));
  const parts = [mac(spec.dmac ?? "02:00:00:00:00:02"), mac(spec.smac ?? "02:00:00:00:00:01")];
  for (const [index, tag] of tags.entries()) {
    const usual = index < tags.length - 1 && index === 0 ? ETHERTYPE_QINQ : ETHERTYPE_VLAN;
    parts.push(words(tag.etherType ?? usual, tagControl(tag)));
  }
  parts.push(words(etherTypeOf(spec)));
  return concat(parts);
}

/**
 * 802.1Q clause 9.6: three bits of priority, one of drop eligibility, twelve of VLAN identifier.
 */
function tagControl(tag: VlanTag): number {
  return ((tag.priority ?? 0) << 13) | (tag.dropEligible ? 0x1000 : 0) | (tag.id & 0xfff);
}

function writeLoopback(spec: LinkSpec, little: boolean): Uint8Array {
  const usual = address.family(spec.saddr) === "ipv4" ? FAMILY_INET : FAMILY_INET6;
  const bytes = new Uint8Array(4);
  viewOf(bytes).setUint32(0, spec.addressFamily ?? usual, little);
  return bytes;
}

function writeSll(spec: LinkSpec): Uint8Array {
  const head = words(spec.packetType ?? 0, HARDWARE_ETHERNET, 6);
  return concat([
    head,
    mac(spec.smac ?? "02:00:00:00:00:01"),
    new Uint8Array(2),
    words(etherTypeOf(spec)),
  ]);
}

function writeSll2(spec: LinkSpec): Uint8Array {
  const bytes = new Uint8Array(20);
  const view = viewOf(bytes);
  view.setUint16(0, etherTypeOf(spec));
  view.setUint32(4, spec.interfaceIndex ?? 1);
  view.setUint16(8, HARDWARE_ETHERNET);
  view.setUint8(10, spec.packetType ?? 0);
  view.setUint8(11, 6);
  bytes.set(mac(spec.smac ?? "02:00:00:00:00:01"), 12);
  return bytes;
}

function mac(text: string): Uint8Array {
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text))
    throw new RangeError(`not a MAC address: ${text}`);
  return Uint8Array.from(text.split(":"), (byte) => Number.parseInt(byte, 16));
}

/** 16-bit numbers in network order. */
function words(...values: number[]): Uint8Array {
  return Uint8Array.from(values.flatMap((value) => [(value >>> 8) & 0xff, value & 0xff]));
}
