/**
 * SCTP as nf_conntrack follows it: chunk by chunk, by a table of states, with the verification tags
 * that each side has asked for (RFC 9260 section 8.5). The names of the states and the two tables are
 * those of net/netfilter/nf_conntrack_proto_sctp.c.
 */
import type { State } from "../dataplane/entries.ts";
import { viewOf } from "../packet/bytes.ts";
import type { Flow } from "../packet/parse.ts";
import {
  ABORT,
  type Chunk,
  COOKIE_ACK,
  COOKIE_ECHO,
  DATA,
  ERROR,
  HEARTBEAT,
  HEARTBEAT_ACK,
  INIT,
  INIT_ACK,
  readChunks,
  SHUTDOWN,
  SHUTDOWN_ACK,
  SHUTDOWN_COMPLETE,
} from "./chunks.ts";
import { type Direction, opposite } from "./direction.ts";
import type { Step } from "./step.ts";
import type { Tracked } from "./store.ts";

/** What is known of an association besides its state: struct ip_ct_sctp. */
export interface Association {
  /** The tag that packets of a direction carry; 0 while it is unknown. */
  readonly tags: Record<Direction, number>;
  /** Who has sent an INIT that no cookie has settled yet. */
  readonly inits: Record<Direction, boolean>;
  /** Who has sent a HEARTBEAT with a tag of its own, as a restarted peer would. */
  strange: Direction | null;
}

export type SctpConnection = Tracked & { readonly sctp: Association };

/** What an association begins with. */
export interface Opening {
  readonly state: State;
  readonly assured: boolean;
  readonly sctp: Association;
}

/** What the chunks of a packet change as they are gone through. */
interface Course {
  readonly association: Association;
  readonly direction: Direction;
  /** The packet's tag, and what it consists of. */
  readonly tag: number;
  readonly types: ReadonlySet<number>;
  state: State | "NONE";
  assured: boolean;
  /** The packet passes, and does not keep the association alive. */
  ignored: boolean;
}

/** The columns of the tables, in order. No association that is kept is in the state NONE. */
const COLUMNS: readonly (State | "NONE")[] = [
  "NONE",
  "SCTP_CLOSED",
  "SCTP_COOKIE_WAIT",
  "SCTP_COOKIE_ECHOED",
  "SCTP_ESTABLISHED",
  "SCTP_SHUTDOWN_SENT",
  "SCTP_SHUTDOWN_RECD",
  "SCTP_SHUTDOWN_ACK_SENT",
  "SCTP_HEARTBEAT_SENT",
];

const CELLS: Readonly<Record<string, State>> = {
  CL: "SCTP_CLOSED",
  CW: "SCTP_COOKIE_WAIT",
  CE: "SCTP_COOKIE_ECHOED",
  ES: "SCTP_ESTABLISHED",
  SS: "SCTP_SHUTDOWN_SENT",
  SR: "SCTP_SHUTDOWN_RECD",
  SA: "SCTP_SHUTDOWN_ACK_SENT",
  HS: "SCTP_HEARTBEAT_SENT",
};

/** sctp_conntracks: the state a chunk leads to, by direction, type and present state; iv is invalid. */
const TABLE: Readonly<Record<Direction, Record<number, string>>> = {
  //                      NO CL CW CE ES SS SR SA HS
  orig: {
    [INIT]: "             CL CL CW CE ES CL CL SA CW",
    [INIT_ACK]: "         CL CL CW CE ES SS SR SA CL",
    [ABORT]: "            CL CL CL CL CL CL CL CL CL",
    [SHUTDOWN]: "         CL CL CW CE SS SS SR SA CL",
    [SHUTDOWN_ACK]: "     SA CL CW CE ES SA SA SA SA",
    [ERROR]: "            CL CL CW CE ES SS SR SA CL",
    [COOKIE_ECHO]: "      CL CL CE CE ES SS SR SA CL",
    [COOKIE_ACK]: "       CL CL CW ES ES SS SR SA CL",
    [SHUTDOWN_COMPLETE]: "CL CL CW CE ES SS SR CL CL",
    [HEARTBEAT]: "        HS CL CW CE ES SS SR SA HS",
    [HEARTBEAT_ACK]: "    CL CL CW CE ES SS SR SA HS",
  },
  reply: {
    [INIT]: "             iv CL CW CE ES SS SR SA iv",
    [INIT_ACK]: "         iv CW CW CE ES SS SR SA iv",
    [ABORT]: "            iv CL CL CL CL CL CL CL iv",
    [SHUTDOWN]: "         iv CL CW CE SR SS SR SA iv",
    [SHUTDOWN_ACK]: "     iv CL CW CE ES SA SA SA iv",
    [ERROR]: "            iv CL CW CL ES SS SR SA iv",
    [COOKIE_ECHO]: "      iv CL CE CE ES SS SR SA iv",
    [COOKIE_ACK]: "       iv CL CW ES ES SS SR SA iv",
    [SHUTDOWN_COMPLETE]: "iv CL CW CE ES SS SR CL iv",
    [HEARTBEAT]: "        iv CL CW CE ES SS SR SA HS",
    [HEARTBEAT_ACK]: "    iv CL CW CE ES SS SR SA ES",
  },
};

