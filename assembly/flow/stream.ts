/**
 * A TCP connection as the steps that follow it see it, of either family. There is one at a time.
 */
import { FLAG_ASSURED, FLAG_SEEN_REPLY } from "../../abi/conntrack";
import * as connections from "../maps/connections";
import { Track, Window } from "../maps/tracks";

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
}

const STREAM = changetype<Stream>(memory.data(32, 8));
if (offsetof<Stream>() > 32) ERROR("Stream has outgrown its room");

/** The stream of a segment that travels as a ref says; it ends in `left` milliseconds. */
export function enter<K>(ref: usize, left: u32): Stream {
  const connection = connections.at(ref);
  const direction = connections.directionOf(ref);
  STREAM.track = changetype<Track>(connections.trackOf<K>(ref));
  STREAM.sender = STREAM.track.windowOf(direction);
  STREAM.receiver = STREAM.track.windowOf(1 - direction);
  STREAM.left = left;
  STREAM.direction = <u8>direction;
  STREAM.state = connection.state;
  STREAM.timer = connection.timer;
  STREAM.isAnswered = (connection.flags & FLAG_SEEN_REPLY) != 0;
  STREAM.isAssured = (connection.flags & FLAG_ASSURED) != 0;
  return STREAM;
}
