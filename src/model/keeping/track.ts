/** What is known of a TCP connection <-> a row of columns. */
import type { Columns } from "../../dataplane/snapshot/columns.ts";
import {
  KINDS,
  LAST_CHALLENGED,
  LAST_SACK,
  LAST_SCALES,
  LAST_SIMULTANEOUS,
  SIDE_CLOSES,
  SIDE_LIBERAL,
  SIDE_MAX_ACK,
  SIDE_SACK,
  SIDE_SCALES,
  SIDE_UNACKNOWLEDGED,
  type TRACKS,
} from "../../dataplane/snapshot/state.ts";
import type { Direction } from "../direction.ts";
import type { Kind } from "../segment.ts";
import type { Last, Side, Track } from "../window.ts";

type Tracks = Columns<typeof TRACKS>;

/** Index = number in the columns. */
const DIRECTIONS: readonly Direction[] = ["orig", "reply"];

export function saveTrack(columns: Tracks, row: number, track: Track): void {
  for (const [index, direction] of DIRECTIONS.entries())
    saveSide(columns, 2 * row + index, track.sides[direction]);
  saveLast(columns, row, track.last);
  columns.retransmissions[row] = track.retransmissions;
}

function saveSide(columns: Tracks, at: number, side: Side): void {
  columns.end[at] = side.end;
  columns.maxEnd[at] = side.maxEnd;
  columns.maxWindow[at] = side.maxWindow;
  columns.maxAck[at] = side.maxAck ?? 0;
  columns.scale[at] = side.windowScale ?? 0;
  columns.sideFlags[at] =
    (side.windowScale !== null ? SIDE_SCALES : 0) |
    (side.sackPermitted ? SIDE_SACK : 0) |
    (side.closes ? SIDE_CLOSES : 0) |
    (side.liberal ? SIDE_LIBERAL : 0) |
    (side.unacknowledged ? SIDE_UNACKNOWLEDGED : 0) |
    (side.maxAck !== null ? SIDE_MAX_ACK : 0);
}

function saveLast(columns: Tracks, row: number, last: Last): void {
  columns.lastSeq[row] = last.seq;
  columns.lastEnd[row] = last.end;
  columns.lastAck[row] = last.ack;
  columns.lastWindow[row] = last.window;
  columns.lastKind[row] = KINDS.indexOf(last.kind);
  columns.lastDirection[row] = DIRECTIONS.indexOf(last.direction);
  columns.lastScale[row] = last.windowScale ?? 0;
  columns.lastFlags[row] =
    (last.windowScale !== null ? LAST_SCALES : 0) |
    (last.sackPermitted ? LAST_SACK : 0) |
    (last.challenged ? LAST_CHALLENGED : 0) |
    (last.simultaneous ? LAST_SIMULTANEOUS : 0);
}

export function loadTrack(columns: Tracks, row: number): Track {
  return {
    sides: { orig: loadSide(columns, 2 * row), reply: loadSide(columns, 2 * row + 1) },
    last: loadLast(columns, row),
    retransmissions: columns.retransmissions[row] as number,
  };
}

function loadSide(columns: Tracks, at: number): Side {
  const flags = columns.sideFlags[at] as number;
  const has = (flag: number) => (flags & flag) !== 0;
  return {
    end: columns.end[at] as number,
    maxEnd: columns.maxEnd[at] as number,
    maxWindow: columns.maxWindow[at] as number,
    maxAck: has(SIDE_MAX_ACK) ? (columns.maxAck[at] as number) : null,
    windowScale: has(SIDE_SCALES) ? (columns.scale[at] as number) : null,
    sackPermitted: has(SIDE_SACK),
    liberal: has(SIDE_LIBERAL),
    unacknowledged: has(SIDE_UNACKNOWLEDGED),
    closes: has(SIDE_CLOSES),
  };
}

function loadLast(columns: Tracks, row: number): Last {
  const flags = columns.lastFlags[row] as number;
  const has = (flag: number) => (flags & flag) !== 0;
  return {
    kind: KINDS[columns.lastKind[row] as number] as Kind,
    direction: DIRECTIONS[columns.lastDirection[row] as number] as Direction,
    seq: columns.lastSeq[row] as number,
    end: columns.lastEnd[row] as number,
    ack: columns.lastAck[row] as number,
    window: columns.lastWindow[row] as number,
    windowScale: has(LAST_SCALES) ? (columns.lastScale[row] as number) : null,
    sackPermitted: has(LAST_SACK),
    challenged: has(LAST_CHALLENGED),
    simultaneous: has(LAST_SIMULTANEOUS),
  };
}
