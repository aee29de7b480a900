/**
 * The window of flow/window for the segments of an open connection that lie in it and have no
 * selective acknowledgements: acknowledgement, sequence numbers and window are judged and kept side
 * by side, in the lanes of a vector. With it established TCP takes 0.8x at 1,024 flows.
 */
import {
  STATE_ESTABLISHED,
  TIMER_MAX_RETRANS,
  TIMER_UNACKNOWLEDGED,
} from "../../abi/conntrack";
import { TRACK_LAST_ACK } from "../../abi/layout";
import { CONFIG } from "../maps/config";
import {
  DIRECTION_SHIFT,
  MAX_ACK,
  RETRANS_MAX,
  SACK_PERMITTED,
  Side,
  Track,
  UNACKNOWLEDGED,
} from "../maps/tracks";
import { Packet } from "../packet";
import * as options from "../wire/options";
import { TCP_SIZE, Tcp } from "../wire/tcp";
import { KIND_ACK } from "./states";
import { ACK_WINDOW_MIN, isOff } from "./window";

/** Nothing has changed: the segment is for the long way. No timer has that number. */
export const UNUSUAL: u32 = 0;

/** Largest window by RFC 7323, plus one: signed numbers will do below it. */
const WINDOW_LIMIT: u32 = 1 << 30;

/** Of a TCP header: acknowledgement, sequence number, window as it stands, sequence number. */
const SAID = i8x16(11, 10, 9, 8, 7, 6, 5, 4, 14, 15, -1, -1, 7, 6, 5, 4);
/** The window in host order, where `allowed` and `maxWindow` stand in a Window. */
const WINDOWS = i8x16(-1, -1, -1, -1, 15, 14, -1, -1, 15, 14, -1, -1, -1, -1, -1, -1);
/** From what a segment says to what a Window keeps: end, acknowledgement, none, acknowledgement. */
const KEPT = i8x16(12, 13, 14, 15, 0, 1, 2, 3, -1, -1, -1, -1, 0, 1, 2, 3);
/** Lanes of the room that a segment leaves: all but the third. */
const ROOMS: i32 = 0b1011;
/** What makes an acknowledgement another one: all but its kind and how often it has come. */
const COMPARED = i32x4(-1, -1, 0x0080ffff, -1);
if (TRACK_LAST_ACK != 0 || offsetof<Track>("lastEnd") != 12) ERROR("a track begins with the last");
/** Kind and direction of an acknowledgement as a track has them, of both directions. */
const ANSWER = KIND_ACK << 16;
const LASTS = memory.data<u32>(
  [0, 0, ANSWER, 0, 0, 0, ANSWER | ((1 << DIRECTION_SHIFT) << 16), 0],
  16,
);

/** Timers while there are no retransmissions: all acknowledged, and in the next byte not all. */
const TIMERS = memory.data(4, 4);

/** To be called before a batch: the configuration may have changed. */
export function begin(): void {
  store<u32>(TIMERS, timerOf(0, 0) | (timerOf(0, UNACKNOWLEDGED) << 8));
}

/** The timeout that holds after a segment with a window. */
function timerOf(retrans: u32, unacknowledged: u32): u32 {
  const longest = CONFIG.timeout(STATE_ESTABLISHED);
  if (retrans >= CONFIG.tcpMaxRetrans && longest > CONFIG.timeout(TIMER_MAX_RETRANS))
    return TIMER_MAX_RETRANS;
  if (unacknowledged != 0 && longest > CONFIG.timeout(TIMER_UNACKNOWLEDGED))
    return TIMER_UNACKNOWLEDGED;
  return STATE_ESTABLISHED;
}

