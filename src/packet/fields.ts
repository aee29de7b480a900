/**
 * A frame as a list of fields, in the order of its bytes, every byte covered: link layer, IPv4 and
 * IPv6 with extension headers, TCP, UDP, SCTP and ICMP, and the packet an ICMP error quotes. Takes
 * any bytes: where a header is cut off the list says "truncated", and what it cannot read it lists
 * as payload.
 */
import {
  LINK_ETHERNET,
  LINK_LINUX_SLL,
  LINK_LINUX_SLL2,
  LINK_LOOP,
  LINK_NULL,
} from "../../abi/limits.ts";
import { hex, viewOf } from "./bytes.ts";
import {
  AUTHENTICATION_LAYER,
  CHUNK,
  ETHERNET,
  EXTENSION,
  EXTENSION_LAYERS,
  FRAGMENT,
  ICMP_HEADER,
  IPV4,
  IPV6,
  LOOPBACK,
  type Row,
  SCTP_HEADER,
  SLL,
  SLL2,
  TCP_HEADER,
  UDP_HEADER,
  VLAN,
} from "./field-rows.ts";
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6, RAW_LINK_TYPES, VLAN_ETHERTYPES } from "./link.ts";
import { ICMP, ICMPV6, SCTP, TCP, UDP } from "./parse.ts";

/** One field of one header of a frame. */
export interface Field {
  /**
   * "ethernet", "vlan", "ipv4", "tcp", ...; "vlan[2]" for a second one, "quoted ipv4" within an
   * ICMP error.
   */
  readonly layer: string;
  readonly field: string;
  /** In bytes from the start of the frame; fields of single bits share the bytes they stand in. */
  readonly offset: number;
  readonly length: number;
  readonly value: string;
  /** The value is nothing but the bytes, in hexadecimal. */
  readonly raw: boolean;
}

/** What is being listed, and how far the bytes reach that belong to it. */
interface Scope {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly fields: Field[];
  readonly layers: Map<string, number>;
  /** Within the packet that an ICMP error quotes. */
  readonly quoted: boolean;
}

/** `link` is a LINKTYPE_ number. */
export function fieldsOf(frame: Uint8Array, link: number = LINK_ETHERNET): Field[] {
  const view = viewOf(frame);
  const scope: Scope = { bytes: frame, view, fields: [], layers: new Map(), quoted: false };
  readLink(scope, link);
  return scope.fields;
}

function readLink(scope: Scope, link: number): void {
  const end = scope.bytes.length;
  if (link === LINK_ETHERNET) readEthernet(scope, end);
  else if (link === LINK_LINUX_SLL) readCooked(scope, "sll", SLL, 16, 14);
  else if (link === LINK_LINUX_SLL2) readCooked(scope, "sll2", SLL2, 20, 0);
  else if (link === LINK_NULL || link === LINK_LOOP) readLoopback(scope, end);
  else if (RAW_LINK_TYPES.includes(link)) readIp(scope, 0, end);
  else payload(scope, 0, end);
}

/** A cooked header of `size` bytes, with its EtherType at `type`. */
function readCooked(
  scope: Scope,
  layer: string,
  rows: readonly Row[],
  size: number,
  type: number,
): void {
  const end = scope.bytes.length;
  if (!header(scope, layer, rows, 0, size, end)) return;
  readType(scope, scope.view.getUint16(type), size, end);
}

function readLoopback(scope: Scope, end: number): void {
  if (header(scope, "loopback", LOOPBACK, 0, 4, end)) readIp(scope, 4, end);
}

function readEthernet(scope: Scope, end: number): void {
  if (!header(scope, "ethernet", ETHERNET, 0, 14, end)) return;
  let at = 14;
  let etherType = scope.view.getUint16(12);
  while (VLAN_ETHERTYPES.includes(etherType)) {
    if (!header(scope, "vlan", VLAN, at, 4, end)) return;
    etherType = scope.view.getUint16(at + 2);
    at += 4;
  }
  readType(scope, etherType, at, end);
}

function readType(scope: Scope, etherType: number, at: number, end: number): void {
  if (etherType === ETHERTYPE_IPV4 || etherType === ETHERTYPE_IPV6) readIp(scope, at, end);
  else payload(scope, at, end);
}

/** Goes by the version, as a receiver does; anything but 4 and 6 is payload. */
function readIp(scope: Scope, at: number, end: number): void {
  const version = at < end ? scope.view.getUint8(at) >>> 4 : 0;
  if (version === 4) readIpv4(scope, at, end);
  else if (version === 6) readIpv6(scope, at, end);
  else payload(scope, at, end);
}

function readIpv4(scope: Scope, at: number, end: number): void {
  if (!header(scope, "ipv4", IPV4, at, 20, end)) return;
  const { view } = scope;
  const headerLength = (view.getUint8(at) & 0x0f) * 4;
  const body = Math.max(at + 20, Math.min(at + headerLength, end));
  if (headerLength > 20) rest(scope, "ipv4", "options", at + 20, body);
  const stop = clamp(at + view.getUint16(at + 2), body, end);
  const later = (view.getUint16(at + 6) & 0x1fff) !== 0;
  readTransport(scope, later ? -1 : view.getUint8(at + 9), body, stop);
  padding(scope, stop, end);
}

function readIpv6(scope: Scope, at: number, end: number): void {
  if (!header(scope, "ipv6", IPV6, at, 40, end)) return;
  const stop = Math.min(at + 40 + scope.view.getUint16(at + 4), end);
  readExtensions(scope, scope.view.getUint8(at + 6), at + 40, stop);
  padding(scope, stop, end);
}

