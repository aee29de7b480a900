/** A TCP connection as the steps that follow it see it, of either family. There is one at a time. */
import { FLAG_ASSURED, FLAG_REPLY, FLAG_SEEN_REPLY } from "../../abi/conntrack";
import { Entry, Window, windowOf } from "../maps/connections";
import { Track } from "../maps/tracks";
import * as tracks from "../maps/tracks";

/** Directions, as bits and rows are numbered by them. */
export const OPENER: u32 = 0;
export const ANSWERER: u32 = 1;

@unmanaged
export class Stream {
  /** Of the direction the segment travels in. */
  sender: Window;
  receiver: Window;
  track: Track;
  /** Milliseconds until the connection ends by itself. */
  left: u32;
  direction: u8;
  /** STATE_ and timer: those stored, then those to be. */
  state: u8;
  timer: u8;
  /** A packet of the other direction was seen before this one. */
  isAnswered: bool;
  isAssured: bool;

  get other(): u32 {
    return 1 - <u32>this.direction;
  }

  /** Flags of the direction the segment travels in. */
  get senderFlags(): u32 {
    return this.track.flagsOf(this.direction);
  }

  get receiverFlags(): u32 {
    return this.track.flagsOf(this.other);
  }

  /** Adds flags to the direction the segment travels in. */
  mark(flags: u32): void {
    this.track.addFlags(this.direction, flags);
  }

  /** The window of a direction. */
  windowOf(direction: u32): Window {
    return direction == <u32>this.direction ? this.sender : this.receiver;
  }
}

const STREAM = changetype<Stream>(memory.data(32, 8));
if (offsetof<Stream>() > 32) ERROR("Stream has outgrown its room");

/** The stream of a segment that travels in the direction of `entry`. */
export function between<E extends Entry>(entry: E, pair: E, left: u32): Stream {
  const isReply = (entry.flags & FLAG_REPLY) != 0;
  STREAM.sender = windowOf<E>(entry);
  STREAM.receiver = windowOf<E>(pair);
  STREAM.track = tracks.at(isReply ? entry.created : pair.created);
  STREAM.left = left;
  STREAM.direction = <u8>(isReply ? ANSWERER : OPENER);
  STREAM.state = entry.state;
  STREAM.timer = entry.timer;
  STREAM.isAnswered = (entry.flags & FLAG_SEEN_REPLY) != 0;
  STREAM.isAssured = (entry.flags & FLAG_ASSURED) != 0;
  return STREAM;
}