/** Judges and keeps a segment that travels in `direction`; returns the timer that holds then. */
// @ts-ignore: decorator
@inline
export function follow(packet: Packet, track: Track, direction: u32): u32 {
  const sender = track.windowOf(direction);
  const receiver = track.windowOf(direction ^ 1);
  const senderSide = track.sideOf(direction);
  const receiverSide = track.sideOf(direction ^ 1);
  if (isOff()) return pass(track, direction);
  if (!isUsual(packet, senderSide, receiverSide)) return UNUSUAL;

  const header = v128.load(packet.l4);
  const said = i32x4.add(i8x16.swizzle(header, SAID), lengthOf(packet));
  // What is left of the receiver's own numbers: end - ack, allowed - seq, and allowed - end.
  const room = i32x4.sub(v128.load64_splat(changetype<usize>(receiver)), said);
  const scaled = i32x4.shl(i8x16.swizzle(header, WINDOWS), senderSide.scale);
  const kept = v128.load(changetype<usize>(sender));
  const gain = i32x4.sub(i32x4.add(i8x16.swizzle(said, KEPT), scaled), kept);
  // None may be negative; nor half a circle, which is more as well as less: abs leaves it negative.
  if (i32x4.bitmask(v128.or(room, i32x4.abs(gain))) & ROOMS) return UNUSUAL;
  const unseen = <u32>i32x4.extract_lane(room, 0);
  const sent = i32x4.extract_lane(gain, 0);
  const largest = sender.maxWindow;
  const granted = receiver.maxWindow;
  if (((largest - 1) | granted) >= WINDOW_LIMIT) return UNUSUAL;
  if (sent + <i32>granted < 0 || unseen > max<u32>(largest, ACK_WINDOW_MIN)) return UNUSUAL;

  v128.store(changetype<usize>(sender), i32x4.add(kept, i32x4.max_s(gain, i32x4.splat(0))));
  const own = <u32>senderSide.flags | select<u32>(UNACKNOWLEDGED, 0, sent > 0);
  const other = <u32>receiverSide.flags & select<u32>(~UNACKNOWLEDGED, ~0, unseen == 0);
  senderSide.flags = <u8>own;
  receiverSide.flags = <u8>other;
  const unacknowledged = (own | other) & UNACKNOWLEDGED;
  const before = v128.load(changetype<usize>(track));
  const last = v128.or(said, v128.load(LASTS + direction * 16));
  v128.store(changetype<usize>(track), last);
  if (!v128.any_true(v128.and(v128.xor(before, last), COMPARED)))
    return repeat(track, i32x4.extract_lane(before, 2) >>> 24, unacknowledged);
  return (load<u32>(TIMERS) >>> (unacknowledged >>> 1)) & 0xff;
}
if (UNACKNOWLEDGED != 8 << 1) ERROR("the flag is the shift of the timer that it stands for");

/** Takes a segment without window check: no more is known than that it was the last. */
// @ts-ignore: decorator
@inline
function pass(track: Track, direction: u32): u32 {
  if (track.retrans != 0 || track.eitherHas(UNACKNOWLEDGED)) return UNUSUAL;
  track.setLast(KIND_ACK, direction);
  return load<u8>(TIMERS);
}

/** Whether the window is open, the sender has acknowledged before, and no option tells more. */
// @ts-ignore: decorator
@inline
function isUsual(packet: Packet, sender: Side, receiver: Side): bool {
  const tcp = changetype<Tcp>(packet.l4);
  if (tcp.isClosed || !(sender.flags & MAX_ACK)) return false;
  const header = tcp.headerLength;
  return header == TCP_SIZE || !(receiver.flags & SACK_PERMITTED) || isPlain(packet, header);
}

/** Whether there is nothing but a timestamp. */
// @ts-ignore: decorator
@inline
function isPlain(packet: Packet, header: u32): bool {
  if (packet.l4 + header > packet.captureEnd) return false;
  return options.isTimestamp(packet.l4 + TCP_SIZE, header - TCP_SIZE);
}

/** Bytes of data, in the last lane. */
// @ts-ignore: decorator
@inline
function lengthOf(packet: Packet): v128 {
  const header = changetype<Tcp>(packet.l4).headerLength;
  const length = <u32>(packet.end - packet.l4) - header;
  return i32x4.replace_lane(i32x4.splat(0), 3, length);
}

/** The same acknowledgement again is a retransmission. */
function repeat(track: Track, before: u32, unacknowledged: u32): u32 {
  const retrans = min<u32>(before + 1, RETRANS_MAX);
  track.retrans = <u8>retrans;
  return timerOf(retrans, unacknowledged);
}