/** RFC 8200 section 4. Each header takes eight bytes at least, so the walk ends. */
function readExtensions(scope: Scope, first: number, start: number, end: number): void {
  let next = first;
  let at = start;
  let later = false;
  for (
    let layer = EXTENSION_LAYERS[next];
    layer !== undefined && !later;
    layer = EXTENSION_LAYERS[next]
  ) {
    const rows = layer === "fragment" ? FRAGMENT : EXTENSION;
    const size = layer === "fragment" ? 8 : 2;
    if (!header(scope, layer, rows, at, size, end)) return;
    const length = extensionLength(scope, layer, at);
    if (layer === "fragment") later = (scope.view.getUint16(at + 2) & 0xfff8) !== 0;
    rest(scope, layerName(scope, layer), "data", at + size, Math.min(at + length, end));
    next = scope.view.getUint8(at);
    at = Math.min(at + length, end);
  }
  readTransport(scope, later ? -1 : next, at, end);
}

/** RFC 8200 sections 4.2 and 4.5; RFC 4302 section 2.2 counts in words of four bytes. */
function extensionLength({ view }: Scope, layer: string, at: number): number {
  if (layer === "fragment") return 8;
  if (layer === AUTHENTICATION_LAYER) return Math.max(8, (view.getUint8(at + 1) + 2) * 4);
  return (view.getUint8(at + 1) + 1) * 8;
}

/** `protocol` is -1 for a fragment without a transport header. */
function readTransport(scope: Scope, protocol: number, at: number, end: number): void {
  if (protocol === TCP) readTcp(scope, at, end);
  else if (protocol === UDP) readUdp(scope, at, end);
  else if (protocol === SCTP) readSctp(scope, at, end);
  else if (protocol === ICMP) readIcmp(scope, "icmp", ICMP_ERRORS, at, end);
  else if (protocol === ICMPV6) readIcmp(scope, "icmpv6", ICMPV6_ERRORS, at, end);
  else payload(scope, at, end);
}

function readUdp(scope: Scope, at: number, end: number): void {
  if (header(scope, "udp", UDP_HEADER, at, 8, end)) payload(scope, at + 8, end);
}

function readTcp(scope: Scope, at: number, end: number): void {
  if (!header(scope, "tcp", TCP_HEADER, at, 20, end)) return;
  const headerLength = (scope.view.getUint8(at + 12) >>> 4) * 4;
  const body = clamp(at + headerLength, at + 20, end);
  rest(scope, "tcp", "options", at + 20, body);
  payload(scope, body, end);
}

/** RFC 9260 section 3.2: chunks of four bytes and a value each, padded to 32 bits. */
function readSctp(scope: Scope, at: number, end: number): void {
  if (!header(scope, "sctp", SCTP_HEADER, at, 12, end)) return;
  let next = at + 12;
  while (next + 4 <= end) {
    const length = Math.max(4, scope.view.getUint16(next + 2));
    const stop = Math.min(next + ((length + 3) & ~3), end);
    header(scope, "chunk", CHUNK, next, 4, end);
    rest(scope, layerName(scope, "chunk"), "value", next + 4, stop);
    next = stop;
  }
  payload(scope, next, end);
}

/** RFC 792: unreachable, source quench, redirect, time exceeded, parameter problem. */
const ICMP_ERRORS = [3, 4, 5, 11, 12];
/** RFC 4443 section 3: unreachable, too big, time exceeded, parameter problem. */
const ICMPV6_ERRORS = [1, 2, 3, 4];

/** What an error quotes is listed one level deep. */
function readIcmp(scope: Scope, layer: string, errors: number[], at: number, end: number): void {
  if (!header(scope, layer, ICMP_HEADER, at, 8, end)) return;
  const quotes = !scope.quoted && errors.includes(scope.view.getUint8(at));
  if (quotes) readIp({ ...scope, layers: new Map(), quoted: true }, at + 8, end);
  else payload(scope, at + 8, end);
}

function payload(scope: Scope, at: number, end: number): void {
  rest(scope, "payload", "bytes", at, end);
}

function padding(scope: Scope, at: number, end: number): void {
  rest(scope, "padding", "bytes", at, end);
}

/** Lists a header, or "truncated" and false when it ends behind `end`. */
function header(
  scope: Scope,
  layer: string,
  rows: readonly Row[],
  at: number,
  size: number,
  end: number,
): boolean {
  scope.layers.set(layer, (scope.layers.get(layer) ?? 0) + 1);
  const name = layerName(scope, layer);
  if (at + size > end) {
    rest(scope, name, "truncated", at, end, true);
    return false;
  }
  for (const [field, offset, length, read] of rows) {
    const value = read(scope.view, at + offset);
    scope.fields.push({ layer: name, field, offset: at + offset, length, value, raw: false });
  }
  return true;
}

/** The name of the layer that was begun last under it. */
function layerName({ layers, quoted }: Scope, layer: string): string {
  const count = layers.get(layer) ?? 1;
  const name = count > 1 ? `${layer}[${count}]` : layer;
  return quoted ? `quoted ${name}` : name;
}

/** Lists bytes as they are; none unless `always`. */
function rest(
  scope: Scope,
  layer: string,
  field: string,
  at: number,
  end: number,
  always = false,
): void {
  if (at >= end && !always) return;
  const bytes = scope.bytes.subarray(at, end);
  const name = scope.quoted && !layer.startsWith("quoted ") ? `quoted ${layer}` : layer;
  scope.fields.push({
    layer: name,
    field,
    offset: at,
    length: bytes.length,
    value: hex(bytes),
    raw: true,
  });
}

function clamp(value: number, low: number, high: number): number {
  return Math.max(low, Math.min(value, high));
}
