/**
 * The short way of what most packets are: plain packets of a connection whose state they leave as
 * it is. What is written here is what the long way would have written; whatever is unusual takes
 * that one.
 */
import {
  FLAG_ASSURED,
  FLAG_DIRECT,
  FLAG_MASQUERADE,
  FLAG_SEEN_REPLY,
  STATE_ESTABLISHED,
  TIMER_MAX_RETRANS,
  TIMER_UNACKNOWLEDGED,
} from "../../abi/conntrack";
import { OUT_FLAG_MASQUERADE } from "../../abi/layout";
import { CONFIG } from "../maps/config";
import * as connections from "../maps/connections";
import { Connection, tableOf } from "../maps/connections";
import { keyOf, lookup } from "../maps/index";
import { equal } from "../maps/swiss";
import {
  DIRECTION_SHIFT,
  FLAGS_BITS,
  MAX_ACK,
  RETRANS_MAX,
  SACK_PERMITTED,
  SCALE,
  SCALE_BITS,
  Track,
  UNACKNOWLEDGED,
  Window,
} from "../maps/tracks";
import { Packet } from "../packet";
import * as options from "../wire/options";
import { FLAG_ACK, TCP_SIZE, Tcp } from "../wire/tcp";
import * as conntrack from "./conntrack";
import * as nat from "./nat";
import { ABSENT, CONTINUE, ESTABLISHED, REPLY } from "./outcome";
import { isAfter } from "./sequence";
import { FLAGS_COUNTED, KIND_ACK } from "./states";
import * as traffic from "./traffic";
import { ACK_WINDOW_MIN } from "./window";

const ANSWERED: u32 = FLAG_SEEN_REPLY | FLAG_ASSURED;


/** A UDP packet; CONTINUE when it has to take the long way, ABSENT when there is no connection. */
// @ts-ignore: decorator
@inline
export function udp<K>(packet: Packet): u32 {
  const ref = refOf<K>(packet);
  if (ref == 0) return ABSENT;
  const connection = connections.at(ref);
  if (!isQuiet(connection.flags, ref) || conntrack.isExpired(connection)) return CONTINUE;
  return translate<K>(packet, ref);
}

/** A UDP packet changes nothing while nobody has answered the opener, or when all is known. */
// @ts-ignore: decorator
@inline
function isQuiet(flags: u32, ref: usize): bool {
  const known = flags & (ANSWERED | FLAG_DIRECT);
  return known == ANSWERED || (known | connections.directionOf(ref)) == 0;
}

/** A TCP segment that only acknowledges or carries data. */
// @ts-ignore: decorator
@inline
export function tcp<K>(packet: Packet): u32 {
  const ref = refOf<K>(packet);
  if (ref == 0) return ABSENT;
  const connection = connections.at(ref);
  const isOpen = (connection.flags & (ANSWERED | FLAG_DIRECT)) == <u8>ANSWERED;
  if (!isOpen || connection.state != STATE_ESTABLISHED) return CONTINUE;
  if ((changetype<Tcp>(packet.l4).flags & FLAGS_COUNTED) != FLAG_ACK) return CONTINUE;
  if (conntrack.isExpired(connection) || !follow<K>(packet, ref)) return CONTINUE;
  return translate<K>(packet, ref);
}

/** The candidate, or what another slot has for the key: tags are short, and buckets run over. */
// @ts-ignore: decorator
@inline
function refOf<K>(packet: Packet): usize {
  const candidate = packet.candidate;
  if (equal<K>(keyOf<K>(candidate), packet.key)) return candidate;
  return lookup<K>(tableOf<K>(), packet.key, packet.hash);
}

/** Translates a packet of a steady connection. */
// @ts-ignore: decorator
@inline
function translate<K>(packet: Packet, ref: usize): u32 {
  const descriptor = packet.descriptor;
  const connection = connections.at(ref);
  const isReply = connections.directionOf(ref) != 0;
  const backend = connection.backend;
  conntrack.refresh(connection);
  nat.rewriteNetwork<K>(packet.l3, ref);
  nat.rewriteTransport<K>(packet, ref);
  traffic.add(backend, isReply, descriptor.length);
  const outcome = isReply ? REPLY : ESTABLISHED;
  descriptor.outcome = outcome;
  descriptor.service = 0;
  descriptor.backend = backend;
  descriptor.out = connection.flags & FLAG_MASQUERADE ? OUT_FLAG_MASQUERADE : 0;
  return outcome;
}

/** Asks for what else is needed if the packet's candidate is its connection. */
// @ts-ignore: decorator
@inline
export function touch<K>(packet: Packet): u32 {
  const ref = packet.candidate;
  const track = changetype<Track>(connections.trackOf<K>(ref));
  return track.lastSeq ^ traffic.peek(connections.at(ref).backend);
}

/**
 * The window of flow/window for a segment in it without selective acknowledgements; false, and then
 * nothing has changed, for any other. A track is read and written as three words, and what may go
 * either way is selected instead of jumped over.
 */
