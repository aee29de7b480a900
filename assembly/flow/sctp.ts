/**
 * Following an SCTP association: states and verification tags, as the kernel's
 * nf_conntrack_proto_sctp.c has them.
 */
import { FLAG_ASSURED, FLAG_SEEN_REPLY, STATE_SCTP_CLOSED } from "../../abi/conntrack";
import * as connections from "../maps/connections";
import { Tags } from "../maps/tracks";
import { Packet } from "../packet";
import {
  ABORT,
  COOKIE_ACK,
  COOKIE_ECHO,
  Chunk,
  DATA,
  FLAG_REFLECTED,
  HEARTBEAT,
  HEARTBEAT_ACK,
  INIT,
  INIT_ACK,
  INIT_SIZE,
  SHUTDOWN_ACK,
  SHUTDOWN_COMPLETE,
  Sctp,
} from "../wire/sctp";
import * as chunks from "./chunks";
import * as conntrack from "./conntrack";
import { ACCEPTED, REFUSED, UNRENEWED } from "./judgement";

/** States count from 0, none yet; those of the ABI stand together in the same order. */
const NONE: u32 = 0;
const CLOSED: u32 = 1;
const ESTABLISHED: u32 = 4;
const STATES: u32 = 9;
const STATE_BASE: u32 = STATE_SCTP_CLOSED - 1;

/** Nothing to go on to. */
const INVALID: u32 = 0xff;
const CL: u8 = 1;
const CW: u8 = 2;
const CE: u8 = 3;
const ES: u8 = 4;
const SS: u8 = 5;
const SR: u8 = 6;
const SA: u8 = 7;
const HS: u8 = 8;
const IV: u8 = 0xff;

/**
 * Row of a chunk type, 0 for one that changes nothing. Rows: INIT, INIT ACK, ABORT, SHUTDOWN,
 * SHUTDOWN ACK, ERROR, COOKIE ECHO, COOKIE ACK, SHUTDOWN COMPLETE, HEARTBEAT, HEARTBEAT ACK.
 */
// biome-ignore format: a table
const ROWS = memory.data<u8>([
  0, 1, 2, 0, 10, 11, 3, 4, 5, 6, 7, 8, 0, 0, 9,
]);
const TYPES: u32 = 15;
const TYPE_ROWS: u32 = 11;

// biome-ignore format: a table
const TRANSITIONS = memory.data<u8>([
  // The direction that opened the association.
  // NO  CL  CW  CE  ES  SS  SR  SA  HS
  CL, CL, CW, CE, ES, CL, CL, SA, CW,
  CL, CL, CW, CE, ES, SS, SR, SA, CL,
  CL, CL, CL, CL, CL, CL, CL, CL, CL,
  CL, CL, CW, CE, SS, SS, SR, SA, CL,
  SA, CL, CW, CE, ES, SA, SA, SA, SA,
  CL, CL, CW, CE, ES, SS, SR, SA, CL,
  CL, CL, CE, CE, ES, SS, SR, SA, CL,
  CL, CL, CW, ES, ES, SS, SR, SA, CL,
  CL, CL, CW, CE, ES, SS, SR, CL, CL,
  HS, CL, CW, CE, ES, SS, SR, SA, HS,
  CL, CL, CW, CE, ES, SS, SR, SA, HS,
  // The other direction.
  IV, CL, CW, CE, ES, SS, SR, SA, IV,
  IV, CW, CW, CE, ES, SS, SR, SA, IV,
  IV, CL, CL, CL, CL, CL, CL, CL, IV,
  IV, CL, CW, CE, SR, SS, SR, SA, IV,
  IV, CL, CW, CE, ES, SA, SA, SA, IV,
  IV, CL, CW, CL, ES, SS, SR, SA, IV,
  IV, CL, CE, CE, ES, SS, SR, SA, IV,
  IV, CL, CW, ES, ES, SS, SR, SA, IV,
  IV, CL, CW, CE, ES, SS, SR, CL, IV,
  IV, CL, CW, CE, ES, SS, SR, SA, HS,
  IV, CL, CW, CE, ES, SS, SR, SA, ES,
]);

/** Chunks whose tag is judged by the chunk, not by the packet: RFC 9260 section 8.5.1. */
const OWN_RULE: u64 =
  ((<u64>1) << INIT) |
  ((<u64>1) << SHUTDOWN_COMPLETE) |
  ((<u64>1) << COOKIE_ECHO) |
  ((<u64>1) << ABORT) |
  ((<u64>1) << SHUTDOWN_ACK) |
  ((<u64>1) << HEARTBEAT) |
  ((<u64>1) << HEARTBEAT_ACK);

/** Chunks that belong to an association there is none of: RFC 9260 section 8.4. */
const STRAY: u64 = ((<u64>1) << ABORT) | ((<u64>1) << SHUTDOWN_COMPLETE) | ((<u64>1) << COOKIE_ACK);

