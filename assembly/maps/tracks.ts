/**
 * What is known of a connection beyond its state, in its record: of TCP a track, of SCTP tags.
 * Written and read by the packet path.
 */
import {
  TAGS_ANSWERER,
  TAGS_FLAGS,
  TAGS_OPENER,
  TRACK_FLAGS,
  TRACK_LAST,
  TRACK_LAST_ACK,
  TRACK_LAST_END,
  TRACK_LAST_SCALE,
  TRACK_LAST_SEQ,
  TRACK_LAST_WINDOW,
  TRACK_RETRANS,
  TRACK_SCALES,
  TRACK_SIZE,
  TRACK_WINDOWS,
  WINDOW_END,
  WINDOW_MAX_ACK,
  WINDOW_MAX_END,
  WINDOW_MAX_WINDOW,
  WINDOW_SIZE,
} from "../../abi/layout";

/** Flags of a direction, IP_CT_TCP_FLAG_ of the kernel's nf_conntrack_tcp.h. */
export const WINDOW_SCALE: u32 = 0x01;
export const SACK_PERMITTED: u32 = 0x02;
/** It closed first. */
export const CLOSE_INIT: u32 = 0x04;
/** Its history is not known: segments out of its window are let through. */
export const LIBERAL: u32 = 0x08;
/** It has sent data that nobody has acknowledged yet. */
export const UNACKNOWLEDGED: u32 = 0x10;
/** `maxAck` of its window holds. */
export const MAX_ACK: u32 = 0x20;
const FLAGS: u32 = 0x3f;
export const FLAGS_BITS: u32 = 6;

/** Flags of the last packet that was let through unjudged; WINDOW_SCALE and SACK_PERMITTED too. */
export const CHALLENGE: u32 = 0x04;
/** Both ends have sent a SYN. */
export const SIMULTANEOUS: u32 = 0x08;
const LAST_FLAGS_SHIFT: u32 = 2 * FLAGS_BITS;

export const RETRANS_MAX: u32 = 255;
export const SCALE: u32 = 0x0f;
export const SCALE_BITS: u32 = 4;
const KIND: u32 = 0x7f;
export const DIRECTION_SHIFT: u32 = 7;

/** What the sender of a direction has shown of its window. */
@unmanaged
export class Window {
  /** Highest sequence number sent, plus one. */
  end: u32;
  /** Highest sequence number the other side has allowed. */
  maxEnd: u32;
  /** Largest window advertised, scaled. */
  maxWindow: u32;
  /** Highest acknowledgement sent. */
  maxAck: u32;
}
if (offsetof<Window>() != WINDOW_SIZE) ERROR("Window drifted from abi/layout");
if (offsetof<Window>("end") != WINDOW_END) ERROR("Window.end drifted");
if (offsetof<Window>("maxEnd") != WINDOW_MAX_END) ERROR("Window.maxEnd drifted");
if (offsetof<Window>("maxWindow") != WINDOW_MAX_WINDOW) ERROR("Window.maxWindow drifted");
if (offsetof<Window>("maxAck") != WINDOW_MAX_ACK) ERROR("Window.maxAck drifted");

@unmanaged
export class Track {
  /** Of the last acknowledgement or unjudged packet. */
  lastSeq: u32;
  lastEnd: u32;
  lastAck: u32;
  lastWindow: u16;
  /** Of the opener, of the other direction, of the last packet, from the lowest bit on. */
  flags: u16;
  /** Kind of the last packet and, in the highest bit, its direction. */
  last: u8;
  /** How often the last acknowledgement has come again. */
  retrans: u8;
  scales: u8;
  lastScale: u8;
  private spare0: u32;
  private spare1: u64;
  private opener0: u64;
  private opener1: u64;
  private answerer0: u64;
  private answerer1: u64;

  /** The window of a direction: 0 the opener's, 1 the other's. */
  windowOf(direction: u32): Window {
    const first = changetype<usize>(this) + offsetof<Track>("opener0");
    return changetype<Window>(first + direction * offsetof<Window>());
  }

