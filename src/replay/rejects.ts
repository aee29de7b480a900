/**
 * The ICMP errors with which the dataplane has turned requests away, kept until the capture shows the one that
 * the node sent: the two must be the same but for what only that node and the way from it can know.
 */
import type { Maps } from "../dataplane/dataplane.ts";
import type { Family, Tuple } from "../dataplane/entries.ts";
import { concat, viewOf } from "../packet/bytes.ts";
import * as checksum from "../packet/checksum.ts";
import { ADDRESSES, type Flow, ICMP_HEADER, ICMPV6, type Icmp, parse } from "../packet/parse.ts";
import type { QuotedFlow } from "../packet/quote.ts";
import type { Packet } from "../pcap/capture.ts";
import { ICMP_CHECKSUM_AT, IPV4_CHECKSUM_AT, sameBytes } from "./readdress.ts";
import type { Replayed } from "./replay.ts";

/** What became of comparing a captured error with the dataplane's. */
export interface Match {
  /** Number of the request. */
  readonly about: number;
  /** `unchecked`: the capture holds the request in part, so the dataplane could not quote what the node did. */
  readonly result: "same" | "different" | "unchecked";
  /** The dataplane's error as the capture should have it. */
  readonly came: Uint8Array;
}

export interface Rejects {
  /** Keeps the error that answers the request `flow`. */
  add(replayed: Replayed, flow: Flow): void;
  /** Finds the one for a captured error, which then is done with; undefined when there is none. */
  take(captured: Packet, icmp: Icmp, quote: QuotedFlow): Match | undefined;
}

interface Reject {
  readonly about: number;
  readonly dialled: string;
  /** The error from its IP header on. */
  readonly error: Uint8Array;
  /** All of the request was captured. */
  readonly whole: boolean;
  /** The node has the address that was dialled. */
  readonly local: boolean;
}

/** Errors that wait: their request may be the last packet of a capture, or the node may have sent no error. */
const PENDING_MAX = 256;

/** "Destination Unreachable": RFC 792, RFC 4443 section 3.1. */
const UNREACHABLE: Readonly<Record<Family, number>> = { ipv4: 3, ipv6: 1 };
/** Of an IP header, in bytes: RFC 791 section 3.1, RFC 8200 section 3. Neither is built with options. */
const HEADERS: Readonly<Record<Family, Header>> = {
  ipv4: { length: 20, hops: 8 },
  ipv6: { length: 40, hops: 7 },
};
interface Header {
  readonly length: number;
  readonly hops: number;
}
const IPV4_ID = [4, 6] as const;

export function createRejects(maps: Maps): Rejects {
  const pending: Reject[] = [];
  return {
    add(replayed, flow) {
      pending.push(rejectOf(maps, replayed, flow));
      if (pending.length > PENDING_MAX) pending.shift();
    },
    take(captured, icmp, quote) {
      if (icmp.type !== UNREACHABLE[icmp.ip.family]) return undefined;
      const found = search(pending, captured, icmp, nameOf(quote.tuple));
      if (found !== undefined) pending.splice(pending.indexOf(found.reject), 1);
      return found?.match;
    },
  };
}

/** A request may have come again and again: the error that fits is its, else the latest. */
function search(
  pending: readonly Reject[],
  captured: Packet,
  icmp: Icmp,
  dialled: string,
): { reject: Reject; match: Match } | undefined {
  let found: { reject: Reject; match: Match } | undefined;
  for (const reject of pending) {
    if (reject.dialled !== dialled) continue;
    found = { reject, match: compare(reject, captured, icmp) };
    if (found.match.result === "same") break;
  }
  return found;
}

function rejectOf(maps: Maps, { n, captured, packet }: Replayed, { ip, tuple }: Flow): Reject {
  const error = parse(packet, captured.linkType);
  const at = "tuple" in error ? error.ip.at : packet.length;
  const { family } = ip;
  return {
    about: n,
    dialled: nameOf(tuple),
    error: packet.slice(at),
    whole: captured.data.length >= ip.end,
    local: maps.addresses.lookup({ family, address: tuple.daddr }) !== undefined,
  };
}