/** Out of the blue these tell nothing of an association: RFC 9260 section 8.4. */
const OPENS_NOTHING = [ABORT, SHUTDOWN_COMPLETE, COOKIE_ACK];
/** With one of these, tags are judged chunk by chunk. */
const TAGGED_BY_CHUNK = [
  INIT,
  SHUTDOWN_COMPLETE,
  COOKIE_ECHO,
  ABORT,
  SHUTDOWN_ACK,
  HEARTBEAT,
  HEARTBEAT_ACK,
];

/** sctp_can_early_drop. */
export function isClosing(state: State): boolean {
  return ["SCTP_SHUTDOWN_SENT", "SCTP_SHUTDOWN_RECD", "SCTP_SHUTDOWN_ACK_SENT"].includes(state);
}

/** What a first packet opens, undefined when it opens nothing (sctp_new). */
export function open({ segment }: Flow): Opening | undefined {
  const chunks = readChunks(segment);
  if (chunks === null || chunks.some(({ type }) => OPENS_NOTHING.includes(type))) return undefined;
  const association = associationOf(tagOf(segment), chunks);
  if (association === undefined) return undefined;
  const course = courseOf(association, "orig", segment, chunks, { state: "NONE", assured: false });
  if (!run(course, chunks) || course.state === "NONE") return undefined;
  return { state: course.state, assured: course.assured, sctp: association };
}

/** Takes a known association through one packet (nf_conntrack_sctp_packet). */
export function follow(connection: SctpConnection, direction: Direction, { segment }: Flow): Step {
  const chunks = readChunks(segment);
  if (chunks === null) return "invalid";
  const course = courseOf(connection.sctp, direction, segment, chunks, connection);
  const valid = run(course, chunks);
  // What was in order before a chunk that was not has been taken in.
  connection.state = course.state as State;
  connection.assured = course.assured;
  if (!valid) return "invalid";
  if (course.ignored) return "ignore";
  connection.timer = connection.state;
  return "translate";
}

function courseOf(
  association: Association,
  direction: Direction,
  segment: Uint8Array,
  chunks: readonly Chunk[],
  { state, assured }: Pick<Course, "state" | "assured">,
): Course {
  return {
    association,
    direction,
    tag: tagOf(segment),
    types: new Set(chunks.map(({ type }) => type)),
    state,
    assured,
    ignored: false,
  };
}

/** The verification tag, RFC 9260 section 3.1. */
function tagOf(segment: Uint8Array): number {
  return viewOf(segment).getUint32(4);
}

/** The tags that a first packet tells of; undefined when a chunk in it cannot be a first one. */
function associationOf(tag: number, chunks: readonly Chunk[]): Association | undefined {
  const tags = { orig: 0, reply: 0 };
  for (const { type, initiateTag } of chunks) {
    if (nextState("orig", type, "NONE") === "NONE") return undefined;
    if (type === INIT) {
      if (tag !== 0 || initiateTag === undefined) return undefined;
      tags.reply = initiateTag;
    } else if (type === HEARTBEAT) tags.orig = tag;
    // The answer to what is out of the blue carries its tag: RFC 9260 section 8.4 (5) and (8).
    else tags.reply = tag;
  }
  return { tags, inits: { orig: false, reply: false }, strange: null };
}

