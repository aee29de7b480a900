/**
 * What is known of a connection beyond its state, in its record: of TCP a track, of SCTP tags.
 * Written and read by the packet path.
 */
import {
  SIDE_FLAGS,
  SIDE_SCALE,
  SIDE_SIZE,
  TAGS_ANSWERER,
  TAGS_FLAGS,
  TAGS_OPENER,
  TRACK_LAST,
  TRACK_LAST_ACK,
  TRACK_LAST_END,
  TRACK_LAST_FLAGS,
  TRACK_LAST_SCALE,
  TRACK_LAST_SEQ,
  TRACK_LAST_WINDOW,
  TRACK_RETRANS,
  TRACK_SIDES,
  TRACK_SIZE,
  TRACK_WINDOWS,
  WINDOW_ALLOWED,
  WINDOW_END,
  WINDOW_MAX_ACK,
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

/** Flags of the last packet that was let through unjudged; WINDOW_SCALE and SACK_PERMITTED too. */
export const CHALLENGE: u32 = 0x04;
/** Both ends have sent a SYN. */
export const SIMULTANEOUS: u32 = 0x08;

export const RETRANS_MAX: u32 = 255;
const KIND: u32 = 0x7f;
export const DIRECTION_SHIFT: u32 = 7;

/** What the sender of a direction has shown of its window. */
@unmanaged
export class Window {
  /** Highest sequence number sent, plus one. */
  end: u32;
  /** Highest sequence number it allows the other side. */
  allowed: u32;
  /** Largest window advertised, scaled. */
  maxWindow: u32;
  /** Highest acknowledgement sent. */
  maxAck: u32;
}
if (offsetof<Window>() != WINDOW_SIZE) ERROR("Window drifted from abi/layout");
if (offsetof<Window>("end") != WINDOW_END) ERROR("Window.end drifted");
if (offsetof<Window>("allowed") != WINDOW_ALLOWED) ERROR("Window.allowed drifted");
if (offsetof<Window>("maxWindow") != WINDOW_MAX_WINDOW) ERROR("Window.maxWindow drifted");
if (offsetof<Window>("maxAck") != WINDOW_MAX_ACK) ERROR("Window.maxAck drifted");

/** What else is known of a direction. */
@unmanaged
export class Side {
  flags: u8;
  /** Bits by which its windows are shifted: RFC 7323 section 2. */
  scale: u8;
}
if (offsetof<Side>() != SIDE_SIZE) ERROR("Side drifted from abi/layout");
if (offsetof<Side>("flags") != SIDE_FLAGS) ERROR("Side.flags drifted");
if (offsetof<Side>("scale") != SIDE_SCALE) ERROR("Side.scale drifted");

@unmanaged
export class Track {
  /** Of the last acknowledgement or unjudged packet. */
  lastAck: u32;
  lastSeq: u32;
  /** As it stands in the packet. */
  private nlastWindow: u16;
  /** Kind of the last packet and, in the highest bit, its direction. */
  last: u8;
  /** How often the last acknowledgement has come again. */
  retrans: u8;
  lastEnd: u32;
  private side0: u16;
  private side1: u16;
  lastFlags: u8;
  lastScale: u8;
  private spare0: u16;
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

  sideOf(direction: u32): Side {
    const first = changetype<usize>(this) + offsetof<Track>("side0");
    return changetype<Side>(first + direction * offsetof<Side>());
  }

  /** Flags of a direction. */
  flagsOf(direction: u32): u32 {
    return this.sideOf(direction).flags;
  }

  setFlags(direction: u32, flags: u32): void {
    this.sideOf(direction).flags = <u8>flags;
  }

  addFlags(direction: u32, flags: u32): void {
    this.sideOf(direction).flags |= <u8>flags;
  }

  removeFlags(direction: u32, flags: u32): void {
    this.sideOf(direction).flags &= <u8>~flags;
  }

  /** Whether either direction has the flag. */
  eitherHas(flag: u32): bool {
    return ((this.flagsOf(0) | this.flagsOf(1)) & flag) != 0;
  }

  get lastWindow(): u32 {
    return bswap<u16>(this.nlastWindow);
  }

  set lastWindow(window: u32) {
    this.nlastWindow = bswap<u16>(<u16>window);
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

  scaleOf(direction: u32): u32 {
    return this.sideOf(direction).scale;
  }

  setScale(direction: u32, scale: u32): void {
    this.sideOf(direction).scale = <u8>scale;
  }
}
if (offsetof<Track>() != TRACK_SIZE) ERROR("Track drifted from abi/layout");
if (offsetof<Track>("lastAck") != TRACK_LAST_ACK) ERROR("Track.lastAck drifted");
if (offsetof<Track>("lastSeq") != TRACK_LAST_SEQ) ERROR("Track.lastSeq drifted");
if (offsetof<Track>("nlastWindow") != TRACK_LAST_WINDOW) ERROR("Track.lastWindow drifted");
if (offsetof<Track>("last") != TRACK_LAST) ERROR("Track.last drifted");
if (offsetof<Track>("retrans") != TRACK_RETRANS) ERROR("Track.retrans drifted");
if (offsetof<Track>("lastEnd") != TRACK_LAST_END) ERROR("Track.lastEnd drifted");
if (offsetof<Track>("side0") != TRACK_SIDES) ERROR("Track.sides drifted");
if (offsetof<Track>("lastFlags") != TRACK_LAST_FLAGS) ERROR("Track.lastFlags drifted");
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