  /** Flags of a direction. */
  flagsOf(direction: u32): u32 {
    return (<u32>this.flags >>> (direction * FLAGS_BITS)) & FLAGS;
  }

  setFlags(direction: u32, flags: u32): void {
    const shift = direction * FLAGS_BITS;
    this.flags = <u16>((<u32>this.flags & ~(FLAGS << shift)) | (flags << shift));
  }

  addFlags(direction: u32, flags: u32): void {
    this.flags |= <u16>(flags << (direction * FLAGS_BITS));
  }

  removeFlags(direction: u32, flags: u32): void {
    this.flags &= <u16>~(flags << (direction * FLAGS_BITS));
  }

  /** Whether either direction has the flag. */
  eitherHas(flag: u32): bool {
    return ((<u32>this.flags | (<u32>this.flags >>> FLAGS_BITS)) & flag) != 0;
  }

  get lastFlags(): u32 {
    return <u32>this.flags >>> LAST_FLAGS_SHIFT;
  }

  set lastFlags(flags: u32) {
    const own = <u32>this.flags & ((1 << LAST_FLAGS_SHIFT) - 1);
    this.flags = <u16>(own | (flags << LAST_FLAGS_SHIFT));
  }

  get lastKind(): u32 {
    return <u32>this.last & KIND;
  }

  get lastDirection(): u32 {
    return <u32>this.last >>> DIRECTION_SHIFT;
  }

  setLast(kind: u32, direction: u32): void {
    this.last = <u8>(kind | (direction << DIRECTION_SHIFT));
  }

  countRetransmission(): void {
    if (this.retrans != <u8>RETRANS_MAX) this.retrans++;
  }

  /** Bits by which windows of a direction are shifted: RFC 7323 section 2. */
  scaleOf(direction: u32): u32 {
    return (<u32>this.scales >>> (direction * SCALE_BITS)) & SCALE;
  }

  setScale(direction: u32, scale: u32): void {
    const shift = direction * SCALE_BITS;
    this.scales = <u8>((<u32>this.scales & ~(SCALE << shift)) | (scale << shift));
  }
}
if (offsetof<Track>() != TRACK_SIZE) ERROR("Track drifted from abi/layout");
if (offsetof<Track>("lastSeq") != TRACK_LAST_SEQ) ERROR("Track.lastSeq drifted");
if (offsetof<Track>("lastEnd") != TRACK_LAST_END) ERROR("Track.lastEnd drifted");
if (offsetof<Track>("lastAck") != TRACK_LAST_ACK) ERROR("Track.lastAck drifted");
if (offsetof<Track>("lastWindow") != TRACK_LAST_WINDOW) ERROR("Track.lastWindow drifted");
if (offsetof<Track>("flags") != TRACK_FLAGS) ERROR("Track.flags drifted");
if (offsetof<Track>("last") != TRACK_LAST) ERROR("Track.last drifted");
if (offsetof<Track>("retrans") != TRACK_RETRANS) ERROR("Track.retrans drifted");
if (offsetof<Track>("scales") != TRACK_SCALES) ERROR("Track.scales drifted");
if (offsetof<Track>("lastScale") != TRACK_LAST_SCALE) ERROR("Track.lastScale drifted");
if (offsetof<Track>("opener0") != TRACK_WINDOWS) ERROR("Track.windows drifted");

/** Zeroes the track at `track`. */
export function clear(track: usize): void {
  for (let at: usize = 0; at < offsetof<Track>(); at += 16) v128.store(track + at, i64x2.splat(0));
}

/** Verification tags that packets of a direction carry, and flags of flow/sctp. */
@unmanaged
export class Tags {
  opener: u32;
  answerer: u32;
  flags: u32;
}
if (offsetof<Tags>("opener") != TAGS_OPENER) ERROR("Tags.opener drifted");
if (offsetof<Tags>("answerer") != TAGS_ANSWERER) ERROR("Tags.answerer drifted");
if (offsetof<Tags>("flags") != TAGS_FLAGS) ERROR("Tags.flags drifted");