/** Goes through the chunks; false when the packet is invalid. */
function run(course: Course, chunks: readonly Chunk[]): boolean {
  const byChunk = TAGGED_BY_CHUNK.some((type) => course.types.has(type));
  if (!byChunk && course.tag !== course.association.tags[course.direction]) return false;
  return chunks.every((chunk) => take(course, chunk));
}

function take(course: Course, chunk: Chunk): boolean {
  const tagged = checkTag(course, chunk);
  if (tagged !== "right") return tagged === "strange";
  const next = nextState(course.direction, chunk.type, course.state);
  if (next === undefined) return false;
  if (chunk.type === INIT && !noteInit(course, chunk, next)) return false;
  if (chunk.type === INIT_ACK && !noteInitAck(course, chunk)) return false;
  if (next === "SCTP_ESTABLISHED" && course.state !== next) course.assured = true;
  course.state = next;
  return true;
}

/** Chunks that are not in the table, as DATA and SACK, change nothing; undefined is invalid. */
function nextState(direction: Direction, type: number, state: State | "NONE") {
  const cells = TABLE[direction][type];
  if (cells === undefined) return state;
  return CELLS[cells.trim().split(" ")[COLUMNS.indexOf(state)] ?? "iv"];
}

/** RFC 9260 section 8.5.1. A `strange` chunk passes as if it were not there. */
function checkTag(course: Course, { type, reflected }: Chunk): "right" | "wrong" | "strange" {
  const { association, direction, tag } = course;
  const { tags, inits } = association;
  switch (type) {
    case INIT:
      return tag === 0 ? "right" : "wrong";
    case ABORT:
    case SHUTDOWN_COMPLETE:
      return tag === tags[reflected ? opposite(direction) : direction] ? "right" : "wrong";
    case COOKIE_ECHO:
      return tag === tags[direction] ? "right" : "wrong";
    case COOKIE_ACK:
      inits.orig = false;
      inits.reply = false;
      return "right";
    case HEARTBEAT:
    case HEARTBEAT_ACK:
      return checkHeartbeat(course, type);
    default:
      return "right";
  }
}

/**
 * A path that shows nothing but heartbeats teaches us its tags. A HEARTBEAT with another tag than
 * before may be a restarted peer's: an answer to it proves that.
 */
function checkHeartbeat(course: Course, type: number): "right" | "wrong" | "strange" {
  const { association, direction, tag, types } = course;
  const { tags, strange } = association;
  if (tags[direction] === 0) {
    tags[direction] = tag;
    return "right";
  }
  if (tag === tags[direction]) {
    association.strange = null;
    return "right";
  }
  if (types.has(DATA) || course.ignored) return "wrong";
  if (type === HEARTBEAT) {
    association.strange = direction;
    course.ignored = true;
    return "strange";
  }
  if (strange !== opposite(direction)) return "wrong";
  association.strange = null;
  tags[direction] = tag;
  tags[opposite(direction)] = 0;
  return "right";
}

/** INIT says which tag it wants answers to have. */
function noteInit(course: Course, { initiateTag }: Chunk, next: State | "NONE"): boolean {
  const { association, direction } = course;
  const { tags, inits } = association;
  const other = opposite(direction);
  if (initiateTag === undefined) return false;
  if (inits[direction]) inits[other] = false;
  inits[direction] = true;
  tags[other] = initiateTag;
  // Or a client that never gets an answer would keep the entry for ever.
  if (next === "SCTP_CLOSED" && course.state === next) course.ignored = true;
  return true;
}

/** INIT ACK does so too, unless what it says contradicts an INIT of its own side. */
function noteInitAck({ association, direction }: Course, { initiateTag }: Chunk): boolean {
  const { tags, inits } = association;
  const other = opposite(direction);
  if (initiateTag === undefined) return false;
  const differs = tags[other] !== initiateTag;
  if (!inits[other] && tags[other] !== 0 && differs) return false;
  if (inits[direction] && inits[other] && differs) return false;
  tags[other] = initiateTag;
  return true;
}