// @ts-ignore: decorator
@inline
function follow<K>(packet: Packet, ref: usize): bool {
  const direction = connections.directionOf(ref);
  const tcp = changetype<Tcp>(packet.l4);
  const header = tcp.headerLength;
  const seq = tcp.sequence;
  const end = seq + <u32>(packet.end - packet.l4) - header;
  const ack = tcp.acknowledgment;
  const tracked = changetype<Track>(connections.trackOf<K>(ref));
  const sender = tracked.windowOf(direction);
  const receiver = tracked.windowOf(1 - direction);
  if (!isIn(sender, receiver, seq, end, ack)) return false;

  const track = changetype<usize>(tracked);
  const said = load<u64>(track, offsetof<Track>("lastAck"));
  const rest = load<u32>(track, offsetof<Track>("last"));
  const bits = direction * FLAGS_BITS;
  let flags = <u32>(said >>> FLAGS_SHIFT);
  if (flags & (SACK_PERMITTED << (FLAGS_BITS - bits)) && !isPlain(packet, header)) return false;
  const window = tcp.window;
  const scale = (rest >>> (SCALES_SHIFT + direction * SCALE_BITS)) & SCALE;
  flags = keep(sender, receiver, bits, end, ack, window << scale, flags);

  const sent = <u64>seq | ((<u64>end) << 32);
  const says = <u64>ack | ((<u64>window) << 32);
  const change =
    (load<u64>(track) ^ sent) |
    ((said ^ says) << (64 - FLAGS_SHIFT)) |
    ((rest ^ (direction << DIRECTION_SHIFT)) & (1 << DIRECTION_SHIFT));
  const again = min<u32>(((rest >>> RETRANS_SHIFT) & 0xff) + 1, RETRANS_MAX);
  const retrans = select<u32>(again, 0, change == 0);
  const last = KIND_ACK | (direction << DIRECTION_SHIFT) | (retrans << RETRANS_SHIFT);
  store<u64>(track, sent);
  store<u64>(track, says | ((<u64>flags) << FLAGS_SHIFT), offsetof<Track>("lastAck"));
  store<u32>(track, (rest & 0xffff0000) | last, offsetof<Track>("last"));

  const timer = timerOf(flags, retrans, window);
  const connection = connections.at(ref);
  if (<u32>connection.timer != timer) connection.timer = <u8>timer;
  return true;
}

/** Where the fields of a track lie in its words. */
const FLAGS_SHIFT: u64 = (offsetof<Track>("flags") - offsetof<Track>("lastAck")) * 8;
const RETRANS_SHIFT: u32 = (offsetof<Track>("retrans") - offsetof<Track>("last")) * 8;
const SCALES_SHIFT: u32 = (offsetof<Track>("scales") - offsetof<Track>("last")) * 8;

/** Whether there are no options, or nothing but a timestamp. */
// @ts-ignore: decorator
@inline
function isPlain(packet: Packet, header: u32): bool {
  if (header == TCP_SIZE) return true;
  if (packet.l4 + header > packet.captureEnd) return false;
  return options.isTimestamp(packet.l4 + TCP_SIZE, header - TCP_SIZE);
}

/**
 * Whether the segment lies in the windows, and both ends have shown theirs. One number comes before
 * another when their difference is negative, so the four bounds are one sign bit.
 */
// @ts-ignore: decorator
@inline
function isIn(sender: Window, receiver: Window, seq: u32, end: u32, ack: u32): bool {
  const allowed = sender.maxWindow;
  const granted = receiver.maxWindow;
  const bounds =
    (seq - sender.maxEnd - 1) &
    (ack - receiver.end - 1) &
    (sender.end - granted - 1 - end) &
    (receiver.end - max<u32>(allowed, ACK_WINDOW_MIN) - 1 - ack);
  if (<i32>bounds >= 0) return false;
  return allowed != 0 && granted != 0;
}

/** Keeps what the segment says of the windows; returns the flags of the connection then. */
// @ts-ignore: decorator
@inline
function keep(
  sender: Window,
  receiver: Window,
  bits: u32,
  end: u32,
  ack: u32,
  window: u32,
  flags: u32,
): u32 {
  const maxEnd = sender.maxEnd;
  const sent = sender.end;
  const maxAck = sender.maxAck;
  const isFirst = u32(!((flags >>> bits) & MAX_ACK));
  sender.maxWindow = max<u32>(sender.maxWindow, window);
  sender.maxAck = select<u32>(ack, maxAck, isFirst | u32(isAfter(ack, maxAck)));
  const isNew = isAfter(end, sent);
  sender.end = select<u32>(end, sent, isNew);
  flags |= (MAX_ACK | select<u32>(UNACKNOWLEDGED, 0, isNew)) << bits;
  if (isAfter(end, maxEnd)) receiver.maxWindow += end - maxEnd;
  const granted = receiver.maxEnd;
  const isMore = isAfter(ack + window, granted - 1);
  receiver.maxEnd = select<u32>(ack + max<u32>(window, 1), granted, isMore);
  return flags & ~(select<u32>(UNACKNOWLEDGED, 0, ack == receiver.end) << (FLAGS_BITS - bits));
}

/** The timeout that holds from here on, of an answered connection in ESTABLISHED. */
// @ts-ignore: decorator
@inline
function timerOf(flags: u32, retrans: u32, window: u32): u32 {
  const waits = flags & (UNACKNOWLEDGED | (UNACKNOWLEDGED << FLAGS_BITS));
  if (retrans < CONFIG.tcpMaxRetrans && waits == 0 && window != 0) return STATE_ESTABLISHED;
  const longest = CONFIG.timeout(STATE_ESTABLISHED);
  const isRetrying = longest > CONFIG.timeout(TIMER_MAX_RETRANS);
  if (isRetrying && retrans >= CONFIG.tcpMaxRetrans) return TIMER_MAX_RETRANS;
  if (waits != 0 && longest > CONFIG.timeout(TIMER_UNACKNOWLEDGED)) return TIMER_UNACKNOWLEDGED;
  return isRetrying && window == 0 ? TIMER_MAX_RETRANS : STATE_ESTABLISHED;
}