/** Flags: a direction has sent an INIT. */
const INITIATED: u32 = 0x01;
/** A heartbeat came with a tag that is not the direction's, and from which. */
const HEARTBEAT_FAILED: u32 = 0x04;
const FAILED_REPLY: u32 = 0x08;

/** What is known of an association while a packet of it is judged. There is one at a time. */
@unmanaged
class Association {
  /** Tags of packets, by direction. */
  private tag0: u32;
  private tag1: u32;
  flags: u32;
  state: u32;
  /** 0 the opener's, 1 the other. */
  direction: u32;
  /** The tag of the packet, and the chunks in it. */
  tag: u32;
  types: u64;
  isNew: bool;
  /** A chunk has made it ESTABLISHED. */
  isAssured: bool;
  /** The packet does not keep the association alive. */
  isIdle: bool;

  tagOf(direction: u32): u32 {
    return load<u32>(changetype<usize>(this) + direction * 4);
  }

  setTag(direction: u32, tag: u32): void {
    store<u32>(changetype<usize>(this) + direction * 4, tag);
  }

  get other(): u32 {
    return 1 - this.direction;
  }

  has(type: u32): bool {
    return (this.types & chunks.bitOf(type)) != 0;
  }

  hasInitiated(direction: u32): bool {
    return (this.flags & (INITIATED << direction)) != 0;
  }
}

const ASSOCIATION = changetype<Association>(memory.data(48, 8));
if (offsetof<Association>() > 48) ERROR("Association has outgrown its room");

function begin(packet: Packet, direction: u32): Association {
  ASSOCIATION.direction = direction;
  ASSOCIATION.tag = changetype<Sctp>(packet.l4).tag;
  ASSOCIATION.types = chunks.typesOf(packet);
  ASSOCIATION.isAssured = false;
  ASSOCIATION.isIdle = false;
  return ASSOCIATION;
}

/** Whether a packet opens an association; it is then ready to be kept. */
export function opens(packet: Packet): bool {
  const association = begin(packet, 0);
  association.setTag(0, 0);
  association.setTag(1, 0);
  association.flags = 0;
  association.state = NONE;
  association.isNew = true;
  if (association.types & STRAY) return false;
  return open(association, packet) && judge(association, packet);
}

/** Keeps the association that `opens` has found in the record of its connection. */
export function keep<K>(ref: usize): void {
  write<K>(ref);
  const state = ASSOCIATION.state + STATE_BASE;
  const assured = ASSOCIATION.isAssured ? FLAG_ASSURED : 0;
  conntrack.advance(connections.at(ref), state, state, assured);
}

/** What a packet makes of the association; state, timer and flags are written. */
export function follow<K>(packet: Packet, ref: usize): u32 {
  const connection = connections.at(ref);
  const direction = connections.directionOf(ref);
  const association = begin(packet, direction);
  read<K>(ref);
  const belongs = judge(association, packet);
  // What earlier chunks have changed stays when a later one is refused, as in the kernel.
  write<K>(ref);
  const renews = belongs && !association.isIdle;
  const state = association.state + STATE_BASE;
  const assured = association.isAssured ? FLAG_ASSURED : 0;
  const answered = belongs && direction != 0 ? FLAG_SEEN_REPLY : 0;
  conntrack.advance(connection, state, renews ? state : connection.timer, assured | answered);
  return renews ? ACCEPTED : belongs ? UNRENEWED : REFUSED;
}

function read<K>(ref: usize): void {
  const tags = changetype<Tags>(connections.trackOf<K>(ref));
  ASSOCIATION.setTag(0, tags.opener);
  ASSOCIATION.setTag(1, tags.answerer);
  ASSOCIATION.flags = tags.flags;
  ASSOCIATION.state = <u32>connections.at(ref).state - STATE_BASE;
  ASSOCIATION.isNew = false;
}

function write<K>(ref: usize): void {
  const tags = changetype<Tags>(connections.trackOf<K>(ref));
  tags.opener = ASSOCIATION.tagOf(0);
  tags.answerer = ASSOCIATION.tagOf(1);
  tags.flags = ASSOCIATION.flags;
}

function transition(direction: u32, type: u32, state: u32): u32 {
  const row: u32 = type < TYPES ? load<u8>(ROWS + type) : 0;
  if (row == 0) return state;
  return load<u8>(TRANSITIONS + (direction * TYPE_ROWS + row - 1) * STATES + state);
}

/** Learns the tags of a new association; false when nothing in the packet begins one. */
function open(association: Association, packet: Packet): bool {
  for (let at = chunks.first(packet); at != 0; at = chunks.next(at)) {
    const chunk = changetype<Chunk>(at);
    const type: u32 = chunk.type;
    if (transition(0, type, NONE) == NONE) return false;
    if (type == INIT) {
      if (association.tag != 0 || !chunks.holds(chunk, INIT_SIZE)) return false;
      association.setTag(1, chunk.initTag);
    } else {
      association.setTag(u32(type != HEARTBEAT), association.tag);
    }
  }
  return true;
}

