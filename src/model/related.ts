/**
 * ICMP. An error about a packet that was translated is translated with it, so that it reaches the one
 * who sent that packet, and speaks of the packet as it was sent: nf_conntrack_proto_icmp.c and
 * nf_nat_icmp_reply_translation of nf_nat_proto.c. Everything else passes as it is, or not at all.
 */
import {
  ACTION_RELATED,
  CONNTRACK_INVALID,
  CONNTRACK_RELATED,
  REASON_CHECKSUM,
  REASON_INVALID,
} from "../../abi/verdict.ts";
import type { Outcome } from "../dataplane/engine.ts";
import type { Proto, Tuple } from "../dataplane/entries.ts";
import { concat, viewOf } from "../packet/bytes.ts";
import * as checksum from "../packet/checksum.ts";
import { ICMPV6, type Icmp, SCTP, TCP, TRANSPORT_HEADERS, UDP } from "../packet/parse.ts";
import { isError, type Quote, type QuotedFlow, readQuote } from "../packet/quote.ts";
import * as conntrack from "./conntrack.ts";
import * as nat from "./nat.ts";
import * as outcome from "./outcome.ts";
import * as service from "./service.ts";
import { configOf, type TrackedDirection } from "./store.ts";
import * as traffic from "./traffic.ts";
import * as verify from "./verify.ts";
import { type Passage, type Result, untouched } from "./walk.ts";

/** RFC 792 "Redirect Message". */
const IPV4_REDIRECT = 5;
/** Offset of the checksum, RFC 792 and RFC 4443 section 2.1. */
const ICMP_CHECKSUM = 2;

export function enter(passage: Passage, message: Icmp): Result {
  const quote = isError(message.ip.family, message.type)
    ? readQuote(passage.frame, message)
    : undefined;
  if (quote?.found !== "flow")
    return untouched(passage.frame, judgeForeign(passage, message, quote));
  const known = conntrack.lookup(passage.store, conntrack.inverse(quote.tuple));
  if (known === undefined) return untouched(passage.frame, judgeUnknown(passage, message, quote));
  const fault = faultOf(passage, message, quote, known);
  if (fault !== undefined) return untouched(passage.frame, refused(fault, known));
  return relate(passage, message, quote, known);
}

/** What speaks of no TCP, UDP or SCTP packet. */
function judgeForeign(passage: Passage, message: Icmp, quote: Quote | undefined): Outcome {
  if (verify.isDamaged(passage, message.ip)) return stray(passage, message, REASON_CHECKSUM);
  if (quote?.found === "unusable") return stray(passage, message, REASON_INVALID);
  return outcome.passed();
}

/** An error about a packet that is of no connection, as it was quoted. */
function judgeUnknown(passage: Passage, message: Icmp, { tuple }: QuotedFlow): Outcome {
  const { store } = passage;
  if (verify.isDamaged(passage, message.ip)) return stray(passage, message, REASON_CHECKSUM);
  // Whoever sent this has seen the packet in a form that it had on the other side of the node only.
  const misdirected = conntrack.lookup(store, tuple);
  if (misdirected !== undefined && translates(misdirected, tuple)) {
    return refused(REASON_INVALID, misdirected);
  }
  const { family } = message.ip;
  if (service.isLocal(store, family, message.tuple.daddr)) return outcome.passed();
  return judgeEnds(passage, message, tuple);
}

/** Nobody but a service or an endpoint of one could be meant by the quote, and they know nothing of it. */
function judgeEnds({ store }: Passage, { ip: { family } }: Icmp, quoted: Tuple): Outcome {
  const proto = quoted.proto as Proto;
  const ends = [
    { address: quoted.daddr, port: quoted.dport, proto },
    { address: quoted.saddr, port: quoted.sport, proto },
  ];
  const owner = ends.map((end) => service.owner(store, family, end)).find(Boolean);
  if (owner !== undefined) return invalid(REASON_INVALID, { service: owner.service });
  const { endpoints } = store.control;
  const isEndpoint = ends.some((end) => endpoints.lookup({ family, ...end }) !== undefined);
  return isEndpoint ? invalid(REASON_INVALID, {}) : outcome.passed();
}

/** Why an error about a packet of a connection is not believed. */
function faultOf(
  passage: Passage,
  message: Icmp,
  quote: QuotedFlow,
  known: TrackedDirection,
): number | undefined {
  if (verify.isDamaged(passage, message.ip)) return REASON_CHECKSUM;
  // It must be for the one who sent the packet.
  if (message.tuple.daddr !== quote.tuple.saddr) return REASON_INVALID;
  const redirects = message.ip.family === "ipv4" && message.type === IPV4_REDIRECT;
  // A gateway knows no better way to an address that is not the packet's own.
  return redirects && translates(known, conntrack.inverse(quote.tuple))
    ? REASON_INVALID
    : undefined;
}

