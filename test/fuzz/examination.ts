/**
 * What may leave for a frame that came in: whole, changed only where translation changes something, and with
 * checksums as right as they were. One's complement sums say this without a model: replacing addresses and ports
 * and mending the checksum leaves the sum over all of it what it was (RFC 1624).
 */
import { crc32c } from "../conformance/sum.ts";
import {
  addressesOf,
  checksumAt,
  fold,
  type Headers,
  ICMP,
  ICMPV6,
  linkSize,
  locate,
  locateWithin,
  SCTP,
  sum,
  TCP,
  transportSum,
  UDP,
} from "./headers.ts";

export class Defect extends Error {
  override readonly name = "Defect";
}

const ICMP_HEADER = 8;
const TCP_HEADER = 20;
const ICMP_UNREACHABLE = { v4: [3, 3], v6: [1, 4] } as const;

/** Throws Defect when `left` cannot be what becomes of `came` by the verdict. */
export function examine(came: Uint8Array, left: Uint8Array, verdict: string, link: number): void {
  if (verdict === "TX") examineReject(came, left, link);
  else examinePassage(came, left, verdict, link);
}

function examinePassage(came: Uint8Array, left: Uint8Array, verdict: string, link: number): void {
  demand(verdict === "PASS" || verdict === "DROP", `verdict ${verdict}`);
  demand(came.length === left.length, "another length");
  const changed = Buffer.compare(came, left) !== 0;
  if (!changed) return;
  demand(verdict === "PASS", "dropped, yet changed");
  examineTranslation(came, left, link);
}

function demand(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Defect(what);
}

function examineTranslation(came: Uint8Array, left: Uint8Array, link: number): void {
  const headers = locate(came, link);
  demand(headers !== undefined, "translated, though it has no headers");
  const quoted = quoteOf(came, headers);
  for (let at = 0; at < came.length; at++) {
    if (came[at] === left[at] || mayChange(headers, at)) continue;
    demand(quoted !== undefined && mayChange(quoted, at), `byte ${at} changed`);
  }
  demandHeaderSum(came, left, headers, "IPv4 header checksum");
  if (headers.offset >= 0) return;
  if (quoted === undefined) demandTransportSum(came, left, headers);
  else demandRelatedSums(came, left, headers, quoted);
}

function demandRelatedSums(
  came: Uint8Array,
  left: Uint8Array,
  headers: Headers,
  quoted: Headers,
): void {
  demandMessageSum(came, left, headers);
  demandHeaderSum(came, left, quoted, "quoted IPv4 header checksum");
  demandQuotedSum(came, left, quoted);
}

/** The packet an ICMP message is about. */
function quoteOf(bytes: Uint8Array, headers: Headers): Headers | undefined {
  const { protocol, transport, end, v6, offset } = headers;
  if (offset >= 0 || protocol !== (v6 ? ICMPV6 : ICMP)) return undefined;
  const quoted = locateWithin(bytes, transport + ICMP_HEADER, end);
  demand(quoted !== undefined && quoted.v6 === v6, "an ICMP message without a quote changed");
  return quoted;
}

/** Addresses, ports, and the checksums over them. */
function mayChange(headers: Headers, at: number): boolean {
  const [from, to] = addressesOf(headers);
  if (at >= from && at < to) return true;
  const { v6, ip, transport, protocol, offset, end } = headers;
  if (!v6 && (at === ip + 10 || at === ip + 11)) return true;
  if (at < transport || at >= end) return false;
  const place = at - transport + Math.max(0, offset);
  return mayChangeInTransport(place, protocol, offset > 0 && v6);
}

function mayChangeInTransport(place: number, protocol: number, isLaterIpv6: boolean): boolean {
  // Where the transport begins behind more extension headers only the first fragment tells.
  if (isLaterIpv6) return true;
  const isIcmp = protocol === ICMP || protocol === ICMPV6;
  if (place < 4 && !isIcmp) return true;
  const check = checksumAt({ protocol } as Headers);
  return check !== undefined && place >= check && place < check + (protocol === SCTP ? 4 : 2);
}

function demandHeaderSum(
  came: Uint8Array,
  left: Uint8Array,
  { v6, ip, transport }: Headers,
  what: string,
): void {
  demand(v6 || fold(sum(came, ip, transport)) === fold(sum(left, ip, transport)), what);
}

