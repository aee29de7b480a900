/**
 * The short way of what most packets are: plain packets of a connection whose state they leave as
 * it is. What is written here is what the long way would have written; whatever is unusual takes
 * that one.
 */
import {
  FLAG_ASSURED,
  FLAG_DIRECT,
  FLAG_MASQUERADE,
  FLAG_REPLY,
  FLAG_SEEN_REPLY,
  STATE_ESTABLISHED,
  TIMER_MAX_RETRANS,
  TIMER_UNACKNOWLEDGED,
} from "../../abi/conntrack";
import { OUT_FLAG_MASQUERADE } from "../../abi/layout";
import { CONFIG } from "../maps/config";
import { Entry, tableOf } from "../maps/connections";
import { equal, lookup } from "../maps/swiss";
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
import * as tracks from "../maps/tracks";
import { Packet } from "../packet";
import * as options from "../wire/options";
import { FLAG_ACK, TCP_SIZE, Tcp } from "../wire/tcp";
import * as clock from "./clock";
import * as conntrack from "./conntrack";
import * as nat from "./nat";
import { CONTINUE, ESTABLISHED, REPLY } from "./outcome";
import { isAfter } from "./sequence";
import { FLAGS_COUNTED, KIND_ACK } from "./states";
import * as traffic from "./traffic";
import { ACK_WINDOW_MIN } from "./window";

const ANSWERED: u32 = FLAG_SEEN_REPLY | FLAG_ASSURED;

/**
 * Flags of a direction with which a UDP packet changes nothing, a bit for each combination: nobody
 * has answered the opener, or answers are nothing new.
 */
const DIRECTION_FLAGS: u32 = FLAG_REPLY | ANSWERED | FLAG_DIRECT;
const STEADY: u32 = (1 << 0) | (1 << ANSWERED) | (1 << (FLAG_REPLY | ANSWERED));

/** A UDP packet; CONTINUE when it has to take the long way. */
// @ts-ignore: decorator
@inline
export function udp<K, E extends Entry>(packet: Packet): u32 {
  const entry = entryOf<K, E>(packet);
  if (entry == null) return CONTINUE;
  if (!((STEADY >>> (entry.flags & DIRECTION_FLAGS)) & 1) || !isFresh<E>(entry)) return CONTINUE;
  return translate<E>(packet, entry);
}

/** A TCP segment that only acknowledges or carries data. */
// @ts-ignore: decorator
@inline
export function tcp<K, E extends Entry>(packet: Packet): u32 {
  const entry = entryOf<K, E>(packet);
  if (entry == null) return CONTINUE;
  const isOpen = (entry.flags & (ANSWERED | FLAG_DIRECT)) == <u8>ANSWERED;
  if (!isOpen || entry.state != STATE_ESTABLISHED) return CONTINUE;
  if ((changetype<Tcp>(packet.l4).flags & FLAGS_COUNTED) != FLAG_ACK) return CONTINUE;
  if (!isFresh<E>(entry) || !follow<E>(packet, entry)) return CONTINUE;
  return translate<E>(packet, entry);
}

/** The candidate, or what another slot has for the key: tags are short, and groups run over. */
// @ts-ignore: decorator
@inline
function entryOf<K, E extends Entry>(packet: Packet): E | null {
  const candidate = packet.candidate;
  if (equal<K>(candidate, packet.key)) return changetype<E>(candidate);
  return changetype<E | null>(lookup<K, E>(tableOf<E>(), packet.key, packet.hash));
}

// @ts-ignore: decorator
@inline
function isFresh<E extends Entry>(entry: E): bool {
  return clock.now() - entry.lastSeen <= CONFIG.timeout(entry.timer);
}

/** Translates a packet of a steady connection. */
// @ts-ignore: decorator
@inline
function translate<E extends Entry>(packet: Packet, entry: E): u32 {
  const descriptor = packet.descriptor;
  const isReply = (entry.flags & FLAG_REPLY) != 0;
  const backend = entry.backend;
  conntrack.refresh<E>(entry);
  nat.rewriteNetwork<E>(packet.l3, changetype<usize>(entry));
  nat.rewriteTransport<E>(packet, entry);
  traffic.add(backend, isReply, descriptor.length);
  const outcome = isReply ? REPLY : ESTABLISHED;
  descriptor.outcome = outcome;
  descriptor.service = 0;
  descriptor.backend = backend;
  descriptor.out = entry.flags & FLAG_MASQUERADE ? OUT_FLAG_MASQUERADE : 0;
  return outcome;
}

/** Asks for what else is needed if the packet's candidate is its entry. */
// @ts-ignore: decorator
@inline
export function touch<E extends Entry>(packet: Packet): u32 {
  const entry = changetype<E>(packet.candidate);
  return tracks.near(entry.detail).lastSeq ^ traffic.peek(entry.backend);
}

/**
 * The window of flow/window for a segment in it without selective acknowledgements; false, and then
 * nothing has changed, for any other. A track is read and written as three words, and what may go
 * either way is selected instead of jumped over.
 */
// @ts-ignore: decorator
@inline
function follow<E extends Entry>(packet: Packet, entry: E): bool {
  const direction: u32 = entry.flags & FLAG_REPLY;
  const tcp = changetype<Tcp>(packet.l4);
  const header = tcp.headerLength;
  const seq = tcp.sequence;
  const end = seq + <u32>(packet.end - packet.l4) - header;
  const ack = tcp.acknowledgment;
  const tracked = tracks.at(entry.detail);
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
  if (<u32>entry.timer != timer) {
    entry.timer = <u8>timer;
    conntrack.pairOf<E>(entry).timer = <u8>timer;
  }
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
