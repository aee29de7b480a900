/**
 * The fields of each header: name, offset and length in bytes, and how the value reads. Offsets are
 * the RFCs'.
 */
import * as address from "./address.ts";
import { CHUNK_NAMES, FLAG_LETTERS } from "./build-transport.ts";
import { hex } from "./bytes.ts";

type Read = (view: DataView, at: number) => string;
export type Row = readonly [field: string, offset: number, length: number, read: Read];

const u8: Read = (view, at) => String(view.getUint8(at));
const u16: Read = (view, at) => String(view.getUint16(at));
const u32: Read = (view, at) => String(view.getUint32(at));
const hex8: Read = (view, at) => hexadecimal(view.getUint8(at), 2);
const hex16: Read = (view, at) => hexadecimal(view.getUint16(at), 4);
const hex32: Read = (view, at) => hexadecimal(view.getUint32(at), 8);
const mac: Read = (view, at) => hex(bytesAt(view, at, 6), ":");
const octets: Read = (view, at) => hex(bytesAt(view, at, 8));
const ipv4: Read = (view, at) => address.format(bytesAt(view, at, 4));
const ipv6: Read = (view, at) => address.format(bytesAt(view, at, 16));
/** SCTP keeps its CRC32c with the low byte first. */
const crc: Read = (view, at) => hexadecimal(view.getUint32(at, true), 8);
const flags: Read = (view, at) => flagLetters(view.getUint8(at));
const chunk: Read = (view, at) => CHUNK_NAMES[view.getUint8(at)] ?? u8(view, at);

function bits8(shift: number, mask: number, unit = 1): Read {
  return (view, at) => String(((view.getUint8(at) >>> shift) & mask) * unit);
}

function bits16(shift: number, mask: number, unit = 1): Read {
  return (view, at) => String(((view.getUint16(at) >>> shift) & mask) * unit);
}

function hexadecimal(value: number, digits: number): string {
  return `0x${value.toString(16).padStart(digits, "0")}`;
}

function bytesAt({ buffer, byteOffset }: DataView, at: number, length: number): Uint8Array {
  return new Uint8Array(buffer, byteOffset + at, length);
}

/** In tcpdump's order and letters; "none" when no flag is set. */
function flagLetters(bits: number): string {
  const letters = [...FLAG_LETTERS].filter((_, bit) => bits & (1 << bit));
  return letters.length > 0 ? letters.join("") : "none";
}

export const ETHERNET: readonly Row[] = [
  ["dmac", 0, 6, mac],
  ["smac", 6, 6, mac],
  ["etherType", 12, 2, hex16],
];
/** The tag without the EtherType that announces it: control word, then the next EtherType. */
export const VLAN: readonly Row[] = [
  ["priority", 0, 2, bits16(13, 7)],
  ["dropEligible", 0, 2, bits16(12, 1)],
  ["id", 0, 2, bits16(0, 0xfff)],
  ["etherType", 2, 2, hex16],
];
/** LINKTYPE_LINUX_SLL and LINKTYPE_LINUX_SLL2 of https://www.tcpdump.org/linktypes.html. */
export const SLL: readonly Row[] = [
  ["packetType", 0, 2, u16],
  ["hardware", 2, 2, u16],
  ["addressLength", 4, 2, u16],
  ["address", 6, 8, octets],
  ["etherType", 14, 2, hex16],
];
export const SLL2: readonly Row[] = [
  ["etherType", 0, 2, hex16],
  ["reserved", 2, 2, hex16],
  ["interfaceIndex", 4, 4, u32],
  ["hardware", 8, 2, u16],
  ["packetType", 10, 1, u8],
  ["addressLength", 11, 1, u8],
  ["address", 12, 8, octets],
];
export const LOOPBACK: readonly Row[] = [["family", 0, 4, hex32]];

/** RFC 791 section 3.1. */
export const IPV4: readonly Row[] = [
  ["version", 0, 1, bits8(4, 15)],
  ["headerLength", 0, 1, bits8(0, 15, 4)],
  ["tos", 1, 1, hex8],
  ["length", 2, 2, u16],
  ["id", 4, 2, u16],
  ["reserved", 6, 1, bits8(7, 1)],
  ["dontFragment", 6, 1, bits8(6, 1)],
  ["moreFragments", 6, 1, bits8(5, 1)],
  ["fragmentOffset", 6, 2, bits16(0, 0x1fff, 8)],
  ["ttl", 8, 1, u8],
  ["protocol", 9, 1, u8],
  ["checksum", 10, 2, hex16],
  ["saddr", 12, 4, ipv4],
  ["daddr", 16, 4, ipv4],
];
/** RFC 8200 section 3. */
export const IPV6: readonly Row[] = [
  ["version", 0, 1, bits8(4, 15)],
  ["class", 0, 2, bits16(4, 0xff)],
  ["flowLabel", 1, 3, (view, at) => hexadecimal(view.getUint32(at - 1) & 0xfffff, 5)],
  ["length", 4, 2, u16],
  ["nextHeader", 6, 1, u8],
  ["hopLimit", 7, 1, u8],
  ["saddr", 8, 16, ipv6],
  ["daddr", 24, 16, ipv6],
];
/** By protocol number: RFC 8200 section 4.1, RFC 4302, RFC 6275. */
export const AUTHENTICATION_LAYER = "authentication";
export const EXTENSION_LAYERS: Readonly<Record<number, string>> = {
  0: "hop-by-hop",
  43: "routing",
  44: "fragment",
  51: AUTHENTICATION_LAYER,
  60: "destination",
  135: "mobility",
};
export const EXTENSION: readonly Row[] = [
  ["nextHeader", 0, 1, u8],
  ["length", 1, 1, u8],
];
/** RFC 8200 section 4.5. */
export const FRAGMENT: readonly Row[] = [
  ["nextHeader", 0, 1, u8],
  ["reserved", 1, 1, hex8],
  ["fragmentOffset", 2, 2, bits16(3, 0x1fff, 8)],
  ["reservedBits", 2, 2, bits16(1, 3)],
  ["moreFragments", 2, 2, bits16(0, 1)],
  ["id", 4, 4, u32],
];

/** RFC 9293 section 3.1. */
export const TCP_HEADER: readonly Row[] = [
  ["sport", 0, 2, u16],
  ["dport", 2, 2, u16],
  ["seq", 4, 4, u32],
  ["ack", 8, 4, u32],
  ["headerLength", 12, 1, bits8(4, 15, 4)],
  ["reserved", 12, 1, bits8(0, 15)],
  ["flags", 13, 1, flags],
  ["window", 14, 2, u16],
  ["checksum", 16, 2, hex16],
  ["urgent", 18, 2, u16],
];
/** RFC 768. */
export const UDP_HEADER: readonly Row[] = [
  ["sport", 0, 2, u16],
  ["dport", 2, 2, u16],
  ["length", 4, 2, u16],
  ["checksum", 6, 2, hex16],
];
/** RFC 9260 section 3. */
export const SCTP_HEADER: readonly Row[] = [
  ["sport", 0, 2, u16],
  ["dport", 2, 2, u16],
  ["verificationTag", 4, 4, hex32],
  ["checksum", 8, 4, crc],
];
export const CHUNK: readonly Row[] = [
  ["type", 0, 1, chunk],
  ["flags", 1, 1, hex8],
  ["length", 2, 2, u16],
];
/** RFC 792, RFC 4443 section 2.1. */
export const ICMP_HEADER: readonly Row[] = [
  ["type", 0, 1, u8],
  ["code", 1, 1, u8],
  ["checksum", 2, 2, hex16],
  ["rest", 4, 4, hex32],
];
