/** States of a TCP connection: the tables of the kernel's nf_conntrack_proto_tcp.c. */
import {
  STATE_CLOSE,
  STATE_CLOSE_WAIT,
  STATE_ESTABLISHED,
  STATE_FIN_WAIT,
  STATE_LAST_ACK,
  STATE_NONE,
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
/** Rows of a table: what the flags make of a packet. */
const ROW_SYN: u32 = 0;
const ROW_SYN_ACK: u32 = 1;
const ROW_FIN: u32 = 2;
const ROW_ACK: u32 = 3;
const ROW_RST: u32 = 4;
const ROW_NONE: u32 = 5;
const ROWS: u32 = 6;

// biome-ignore format: a table
const TRANSITIONS = memory.data<u8>([
  // The direction that opened the connection.
  // NONE SS  SR  ES  FW  CW  LA  TW  CL  S2
  SS, SS, IG, IG, IG, IG, IG, SS, SS, S2,
  IV, IV, SR, IV, IV, IV, IV, IV, IV, SR,
  IV, IV, FW, FW, LA, LA, LA, TW, CL, IV,
  ES, IV, ES, ES, CW, CW, TW, TW, CL, IV,
  IV, CL, CL, CL, CL, CL, CL, CL, CL, CL,
  IV, IV, IV, IV, IV, IV, IV, IV, IV, IV,
  // The other direction.
  IV, S2, IV, IV, IV, IV, IV, SS, IV, S2,
  IV, SR, IG, IG, IG, IG, IG, IG, IG, SR,
  IV, IV, FW, FW, LA, LA, LA, TW, CL, IV,
  IV, IG, SR, ES, CW, CW, TW, TW, CL, IG,
  IV, CL, CL, CL, CL, CL, CL, CL, CL, CL,
  IV, IV, IV, IV, IV, IV, IV, IV, IV, IV,
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

/** The state a packet leads to, or INVALID or IGNORED. */
export function transition(isReply: bool, flags: u32, state: u32): u32 {
  const row = rowOf(flags) + (isReply ? ROWS : 0);
  return load<u8>(TRANSITIONS + row * STATES + state);
}

function rowOf(flags: u32): u32 {
  if (flags & FLAG_RST) return ROW_RST;
  if (flags & FLAG_SYN) return flags & FLAG_ACK ? ROW_SYN_ACK : ROW_SYN;
  if (flags & FLAG_FIN) return ROW_FIN;
  return flags & FLAG_ACK ? ROW_ACK : ROW_NONE;
}

/** The state of a connection that a packet opens, STATE_NONE when it cannot. */
export function opening(flags: u32): u32 {
  if (!isValid(flags) || flags & FLAG_RST) return STATE_NONE;
  if (flags & FLAG_SYN) return flags & FLAG_ACK ? STATE_NONE : STATE_SYN_SENT;
  const loose = (CONFIG.flags & CONFIG_FLAG_TCP_LOOSE) != 0;
  return loose && !(flags & FLAG_FIN) ? STATE_ESTABLISHED : STATE_NONE;
}