/** Whether packets with this tuple leave with another one; those of a service always count as such. */
function translates(entry: TrackedDirection, tuple: Tuple): boolean {
  return !entry.connection.direct || !conntrack.isSame(conntrack.target(entry), tuple);
}

/** The error goes the way of the packets of `known`, which the quoted packet met. */
function relate(
  passage: Passage,
  message: Icmp,
  quote: QuotedFlow,
  known: TrackedDirection,
): Result {
  const { store, frame } = passage;
  if (!translates(known, conntrack.inverse(quote.tuple))) {
    return untouched(passage.frame, { ...outcome.passed(), conntrack: CONNTRACK_RELATED });
  }
  traffic.carry(store, known, frame.length);
  const related = { action: ACTION_RELATED, conntrack: CONNTRACK_RELATED };
  return {
    outcome: { ...outcome.followed(known), ...related },
    packet: translate(passage, message, quote, conntrack.target(known)),
    released: [],
  };
}

/** `to` is what packets leave with that go the way of the error. */
function translate(
  { store, frame }: Passage,
  message: Icmp,
  quote: QuotedFlow,
  to: Tuple,
): Uint8Array {
  const packet = frame.slice();
  setEnds(packet, message, quote, to);
  setQuote(packet, message, quote, conntrack.inverse(to));
  const whole = message.ip.end <= frame.length;
  if (whole && configOf(store).checksum) renew(packet, message);
  else nat.adjust(packet, message.ip.transport + ICMP_CHECKSUM, gainOf(frame, packet, message));
  return packet;
}

/**
 * The receiver is always the sender of the quoted packet. The error's own sender is hidden behind
 * the end that is being hidden, whoever it is; it keeps its address where no end of it is.
 */
function setEnds(packet: Uint8Array, { ip, tuple }: Icmp, quote: QuotedFlow, to: Tuple): void {
  const from = conntrack.inverse(quote.tuple);
  const hidesSender = to.saddr !== from.saddr || to.sport !== from.sport;
  const hidesReceiver = to.daddr !== from.daddr || to.dport !== from.dport;
  nat.setAddresses(packet, ip, {
    saddr: hidesSender ? to.saddr : tuple.saddr,
    daddr: hidesReceiver ? to.daddr : tuple.daddr,
  });
}

function setQuote(packet: Uint8Array, message: Icmp, { ip, tuple }: QuotedFlow, to: Tuple): void {
  nat.setAddresses(packet, ip, to);
  nat.setPorts(packet, ip.transport, to);
  const gain = nat.gainOf(tuple, to);
  // TCP's and SCTP's: shorter ones are quoted without a checksum.
  const hasHeader = ip.end - ip.transport >= (TRANSPORT_HEADERS[ip.protocol] ?? 0);
  if (ip.protocol === UDP) nat.adjustUdp(packet, ip.transport + nat.UDP_CHECKSUM, gain);
  if (ip.protocol === TCP && hasHeader) {
    nat.adjust(packet, ip.transport + nat.TCP_CHECKSUM, gain);
  }
  // Over what is quoted, as the kernel does, be it less than the packet that it was.
  const whole = message.ip.end <= packet.length;
  if (ip.protocol === SCTP && hasHeader && whole) nat.renewSctp(packet, ip);
}

function renew(packet: Uint8Array, { ip }: Icmp): void {
  const body = packet.subarray(ip.transport, ip.end);
  viewOf(body).setUint16(ICMP_CHECKSUM, 0);
  viewOf(body).setUint16(ICMP_CHECKSUM, checksum.compute(body, pseudoHeader(packet, ip)));
}

/** ICMPv6 covers a pseudo-header (RFC 4443 section 2.3), ICMP does not. */
function pseudoHeader(packet: Uint8Array, ip: Icmp["ip"]): number {
  if (ip.protocol !== ICMPV6) return 0;
  return checksum.pseudoHeader(checksum.addressesOf(packet, ip), ICMPV6, ip.end - ip.transport);
}

/** What the checksum of the message gains; the message still has its old one on both sides. */
function gainOf(before: Uint8Array, after: Uint8Array, { ip }: Icmp): number {
  const covered = (packet: Uint8Array) => {
    const addresses = checksum.addressesOf(packet, ip);
    const body = packet.subarray(ip.transport, ip.end);
    return ip.protocol === ICMPV6 ? concat([addresses, body]) : body;
  };
  return checksum.difference(covered(before), covered(after));
}

/** Dropped for `reason`, unless it is the host's business or nobody minds. */
function stray({ store }: Passage, { ip, tuple }: Icmp, reason: number): Outcome {
  return service.toleratesInvalid(store, ip.family, tuple.daddr)
    ? outcome.passed()
    : invalid(reason, {});
}

function refused(reason: number, { connection }: TrackedDirection): Outcome {
  return invalid(reason, { backend: connection.backend });
}

function invalid(reason: number, named: { service?: number; backend?: number }): Outcome {
  return outcome.dropped(reason, { ...named, conntrack: CONNTRACK_INVALID });
}
