/** Packets: parsed, verified, named by text, and written again. */
import { parse as parseAddress } from "../../../src/packet/address.ts";

export interface Packet {
  readonly view: DataView;
  readonly frame: Uint8Array;
  readonly network: Network;
  readonly protocol: number;
  /** Where the transport header and the packet end. */
  readonly transport: number;
  readonly end: number;
}

/** Where a version of IP has its addresses. */
interface Network {
  readonly addresses: number;
  readonly length: 4 | 16;
  readonly checksum: number | null;
}

export interface Rewrite {
  readonly saddr: Uint8Array;
  readonly sport: number;
  readonly daddr: Uint8Array;
  readonly dport: number;
}

/** Numbers of IANA, and where the IP header begins behind Ethernet's. */
const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_IPV6 = 0x86dd;
const IP = 14;
export const TCP = 6;
export const UDP = 17;
/** RFC 9293 section 3.1. */
export const FIN = 1;
export const SYN = 2;
export const RST = 4;
export const ACK = 16;
const IPV4: Network = { addresses: IP + 12, length: 4, checksum: IP + 10 };
const IPV6: Network = { addresses: IP + 8, length: 16, checksum: null };

export function parse(frame: Uint8Array): Packet | null {
  if (frame.length < IP + 20) return null;
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  switch (view.getUint16(12)) {
    case ETHERTYPE_IPV4:
      return parseIpv4(frame, view);
    case ETHERTYPE_IPV6:
      return parseIpv6(frame, view);
    default:
      return null;
  }
}

function parseIpv4(frame: Uint8Array, view: DataView): Packet | null {
  const headerLength = (view.getUint8(IP) & 0x0f) * 4;
  const end = IP + view.getUint16(IP + 2);
  if (view.getUint8(IP) >> 4 !== 4 || headerLength < 20 || end > frame.length) return null;
  if ((view.getUint16(IP + 6) & 0x3fff) !== 0) return null;
  const protocol = view.getUint8(IP + 9);
  const transport = IP + headerLength;
  return transportOf({ view, frame, network: IPV4, protocol, transport, end });
}

function parseIpv6(frame: Uint8Array, view: DataView): Packet | null {
  if (frame.length < IP + 40 || view.getUint8(IP) >> 4 !== 6) return null;
  const end = IP + 40 + view.getUint16(IP + 4);
  if (end > frame.length) return null;
  const protocol = view.getUint8(IP + 6);
  return transportOf({ view, frame, network: IPV6, protocol, transport: IP + 40, end });
}

/** The packet again, when its transport header is whole. */
function transportOf(packet: Packet): Packet | null {
  const { view, protocol, transport, end } = packet;
  const length = end - transport;
  if (protocol === UDP) {
    const udpLength = length >= 8 ? view.getUint16(transport + 4) : 0;
    return udpLength >= 8 && udpLength <= length ? packet : null;
  }
  if (protocol !== TCP || length < 20) return null;
  const headerLength = (view.getUint8(transport + 12) >> 4) * 4;
  return headerLength >= 20 && headerLength <= length ? packet : null;
}

function sum(view: DataView, from: number, to: number): number {
  let total = 0;
  for (let at = from; at + 1 < to; at += 2) total += view.getUint16(at);
  if ((to - from) % 2 === 1) total += view.getUint8(to - 1) << 8;
  return total;
}

function fold(total: number): number {
  let folded = total;
  while (folded > 0xffff) folded = (folded & 0xffff) + (folded >>> 16);
  return folded;
}

export function hasGoodChecksums({ view, network, protocol, transport, end }: Packet): boolean {
  if (network === IPV4 && fold(sum(view, IP, transport)) !== 0xffff) return false;
  if (protocol === UDP && view.getUint16(transport + 6) === 0) return network === IPV4;
  const { addresses, length } = network;
  const pseudo = sum(view, addresses, addresses + 2 * length) + protocol + (end - transport);
  return fold(pseudo + sum(view, transport, end)) === 0xffff;
}

export function tupleOf({ view, frame, network, transport }: Packet): Rewrite {
  const { addresses, length } = network;
  return {
    saddr: frame.slice(addresses, addresses + length),
    sport: view.getUint16(transport),
    daddr: frame.slice(addresses + length, addresses + 2 * length),
    dport: view.getUint16(transport + 2),
  };
}

function textAt(view: DataView, at: number, length: number): string {
  if (length === 4) return `${view.getUint32(at)}`;
  return `${view.getBigUint64(at)},${view.getBigUint64(at + 8)}`;
}

function textOf(address: Uint8Array): string {
  return textAt(new DataView(address.buffer, address.byteOffset), 0, address.length);
}

export function keyOf({ view, network, protocol, transport }: Packet): string {
  const { addresses, length } = network;
  const saddr = textAt(view, addresses, length);
  const daddr = textAt(view, addresses + length, length);
  return `${protocol} ${saddr}:${view.getUint16(transport)} ${daddr}:${view.getUint16(transport + 2)}`;
}

export function keyText(
  protocol: number,
  saddr: Uint8Array,
  sport: number,
  daddr: Uint8Array,
  dport: number,
): string {
  return `${protocol} ${textOf(saddr)}:${sport} ${textOf(daddr)}:${dport}`;
}

export function serviceKey(vip: string, port: number, protocol: "TCP" | "UDP"): string {
  return `${protocol === "TCP" ? TCP : UDP} ${textOf(parseAddress(vip))}:${port}`;
}

export function dialledBy({ view, network, protocol, transport }: Packet): string {
  const { addresses, length } = network;
  return `${protocol} ${textAt(view, addresses + length, length)}:${view.getUint16(transport + 2)}`;
}

export function flagsOf({ view, transport }: Packet): number {
  return view.getUint8(transport + 13);
}

/** Puts other addresses and ports in; a UDP checksum of 0 means none and stays (RFC 768). */
export function rewrite(packet: Packet, { saddr, sport, daddr, dport }: Rewrite): void {
  const { view, network, protocol, transport } = packet;
  const { addresses, length, checksum } = network;
  const l4 = transport + (protocol === TCP ? 16 : 6);
  const absent = protocol === UDP && view.getUint16(l4) === 0;
  const fields = [checksum, absent ? null : l4].filter((each) => each !== null);
  replaceAddress(view, addresses, saddr, fields);
  replaceAddress(view, addresses + length, daddr, fields);
  replace(view, transport, sport, absent ? [] : [l4]);
  replace(view, transport + 2, dport, absent ? [] : [l4]);
  if (protocol === UDP && !absent && view.getUint16(l4) === 0) view.setUint16(l4, 0xffff);
}

function replaceAddress(view: DataView, at: number, address: Uint8Array, fields: number[]): void {
  for (let i = 0; i < address.length; i += 2) {
    const word = ((address[i] as number) << 8) | (address[i + 1] as number);
    replace(view, at + i, word, fields);
  }
}

/** Writes sixteen bits and keeps the checksums at `fields` right: RFC 1624 equation 3. */
function replace(view: DataView, at: number, value: number, fields: number[]): void {
  const before = view.getUint16(at);
  if (before === value) return;
  view.setUint16(at, value);
  for (const field of fields) {
    const kept = ~view.getUint16(field) & 0xffff;
    view.setUint16(field, ~fold(kept + (~before & 0xffff) + value));
  }
}