/** Whether the packet belongs to the association, which then is in its next state. */
function judge(association: Association, packet: Packet): bool {
  if (association.types == 0) return false;
  const hasOwnRule = (association.types & OWN_RULE) != 0;
  if (!hasOwnRule && association.tag != association.tagOf(association.direction)) return false;
  for (let at = chunks.first(packet); at != 0; at = chunks.next(at)) {
    const chunk = changetype<Chunk>(at);
    const judgement = judgeTag(association, chunk);
    if (judgement == REFUSED) return false;
    if (judgement == ACCEPTED && !advance(association, chunk)) return false;
  }
  return true;
}

/** RFC 9260 section 8.5.1; UNRENEWED for a chunk that is passed over. */
function judgeTag(association: Association, chunk: Chunk): u32 {
  const own = association.tagOf(association.direction);
  switch (<u32>chunk.type) {
    case INIT:
      return judged(association.tag == 0);
    case ABORT:
    case SHUTDOWN_COMPLETE: {
      const other = association.tagOf(association.other);
      return judged(association.tag == (chunk.flags & FLAG_REFLECTED ? other : own));
    }
    case COOKIE_ECHO:
      return judged(association.tag == own);
    case COOKIE_ACK:
      association.flags &= ~(INITIATED | (INITIATED << 1));
      return ACCEPTED;
    case HEARTBEAT:
    case HEARTBEAT_ACK:
      return judgeHeartbeat(association, chunk, own);
    default:
      return ACCEPTED;
  }
}

function judged(isRight: bool): u32 {
  return isRight ? ACCEPTED : REFUSED;
}

/** Heartbeats go over paths that have not seen the handshake: the first of them sets the tag. */
function judgeHeartbeat(association: Association, chunk: Chunk, own: u32): u32 {
  if (own == 0) {
    association.setTag(association.direction, association.tag);
  } else if (association.tag != own) {
    if (association.has(DATA) || association.isIdle) return REFUSED;
    return chunk.type == HEARTBEAT ? suspect(association) : restart(association);
  } else {
    association.flags &= ~HEARTBEAT_FAILED;
  }
  return ACCEPTED;
}

/** A heartbeat with another tag: the peer may have restarted, and then answers it. */
function suspect(association: Association): u32 {
  const from = association.direction == 0 ? 0 : FAILED_REPLY;
  association.flags = (association.flags & ~FAILED_REPLY) | HEARTBEAT_FAILED | from;
  association.isIdle = true;
  return UNRENEWED;
}

/** The answer to a heartbeat with another tag. */
function restart(association: Association): u32 {
  const from = u32((association.flags & FAILED_REPLY) != 0);
  const isAnswer = (association.flags & HEARTBEAT_FAILED) != 0 && from != association.direction;
  if (!isAnswer) return REFUSED;
  association.flags &= ~HEARTBEAT_FAILED;
  association.setTag(association.direction, association.tag);
  association.setTag(association.other, 0);
  return ACCEPTED;
}

/** On to the next state. */
function advance(association: Association, chunk: Chunk): bool {
  const old = association.state;
  const next = transition(association.direction, chunk.type, old);
  if (next == INVALID) return false;
  if (chunk.type == INIT) {
    if (!takeInit(association, chunk)) return false;
    // An INIT sent again does not keep a closed association.
    if (next == CLOSED && old == CLOSED && !association.isNew) association.isIdle = true;
  } else if (chunk.type == INIT_ACK) {
    if (!takeInitAck(association, chunk)) return false;
  }
  association.state = next;
  if (next == ESTABLISHED && old != next) association.isAssured = true;
  return true;
}

function takeInit(association: Association, chunk: Chunk): bool {
  if (!chunks.holds(chunk, INIT_SIZE)) return false;
  const own = association.direction;
  const other = association.other;
  if (association.hasInitiated(own) && association.hasInitiated(other))
    association.flags &= ~(INITIATED << other);
  association.flags |= INITIATED << own;
  association.setTag(other, chunk.initTag);
  return true;
}

/**
 * Unless both have sent an INIT, the answer repeats the tag that is known: RFC 9260 section 5.2.
 */
function takeInitAck(association: Association, chunk: Chunk): bool {
  if (!chunks.holds(chunk, INIT_SIZE)) return false;
  const other = association.other;
  const tag = association.tagOf(other);
  if (tag != chunk.initTag) {
    const isBoth =
      association.hasInitiated(association.direction) && association.hasInitiated(other);
    if (isBoth || (!association.hasInitiated(other) && tag != 0)) return false;
  }
  association.setTag(other, chunk.initTag);
  return true;
}
