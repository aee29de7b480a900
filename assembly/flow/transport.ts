/**
 * What the transport protocols make of a packet: may it open a connection, and where does it lead.
 */
import {
  FLAG_ASSURED,
  FLAG_SEEN_REPLY,
  STATE_UDP,
  STATE_UDP_STREAM,
} from "../../abi/conntrack";
import { UDP_STREAM_AGE } from "../../abi/limits";
import * as connections from "../maps/connections";
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
import * as syn from "./syn";
import * as tcp from "./tcp";
import * as window from "./window";

/** Whether the packet may open a connection. */
export function opens(packet: Packet): bool {
  if (packet.proto == PROTO_TCP) return states.opens(changetype<Tcp>(packet.l4).flags);
  return packet.proto == PROTO_UDP || sctp.opens(packet);
}

/** Begins a connection with the packet that opens it, after `opens`. */
export function begin<K>(packet: Packet, ref: usize): void {
  if (packet.proto == PROTO_TCP) beginTcp<K>(packet, ref);
  else if (packet.proto != PROTO_UDP) sctp.keep<K>(ref);
  else conntrack.advance(connections.at(ref), STATE_UDP, STATE_UDP, 0);
}

function beginTcp<K>(packet: Packet, ref: usize): void {
  if (syn.isPlain(packet)) syn.begin<K>(packet, ref);
  else pickUp<K>(packet, ref);
}

/** Begins in mid-stream, or with a segment that is not all there. */
function pickUp<K>(packet: Packet, ref: usize): void {
  const connection = connections.at(ref);
  tracks.clear(connections.trackOf<K>(ref));
  const stream = streams.enter<K>(ref, 0);
  const first = segment.read(packet);
  window.open(stream, first);
  tcp.follow(stream, first);
  conntrack.advance(connection, stream.state, stream.timer, 0);
}

/** What a packet makes of its connection: a judgement. State, timer, flags and time are written. */
export function follow<K>(packet: Packet, ref: usize): u32 {
  let judgement = ACCEPTED;
  if (packet.proto == PROTO_TCP) judgement = followTcp<K>(packet, ref);
  else if (packet.proto == PROTO_UDP) followUdp(ref);
  else judgement = sctp.follow<K>(packet, ref);
  if (judgement == ACCEPTED || judgement == SHORTENED) conntrack.refresh(connections.at(ref));
  return judgement;
}

/** A fragment has not left yet, so its connection stays although it ends it. */
function followTcp<K>(packet: Packet, ref: usize): u32 {
  const connection = connections.at(ref);
  const stream = streams.enter<K>(ref, conntrack.left(connection));
  let judgement = tcp.follow(stream, segment.read(packet));
  if (judgement == RESET && packet.fragment != 0) judgement = ACCEPTED;
  if (judgement == REFUSED || judgement == REOPENED || judgement == RESET) return judgement;
  const answered = judgement == SHORTENED ? 0 : seen(ref);
  conntrack.advance(connection, stream.state, stream.timer, answered | assured(stream));
  return judgement;
}

function assured(stream: Stream): u32 {
  return stream.isAssured ? FLAG_ASSURED : 0;
}

/** A packet of the other direction is the answer. */
function seen(ref: usize): u32 {
  return connections.directionOf(ref) != 0 ? FLAG_SEEN_REPLY : 0;
}

/** An answered flow that has lasted is a stream: nf_conntrack_udp_packet of the kernel. */
function followUdp(ref: usize): void {
  const connection = connections.at(ref);
  connection.flags |= <u8>seen(ref);
  if (!(connection.flags & FLAG_SEEN_REPLY)) return;
  if (now() - connection.created <= <u32>UDP_STREAM_AGE) return;
  conntrack.advance(connection, STATE_UDP_STREAM, STATE_UDP_STREAM, FLAG_ASSURED);
}
