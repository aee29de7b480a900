/** A packet of a known connection: judged by the connection's state, then translated. */
import {
  FLAG_ASSURED,
  FLAG_MASQUERADE,
  FLAG_REPLY,
  FLAG_SEEN_REPLY,
  STATE_CLOSE,
  STATE_ESTABLISHED,
  STATE_SYN_RECV,
  STATE_SYN_SENT,
  STATE_TIME_WAIT,
  STATE_UDP_STREAM,
} from "../../abi/conntrack";
import { FAMILY_IPV4, OUT_FLAG_MASQUERADE } from "../../abi/layout";
import { UDP_STREAM_AGE } from "../../abi/limits";
import { Connection4, Connection6, Entry, Tuple4, Tuple6 } from "../maps/connections";
import { Packet } from "../packet";
import { FLAG_RST, PROTO_TCP, Tcp } from "../wire/tcp";
import { PROTO_UDP } from "../wire/udp";
import { now } from "./clock";
import * as conntrack from "./conntrack";
import * as nat from "./nat";
import { CONTINUE, ESTABLISHED, INVALID, REPLY } from "./outcome";
import * as tcp from "./tcp";

/** What becomes of the packet and its connection. */
const ACCEPTED: u32 = 0;
const REFUSED: u32 = 1;
/** The connection was over: the packet opens a new one. */
const REOPENED: u32 = 2;
/** The packet ends the connection. */
const RESET: u32 = 3;

export function enter(packet: Packet): u32 {
  return packet.family == FAMILY_IPV4
    ? translate<Tuple4, Connection4>(packet)
    : translate<Tuple6, Connection6>(packet);
}

function translate<K, E extends Entry>(packet: Packet): u32 {
  const entry = conntrack.lookup<K, E>(packet.key, packet.hash);
  if (entry == null) return CONTINUE;
  const judgement = judge<E>(packet, entry);
  if (judgement == REOPENED) {
    conntrack.close<K, E>(entry);
    return CONTINUE;
  }
  packet.descriptor.backend = entry.backend;
  if (judgement == REFUSED) return INVALID;
  packet.descriptor.out = entry.flags & FLAG_MASQUERADE ? OUT_FLAG_MASQUERADE : 0;
  const outcome = entry.flags & FLAG_REPLY ? REPLY : ESTABLISHED;
  nat.rewrite<E>(packet, entry);
  if (judgement == RESET) conntrack.close<K, E>(entry);
  return outcome;
}

function judge<E extends Entry>(packet: Packet, entry: E): u32 {
  if (packet.proto == PROTO_TCP) return judgeTcp<E>(packet, entry);
  if (packet.proto == PROTO_UDP) trackUdp<E>(entry);
  else trackSctp<E>(entry);
  conntrack.refresh<E>(entry);
  return ACCEPTED;
}

function judgeTcp<E extends Entry>(packet: Packet, entry: E): u32 {
  const flags: u32 = changetype<Tcp>(packet.l4).flags;
  if (!tcp.isValid(flags)) return REFUSED;
  const state: u32 = entry.state;
  const next = tcp.transition((entry.flags & FLAG_REPLY) != 0, flags, state);
  if (next == tcp.INVALID) return REFUSED;
  if (next == tcp.IGNORED) {
    conntrack.advance<E>(entry, state, seen<E>(entry));
    return ACCEPTED;
  }
  const isOver = state == STATE_TIME_WAIT || state == STATE_CLOSE;
  if (next == STATE_SYN_SENT && isOver) return REOPENED;
  if (flags & FLAG_RST && !(entry.flags & FLAG_SEEN_REPLY)) return RESET;
  conntrack.advance<E>(entry, next, seen<E>(entry) | assured<E>(entry, next));
  conntrack.refresh<E>(entry);
  return ACCEPTED;
}

/** A packet of the other direction is the answer. */
function seen<E extends Entry>(entry: E): u32 {
  return entry.flags & FLAG_REPLY ? FLAG_SEEN_REPLY : 0;
}

/**
 * Assured by the first packet in ESTABLISHED once an answer was seen, as tcp_packet of the kernel
 * has it.
 */
function assured<E extends Entry>(entry: E, next: u32): u32 {
  const isOpen = entry.state == STATE_SYN_RECV || entry.state == STATE_ESTABLISHED;
  const isAnswered = (entry.flags & FLAG_SEEN_REPLY) != 0;
  return isOpen && isAnswered && next == STATE_ESTABLISHED ? FLAG_ASSURED : 0;
}

/** An answered flow that has lasted is a stream: nf_conntrack_udp_packet of the kernel. */
function trackUdp<E extends Entry>(entry: E): void {
  conntrack.advance<E>(entry, entry.state, seen<E>(entry));
  if (!(entry.flags & FLAG_SEEN_REPLY) || now() - entry.created <= <u32>UDP_STREAM_AGE) return;
  conntrack.advance<E>(entry, STATE_UDP_STREAM, FLAG_ASSURED);
}

function trackSctp<E extends Entry>(entry: E): void {
  const flags = entry.flags & FLAG_REPLY ? FLAG_SEEN_REPLY | FLAG_ASSURED : 0;
  conntrack.advance<E>(entry, entry.state, flags);
}