function demandTransportSum(came: Uint8Array, left: Uint8Array, headers: Headers): void {
  const { protocol, transport, end, whole } = headers;
  demand([TCP, UDP, SCTP].includes(protocol), `protocol ${protocol} translated`);
  if (protocol !== SCTP) demandSameSum(came, left, headers, "transport checksum");
  else if (whole && isSctpRight(came, transport, end)) {
    demand(isSctpRight(left, transport, end), "CRC32c");
  }
}

function isSctpRight(bytes: Uint8Array, transport: number, end: number): boolean {
  // A copy, of a Buffer too, whose slice() is none.
  const packet = new Uint8Array(bytes.subarray(transport, end));
  const view = new DataView(packet.buffer);
  const found = view.getUint32(8, true);
  view.setUint32(8, 0);
  return crc32c(packet) === found;
}

/** UDP without a checksum stays so. */
function demandSameSum(came: Uint8Array, left: Uint8Array, headers: Headers, what: string): void {
  const { protocol, transport } = headers;
  const isAbsent = (bytes: Uint8Array) => bytes[transport + 6] === 0 && bytes[transport + 7] === 0;
  if (protocol === UDP && isAbsent(came)) demand(isAbsent(left), `${what} of none`);
  else demand(transportSum(came, headers) === transportSum(left, headers), what);
}

/** It may have been taken anew, and then be right for the first time. */
function demandMessageSum(came: Uint8Array, left: Uint8Array, headers: Headers): void {
  const found = transportSum(left, headers);
  const right = headers.whole && found === 0xffff;
  demand(right || found === transportSum(came, headers), "ICMP checksum");
}

/** Of a quote the checksum is not always there, and a CRC32c covers what is not. */
function demandQuotedSum(came: Uint8Array, left: Uint8Array, quoted: Headers): void {
  const { protocol, transport, end } = quoted;
  if (protocol === TCP && transport + TCP_HEADER > end) return;
  if (protocol === TCP || protocol === UDP) demandSameSum(came, left, quoted, "quoted checksum");
}

/** RFC 792, RFC 4443 section 3.1: port unreachable, about the packet as it came. */
function examineReject(came: Uint8Array, left: Uint8Array, link: number): void {
  const start = linkSize(left, link);
  const headers = locate(left, link);
  demand(headers?.whole === true && headers.end === left.length, "reject of another length");
  const { v6, ip, transport } = headers;
  demand(v6 || fold(sum(left, ip, transport)) === 0xffff, "IPv4 header checksum of a reject");
  demand(headers.protocol === (v6 ? ICMPV6 : ICMP), "reject of another protocol");
  demand(transportSum(left, headers) === 0xffff, "ICMP checksum of a reject");
  demand(!v6 || isPlainIpv6(left, ip), "IPv6 header of a reject");
  const [type, code] = v6 ? ICMP_UNREACHABLE.v6 : ICMP_UNREACHABLE.v4;
  demand(left[transport] === type && left[transport + 1] === code, "reject of another type");
  const quote = left.subarray(transport + ICMP_HEADER);
  const refused = came.subarray(start, start + quote.length);
  demand(Buffer.compare(quote, refused) === 0, "reject that quotes something else");
}

/** No traffic class, no flow label, the usual hop limit: no checksum covers them. */
function isPlainIpv6(bytes: Uint8Array, ip: number): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return view.getUint32(ip) === 0x6000_0000 && bytes[ip + 7] === 64;
}

/** Whether the bytes are those of a piece of a datagram. */
export function isFragment(bytes: Uint8Array, link: number): boolean {
  return (locate(bytes, link)?.offset ?? -1) >= 0;
}

/** Throws Defect when a fragment that was let go is none of those that could have been held. */
export function examineReleased(
  held: Iterable<{ readonly bytes: Uint8Array; readonly link: number }>,
  left: Uint8Array,
): void {
  for (const { bytes, link } of held) {
    if (bytes.length === left.length && explains(bytes, left, link)) return;
  }
  throw new Defect("released, though nothing like it was held");
}

function explains(came: Uint8Array, left: Uint8Array, link: number): boolean {
  try {
    examineTranslation(came, left, link);
    return true;
  } catch (error) {
    if (error instanceof Defect) return false;
    throw error;
  }
}
