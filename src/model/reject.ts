/** Tells a client that nobody serves it: port unreachable, by RFC 792 or RFC 4443. */
import type { Family, Service } from "../dataplane/entries.ts";
import { parse } from "../packet/address.ts";
import { concat, viewOf } from "../packet/bytes.ts";
import * as checksum from "../packet/checksum.ts";
import { type Flow, ICMP, ICMP_HEADER, ICMPV6 } from "../packet/parse.ts";
import { type Judgement, plain } from "./judgement.ts";
import * as link from "./link.ts";
import { refused, rejected } from "./outcome.ts";
import { isLocal } from "./service.ts";
import type { Store } from "./store.ts";
import type { Walk } from "./walk.ts";

/** The most bytes of an error message: RFC 1812 section 4.3.2.3; RFC 4443 section 2.4 (c). */
const IPV4_MESSAGE_MAX = 576;
const IPV6_MESSAGE_MAX = 1280;
/** Type and code: RFC 792 "Destination Unreachable Message", RFC 4443 section 3.1. */
const IPV4_PORT_UNREACHABLE = [3, 3];
const IPV6_PORT_UNREACHABLE = [1, 4];
const IPV4_HEADER = 20;
const IPV6_HEADER = 40;
/** What Linux gives its own packets: IPDEFTTL in linux/ip.h, IPV6_DEFAULT_HOPLIMIT. */
const HOP_LIMIT = 64;
/** IPTOS_TOS_MASK of linux/ip.h; icmp.c gives errors the precedence "internetwork control". */
const TOS_MASK = 0x1e;
const PRECEDENCE_INTERNETCONTROL = 0xc0;

/** Sends the client an error; without an address to send it to, the packet is only dropped. */
export function reject(walk: Walk, service: Service, reason: number): Judgement {
  const { frame, flow, input } = walk;
  if (!isAnswerable(flow)) return plain(refused(service.service, reason));
  const header = link.answer(frame.subarray(0, flow.ip.at), input.link);
  const message = flow.ip.family === "ipv4" ? messageIpv4 : messageIpv6;
  return {
    outcome: rejected(service.service, reason),
    entry: null,
    answer: concat([header, message(frame, flow, sourceOf(walk))]),
  };
}

/** Not for sources that are no single host: RFC 1122 section 3.2.2, RFC 4443 section 2.4 (e). */
function isAnswerable({ ip, tuple }: Flow): boolean {
  const first = parse(tuple.saddr)[0] as number;
  if (ip.family === "ipv6") return tuple.saddr !== "::" && first !== 0xff;
  const multicast = first >= 224 && first <= 239;
  return !multicast && tuple.saddr !== "0.0.0.0" && tuple.saddr !== "255.255.255.255";
}

/**
 * An address of the node itself answers, as a nodePort's is; any other vip is nobody's address, so
 * the interface the packet came in on lends its own.
 */
function sourceOf({ store, flow, input }: Walk): string {
  const { family } = flow.ip;
  if (isLocal(store, family, flow.tuple.daddr)) return flow.tuple.daddr;
  const own = interfaceAddress(store, input.interface, family);
  return own || interfaceAddress(store, 0, family) || flow.tuple.daddr;
}

function interfaceAddress(store: Store, row: number, family: Family): string {
  return store.control.interfaces.lookup(row)?.[family] ?? "";
}

function messageIpv4(frame: Uint8Array, flow: Flow, source: string): Uint8Array {
  const body = quote(frame, flow, IPV4_MESSAGE_MAX - IPV4_HEADER - ICMP_HEADER);
  const message = icmp(IPV4_PORT_UNREACHABLE, body, 0);
  const header = new Uint8Array(IPV4_HEADER);
  header[0] = 0x45;
  header[1] = ((frame[flow.ip.at + 1] as number) & TOS_MASK) | PRECEDENCE_INTERNETCONTROL;
  viewOf(header).setUint16(2, IPV4_HEADER + message.length);
  header[8] = HOP_LIMIT;
  header[9] = ICMP;
  header.set(parse(source), 12);
  header.set(parse(flow.tuple.saddr), 16);
  viewOf(header).setUint16(10, checksum.compute(header));
  return concat([header, message]);
}

function messageIpv6(frame: Uint8Array, flow: Flow, source: string): Uint8Array {
  const body = quote(frame, flow, IPV6_MESSAGE_MAX - IPV6_HEADER - ICMP_HEADER);
  const addresses = concat([parse(source), parse(flow.tuple.saddr)]);
  const length = ICMP_HEADER + body.length;
  const message = icmp(
    IPV6_PORT_UNREACHABLE,
    body,
    checksum.pseudoHeader(addresses, ICMPV6, length),
  );
  const header = new Uint8Array(IPV6_HEADER);
  header[0] = 0x60;
  viewOf(header).setUint16(4, length);
  header[6] = ICMPV6;
  header[7] = HOP_LIMIT;
  header.set(addresses, 8);
  return concat([header, message]);
}

/** The client's packet as it came, without its link layer and padding. */
function quote(frame: Uint8Array, { ip }: Flow, length: number): Uint8Array {
  return frame.subarray(ip.at, Math.min(ip.end, ip.at + length));
}

/** `covered` is the sum over what the checksum covers besides the message. */
function icmp(typeAndCode: readonly number[], body: Uint8Array, covered: number): Uint8Array {
  const message = new Uint8Array(ICMP_HEADER + body.length);
  message.set(typeAndCode);
  message.set(body, ICMP_HEADER);
  viewOf(message).setUint16(2, checksum.compute(message, covered));
  return message;
}
