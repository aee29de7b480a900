/**
 * What the transport protocols make of a packet: may it open a connection, and where does it lead.
 */
import {
  FLAG_ASSURED,
  FLAG_REPLY,
  FLAG_SEEN_REPLY,
  STATE_UDP,
  STATE_UDP_STREAM,
} from "../../abi/conntrack";
import { UDP_STREAM_AGE } from "../../abi/limits";
import { Entry } from "../maps/connections";
import * as tracks from "../maps/tracks";
import { Packet } from "../packet";
import { PROTO_TCP, Tcp } from "../wire/tcp";
import { PROTO_UDP } from "../wire/udp";
import { now } from "./clock";
import * as conntrack from "./conntrack";
import { ACCEPTED, REFUSED, REOPENED, RESET, SHORTENED } from "./judgement";
import * as sctp from "./sctp";
import * as segment from "./segment";
import * as states from "./states";
import { Stream } from "./stream";
import * as streams from "./stream";
import * as tcp from "./tcp";
import * as window from "./window";

/** Whether the packet may open a connection. */
export function opens(packet: Packet): bool {
  if (packet.proto == PROTO_TCP) return states.opens(changetype<Tcp>(packet.l4).flags);
  return packet.proto == PROTO_UDP || sctp.opens(packet);
}

/** Begins a connection with the packet that opens it, after `opens`. */
export function begin<E extends Entry>(packet: Packet, orig: E, reply: E): void {
  if (packet.proto == PROTO_TCP) beginTcp<E>(packet, orig, reply);
  else if (packet.proto == PROTO_UDP) conntrack.advance<E>(orig, STATE_UDP, STATE_UDP, 0);
  else sctp.keep<E>(orig, reply);
}

function beginTcp<E extends Entry>(packet: Packet, orig: E, reply: E): void {
  orig.detail = tracks.take();
  reply.detail = orig.detail;
  const stream = streams.enter<E>(orig, 0);
  const first = segment.read(packet);
  window.open(stream, first);
  tcp.follow(stream, first);
  conntrack.advance<E>(orig, stream.state, stream.timer, 0);
}

/** What a packet makes of its connection: a judgement. State, timer, flags and time are written. */
export function follow<E extends Entry>(packet: Packet, entry: E): u32 {
  let judgement = ACCEPTED;
  if (packet.proto == PROTO_TCP) judgement = followTcp<E>(packet, entry);
  else if (packet.proto == PROTO_UDP) followUdp<E>(entry);
  else judgement = sctp.follow<E>(packet, entry);
  if (judgement == ACCEPTED || judgement == SHORTENED) conntrack.refresh<E>(entry);
  return judgement;
}

/** A fragment has not left yet, so its connection stays although it ends it. */
function followTcp<E extends Entry>(packet: Packet, entry: E): u32 {
  const stream = streams.enter<E>(entry, conntrack.left<E>(entry));
  let judgement = tcp.follow(stream, segment.read(packet));
  if (judgement == RESET && packet.fragment != 0) judgement = ACCEPTED;
  if (judgement == REFUSED || judgement == REOPENED || judgement == RESET) return judgement;
  const answered = judgement == SHORTENED ? 0 : seen<E>(entry);
  conntrack.advance<E>(entry, stream.state, stream.timer, answered | assured(stream));
  return judgement;
}

function assured(stream: Stream): u32 {
  return stream.isAssured ? FLAG_ASSURED : 0;
}

/** A packet of the other direction is the answer. */
function seen<E extends Entry>(entry: E): u32 {
  return entry.flags & FLAG_REPLY ? FLAG_SEEN_REPLY : 0;
}

/** An answered flow that has lasted is a stream: nf_conntrack_udp_packet of the kernel. */
function followUdp<E extends Entry>(entry: E): void {
  conntrack.advance<E>(entry, entry.state, entry.timer, seen<E>(entry));
  if (!(entry.flags & FLAG_SEEN_REPLY) || now() - entry.created <= <u32>UDP_STREAM_AGE) return;
  conntrack.advance<E>(entry, STATE_UDP_STREAM, STATE_UDP_STREAM, FLAG_ASSURED);
}
