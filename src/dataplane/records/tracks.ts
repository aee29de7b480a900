/** The track of a TCP connection in the memory of the Wasm packet path <-> a row of columns. */
import * as layout from "../../../abi/layout.ts";
import type { Memory } from "../codec.ts";
import type { Columns } from "../snapshot/columns.ts";
import { SIDE_MAX_ACK, type TRACKS } from "../snapshot/state.ts";

type Tracks = Columns<typeof TRACKS>;

/** In a record beside the kind of the last segment. */
const DIRECTION_BIT = 0x80;

/** Where a direction has its window, its side and what limits it, which stands in the other's window. */
function placesOf(at: number, direction: number) {
  const windowOf = (side: number) => at + layout.TRACK_WINDOWS + side * layout.WINDOW_SIZE;
  return {
    window: windowOf(direction),
    side: at + layout.TRACK_SIDES + direction * layout.SIDE_SIZE,
    maxEnd: windowOf(1 - direction) + layout.WINDOW_ALLOWED,
  };
}

export function readTrack({ bytes, view }: Memory, at: number, tracks: Tracks, row: number): void {
  for (let direction = 0; direction < 2; direction++) {
    const { window, side, maxEnd } = placesOf(at, direction);
    const [to, flags] = [2 * row + direction, bytes[side + layout.SIDE_FLAGS] as number];
    const maxAck = view.getUint32(window + layout.WINDOW_MAX_ACK, true);
    tracks.end[to] = view.getUint32(window + layout.WINDOW_END, true);
    tracks.maxEnd[to] = view.getUint32(maxEnd, true);
    tracks.maxWindow[to] = view.getUint32(window + layout.WINDOW_MAX_WINDOW, true);
    tracks.maxAck[to] = flags & SIDE_MAX_ACK ? maxAck : 0;
    tracks.sideFlags[to] = flags;
    tracks.scale[to] = bytes[side + layout.SIDE_SCALE] as number;
  }
  const last = bytes[at + layout.TRACK_LAST] as number;
  tracks.lastKind[row] = last & ~DIRECTION_BIT;
  tracks.lastDirection[row] = last & DIRECTION_BIT ? 1 : 0;
  tracks.lastSeq[row] = view.getUint32(at + layout.TRACK_LAST_SEQ, true);
  tracks.lastEnd[row] = view.getUint32(at + layout.TRACK_LAST_END, true);
  tracks.lastAck[row] = view.getUint32(at + layout.TRACK_LAST_ACK, true);
  tracks.lastWindow[row] = view.getUint16(at + layout.TRACK_LAST_WINDOW);
  tracks.lastFlags[row] = bytes[at + layout.TRACK_LAST_FLAGS] as number;
  tracks.lastScale[row] = bytes[at + layout.TRACK_LAST_SCALE] as number;
  tracks.retransmissions[row] = bytes[at + layout.TRACK_RETRANS] as number;
}

export function writeTrack({ bytes, view }: Memory, at: number, tracks: Tracks, row: number): void {
  for (let direction = 0; direction < 2; direction++) {
    const { window, side, maxEnd } = placesOf(at, direction);
    const from = 2 * row + direction;
    view.setUint32(window + layout.WINDOW_END, tracks.end[from] as number, true);
    view.setUint32(maxEnd, tracks.maxEnd[from] as number, true);
    view.setUint32(window + layout.WINDOW_MAX_WINDOW, tracks.maxWindow[from] as number, true);
    view.setUint32(window + layout.WINDOW_MAX_ACK, tracks.maxAck[from] as number, true);
    bytes[side + layout.SIDE_FLAGS] = tracks.sideFlags[from] as number;
    bytes[side + layout.SIDE_SCALE] = tracks.scale[from] as number;
  }
  const direction = tracks.lastDirection[row] === 1 ? DIRECTION_BIT : 0;
  bytes[at + layout.TRACK_LAST] = (tracks.lastKind[row] as number) | direction;
  view.setUint32(at + layout.TRACK_LAST_SEQ, tracks.lastSeq[row] as number, true);
  view.setUint32(at + layout.TRACK_LAST_END, tracks.lastEnd[row] as number, true);
  view.setUint32(at + layout.TRACK_LAST_ACK, tracks.lastAck[row] as number, true);
  view.setUint16(at + layout.TRACK_LAST_WINDOW, tracks.lastWindow[row] as number);
  bytes[at + layout.TRACK_LAST_FLAGS] = tracks.lastFlags[row] as number;
  bytes[at + layout.TRACK_LAST_SCALE] = tracks.lastScale[row] as number;
  bytes[at + layout.TRACK_RETRANS] = tracks.retransmissions[row] as number;
}
