/** What an IP packet says of itself, read plainly; and the same packet with other addresses and ports. */
import { format, parse } from "../../src/packet/address.ts";
import { crc32c } from "../conformance/sum.ts";

/** Bytes in front of the IP packet of a frame without tags. */
export const ETHERNET = 14;
export const TCP = 6;
export const UDP = 17;
export const SCTP = 132;
const FRAGMENT_HEADER = 44;
/** Hop-by-hop, routing, authentication, destination options, mobility: RFC 8200 section 4, RFC 6275. */
const EXTENSION_HEADERS = [0, 43, 51, 60, 135];
const AUTHENTICATION = 51;

export interface Ends {
  readonly saddr: string;
  readonly sport: number;
  readonly daddr: string;
  readonly dport: number;
}

export interface Headers extends Ends {
  readonly version: number;
  readonly proto: number;
  /** Where the transport header begins, and where the packet ends by its own word. */
  readonly l4: number;
  readonly end: number;
  readonly fragment: Fragment | undefined;
}

export interface Fragment {
  readonly id: number;
  /** In bytes. */
  readonly offset: number;
  /** Of its header's fields: the offset and the flag "more". */
  readonly at: number;
}

/** Undefined for what is too short to say. Ports are 0 where there are none. */
export function read(l3: Uint8Array): Headers | undefined {
  const version = (l3[0] ?? 0) >> 4;
  const network = version === 4 && l3.length >= 20 ? readIpv4(l3) : undefined;
  const found = version === 6 && l3.length >= 40 ? readIpv6(l3) : network;
  if (found === undefined) return undefined;
  const hasPorts = isTransport(found.proto) && !found.fragment?.offset && l3.length >= found.l4 + 4;
  const [sport, dport] = hasPorts ? [word(l3, found.l4), word(l3, found.l4 + 2)] : [0, 0];
  return { version, ...found, sport, dport };
}

type Network = Omit<Headers, "version" | "sport" | "dport">;

function readIpv4(l3: Uint8Array): Network {
  const pieces = word(l3, 6) & 0x3fff;
  return {
    proto: l3[9]!,
    l4: (l3[0]! & 15) * 4,
    end: word(l3, 2),
    saddr: format(l3.subarray(12, 16)),
    daddr: format(l3.subarray(16, 20)),
    fragment: pieces ? { id: word(l3, 4), offset: (pieces & 0x1fff) * 8, at: 6 } : undefined,
  };
}

function readIpv6(l3: Uint8Array): Network {
  let [proto, l4, fragment] = [l3[6]!, 40, undefined as Fragment | undefined];
  for (let next = l3[l4]; next !== undefined && isExtension(proto); next = l3[l4]) {
    if (proto === FRAGMENT_HEADER) fragment = readFragment(l3, l4);
    l4 += extensionLength(l3, l4, proto);
    proto = next;
    if (fragment?.offset) break;
  }
  const [saddr, daddr] = [format(l3.subarray(8, 24)), format(l3.subarray(24, 40))];
  return { proto, l4, end: 40 + word(l3, 4), saddr, daddr, fragment };
}

function isExtension(proto: number): boolean {
  return proto === FRAGMENT_HEADER || EXTENSION_HEADERS.includes(proto);
}

function extensionLength(l3: Uint8Array, at: number, proto: number): number {
  if (proto === FRAGMENT_HEADER) return 8;
  const units = l3[at + 1] ?? 0;
  return proto === AUTHENTICATION ? (units + 2) * 4 : (units + 1) * 8;
}

/** An atomic fragment (offset 0, no more: RFC 6946) is a whole packet. */
function readFragment(l3: Uint8Array, at: number): Fragment | undefined {
  const pieces = word(l3, at + 2) & 0xfff9;
  const id = word(l3, at + 4) * 0x10000 + word(l3, at + 6);
  return pieces ? { id, offset: pieces & 0xfff8, at: at + 2 } : undefined;
}

function isTransport(proto: number): boolean {
  return proto === TCP || proto === UDP || proto === SCTP;
}

/** The packet as far as it goes by its own word: padding of the frame left out. */
export function trim(l3: Uint8Array): Uint8Array {
  return l3.slice(0, read(l3)?.end ?? l3.length);
}

/** The packet with other ends: sums are brought up to date by the difference, so what is wrong stays wrong. */
export function rewrite(l3: Uint8Array, to: Partial<Ends>): Uint8Array {
  const [headers, packet] = [read(l3)!, l3.slice()];
  const { version, l4, proto, fragment } = headers;
  const ends = { ...headers, ...to };
  const addresses = version === 4 ? 12 : 8;
  packet.set([...parse(ends.saddr), ...parse(ends.daddr)], addresses);
  const isHead = isTransport(proto) && !fragment?.offset;
  if (isHead) packet.set([...bytesOfWord(ends.sport), ...bytesOfWord(ends.dport)], l4);
  const addressesEnd = version === 4 ? 20 : 40;
  if (version === 4) update(packet, 10, differenceOf(l3, packet, [[12, 20]]));
  if (isHead)
    mend(
      packet,
      headers,
      differenceOf(l3, packet, [
        [addresses, addressesEnd],
        [l4, l4 + 4],
      ]),
    );
  return packet;
}

/** SCTP's sum is over the whole packet and computed anew: RFC 9260 appendix A. */
function mend(packet: Uint8Array, { l4, end, proto }: Headers, difference: number): void {
  if (proto === SCTP) {
    packet.fill(0, l4 + 8, l4 + 12);
    new DataView(packet.buffer).setUint32(l4 + 8, crc32c(packet.subarray(l4, end)), true);
    return;
  }
  const at = l4 + (proto === TCP ? 16 : 6);
  if (at + 2 > packet.length || (proto === UDP && word(packet, at) === 0)) return;
  update(packet, at, difference);
  if (proto === UDP && word(packet, at) === 0) packet.set([0xff, 0xff], at);
}

/** RFC 1624: HC' = ~(~HC + ~m + m'). */
function update(packet: Uint8Array, at: number, difference: number): void {
  if (difference === 0) return;
  packet.set(bytesOfWord(~fold((~word(packet, at) & 0xffff) + difference) & 0xffff), at);
}

/** The one's complement sum of ~m + m' over ranges of bytes; nothing changed is 0. */
function differenceOf(
  before: Uint8Array,
  after: Uint8Array,
  ranges: readonly (readonly [number, number])[],
): number {
  let sum = 0;
  for (const [from, to] of ranges) {
    for (let at = from; at < to; at += 2) sum += (~word(before, at) & 0xffff) + word(after, at);
  }
  const folded = fold(sum);
  return folded === 0xffff ? 0 : folded;
}

function fold(sum: number): number {
  let rest = sum;
  while (rest > 0xffff) rest = (rest & 0xffff) + (rest >>> 16);
  return rest;
}

export function word(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

function bytesOfWord(value: number): readonly [number, number] {
  return [value >> 8, value & 0xff];
}
