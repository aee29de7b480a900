/** The states of a TCP connection: the tables of the kernel's nf_conntrack_proto_tcp.c. */
import {
  STATE_CLOSE,
  STATE_CLOSE_WAIT,
  STATE_ESTABLISHED,
  STATE_FIN_WAIT,
  STATE_LAST_ACK,
  STATE_SYN_RECV,
  STATE_SYN_SENT,
  STATE_SYN_SENT2,
  STATE_TIME_WAIT,
} from "../../abi/conntrack";
import { CONFIG_FLAG_TCP_LOOSE } from "../../abi/layout";
import { CONFIG } from "../maps/config";
import {
  FLAG_ACK,
  FLAG_CWR,
  FLAG_ECE,
  FLAG_FIN,
  FLAG_PSH,
  FLAG_RST,
  FLAG_SYN,
  FLAG_URG,
} from "../wire/tcp";

/** The packet is no part of the connection. */
export const INVALID: u32 = 0x80;
/** The packet is let through and changes nothing. */
export const IGNORED: u32 = 0x81;

const SS: u8 = <u8>STATE_SYN_SENT;
const SR: u8 = <u8>STATE_SYN_RECV;
const ES: u8 = <u8>STATE_ESTABLISHED;
const FW: u8 = <u8>STATE_FIN_WAIT;
const CW: u8 = <u8>STATE_CLOSE_WAIT;
const LA: u8 = <u8>STATE_LAST_ACK;
const TW: u8 = <u8>STATE_TIME_WAIT;
const CL: u8 = <u8>STATE_CLOSE;
const S2: u8 = <u8>STATE_SYN_SENT2;
const IV: u8 = <u8>INVALID;
const IG: u8 = <u8>IGNORED;

const STATES: u32 = 10;
/** What the flags make of a segment; a row of the table each. */
const KIND_NONE: u32 = 0;
export const KIND_SYN: u32 = 1;
export const KIND_SYN_ACK: u32 = 2;
export const KIND_FIN: u32 = 3;
export const KIND_ACK: u32 = 4;
export const KIND_RST: u32 = 5;
const KINDS: u32 = 5;

// biome-ignore format: a table
const TRANSITIONS = memory.data<u8>([
  // The direction that opened the connection.
  // NONE SS  SR  ES  FW  CW  LA  TW  CL  S2
  SS, SS, IG, IG, IG, IG, IG, SS, SS, S2,
  IV, IV, SR, IV, IV, IV, IV, IV, IV, SR,
  IV, IV, FW, FW, LA, LA, LA, TW, CL, IV,
  ES, IV, ES, ES, CW, CW, TW, TW, CL, IV,
  IV, CL, CL, CL, CL, CL, CL, CL, CL, CL,
  // The other direction.
  IV, S2, IV, IV, IV, IV, IV, SS, IV, S2,
  IV, SR, IG, IG, IG, IG, IG, IG, IG, SR,
  IV, IV, FW, FW, LA, LA, LA, TW, CL, IV,
  IV, IG, SR, ES, CW, CW, TW, TW, CL, IG,
  IV, CL, CL, CL, CL, CL, CL, CL, CL, CL,
]);

/** Flags that say nothing about the state of a connection do not count. */
export const FLAGS_COUNTED: u32 = 0xff & ~(FLAG_ECE | FLAG_CWR | FLAG_PSH);

/** A bit for every combination of counted flags that a sane stack sends (tcp_valid_flags). */
const VALID: u64 =
  ((<u64>1) << FLAG_SYN) |
  ((<u64>1) << (FLAG_SYN | FLAG_URG)) |
  ((<u64>1) << (FLAG_SYN | FLAG_ACK)) |
  ((<u64>1) << FLAG_RST) |
  ((<u64>1) << (FLAG_RST | FLAG_ACK)) |
  ((<u64>1) << (FLAG_FIN | FLAG_ACK)) |
  ((<u64>1) << (FLAG_FIN | FLAG_ACK | FLAG_URG)) |
  ((<u64>1) << FLAG_ACK) |
  ((<u64>1) << (FLAG_ACK | FLAG_URG));

export function isValid(flags: u32): bool {
  return ((VALID >>> <u64>(flags & FLAGS_COUNTED)) & 1) != 0;
}

/** The kind of a segment with valid flags. */
export function kindOf(flags: u32): u32 {
  if (flags & FLAG_RST) return KIND_RST;
  if (flags & FLAG_SYN) return flags & FLAG_ACK ? KIND_SYN_ACK : KIND_SYN;
  if (flags & FLAG_FIN) return KIND_FIN;
  return flags & FLAG_ACK ? KIND_ACK : KIND_NONE;
}

/** The state a segment leads to, or INVALID or IGNORED. Direction: 0 the opener's, 1 the other. */
export function transition(direction: u32, kind: u32, state: u32): u32 {
  assert(kind != KIND_NONE && kind <= KINDS && state < STATES, "a row and a column");
  return load<u8>(TRANSITIONS + (direction * KINDS + kind - 1) * STATES + state);
}

/**
 * Whether one end has closed the connection, or both: the states stand in the order in which a
 * connection goes through them, SYN_SENT2 apart.
 */
export function isClosing(state: u32): bool {
  return state >= <u32>STATE_FIN_WAIT && state <= <u32>STATE_CLOSE;
}

/** Whether a segment may open a connection. */
export function opens(flags: u32): bool {
  if (!isValid(flags) || flags & FLAG_RST) return false;
  if (flags & FLAG_SYN) return !(flags & FLAG_ACK);
  return (CONFIG.flags & CONFIG_FLAG_TCP_LOOSE) != 0 && !(flags & FLAG_FIN);
}