function nameOf({ saddr, sport, daddr, dport, proto }: Tuple): string {
  return `${saddr} ${sport} ${daddr} ${dport} ${proto}`;
}

function compare(reject: Reject, { data, linkType, wireLength }: Packet, icmp: Icmp): Match {
  const { at, end } = icmp.ip;
  const ours = excused(reject, data.subarray(at, end), icmp.ip.family);
  // The link layer is that of whoever captured; so are padding, and how much was kept of a packet.
  const kept = end > data.length ? ours.subarray(0, data.length - at) : ours;
  const came = concat([data.subarray(0, at), kept, data.subarray(end)]);
  const same = sameBytes(came, data, linkType, wireLength);
  return { about: reject.about, result: same ? "same" : worse(reject), came };
}

function worse({ whole }: Reject): "different" | "unchecked" {
  return whole ? "different" : "unchecked";
}

/**
 * The dataplane's error with what may be otherwise taken from the node's:
 * - the identification (IPv4) and the flow label (IPv6), which a kernel draws;
 * - the source, unless the request dialled an address of the node, which then answers from it: it is that of the
 *   device towards the client, which the objects do not say;
 * - hops, which may only have become fewer: of the error on its way from the node to the capture, of the quoted
 *   request on its way from the capture to the node, which forwards it (one less) before it turns it away.
 */
function excused({ error, local }: Reject, theirs: Uint8Array, family: Family): Uint8Array {
  const ours = error.slice();
  const header = HEADERS[family];
  const take = (from: number, to: number) => ours.set(theirs.subarray(from, to), from);
  if (family === "ipv4") take(...IPV4_ID);
  else takeFlowLabel(ours, theirs);
  const { at, length } = ADDRESSES[family];
  if (!local) take(at, at + length);
  takeHops(ours, theirs, header.hops);
  takeQuotedHops(ours, theirs, header, family);
  renewChecksums(ours, header, family);
  return ours;
}

/** The low twenty bits of the first word. */
function takeFlowLabel(ours: Uint8Array, theirs: Uint8Array): void {
  const label = viewOf(theirs).getUint32(0) & 0xfffff;
  viewOf(ours).setUint32(0, (viewOf(ours).getUint32(0) & 0xfff00000) | label);
}

function takeHops(ours: Uint8Array, theirs: Uint8Array, at: number): void {
  const own = ours[at] as number;
  ours[at] = Math.min(own, theirs[at] ?? own);
}

/** Whoever takes a hop from an IPv4 packet updates its checksum (RFC 1624), be it right or wrong. */
function takeQuotedHops(
  ours: Uint8Array,
  theirs: Uint8Array,
  { length, hops }: Header,
  family: Family,
): void {
  const at = length + ICMP_HEADER;
  const word = ours.subarray(at + hops - (hops % 2), at + hops - (hops % 2) + 2);
  const before = word.slice();
  takeHops(ours, theirs, at + hops);
  const gained = checksum.difference(before, word);
  if (family === "ipv6" || gained === 0) return;
  const view = viewOf(ours);
  const field = at + IPV4_CHECKSUM_AT;
  view.setUint16(field, checksum.update(view.getUint16(field), gained));
}

function renewChecksums(packet: Uint8Array, { length }: Header, family: Family): void {
  const view = viewOf(packet);
  if (family === "ipv4") {
    view.setUint16(IPV4_CHECKSUM_AT, 0);
    view.setUint16(IPV4_CHECKSUM_AT, checksum.compute(packet.subarray(0, length)));
  }
  const message = packet.subarray(length);
  const addresses = packet.subarray(ADDRESSES[family].at, length);
  const start = family === "ipv6" ? checksum.pseudoHeader(addresses, ICMPV6, message.length) : 0;
  view.setUint16(length + ICMP_CHECKSUM_AT, 0);
  view.setUint16(length + ICMP_CHECKSUM_AT, checksum.compute(message, start));
}
