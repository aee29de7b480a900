/**
 * Outcomes of a packet, packed as the descriptor holds them: verdict, action, reason, conntrack.
 */
import {
  ACTION_DNAT,
  ACTION_DROP,
  ACTION_HOLD,
  ACTION_PASS,
  ACTION_REJECT,
  ACTION_RELATED,
  ACTION_REPLY,
  CONNTRACK_ESTABLISHED,
  CONNTRACK_INVALID,
  CONNTRACK_NEW,
  CONNTRACK_RELATED,
  CONNTRACK_REPLY,
  REASON_CHECKSUM,
  REASON_FRAGMENT,
  REASON_INVALID,
  REASON_MALFORMED,
  REASON_TRUNCATED,
  VERDICT_ABORTED,
  VERDICT_DROP,
  VERDICT_PASS,
  VERDICT_TX,
} from "../../abi/verdict";

/** What a step returns when the walk goes on: no outcome has the verdict ABORTED. */
export const CONTINUE: u32 = 0;
if (VERDICT_ABORTED != 0) ERROR("CONTINUE must not be an outcome");

/** The same, and the packet is known to belong to no connection. */
export const ABSENT: u32 = VERDICT_ABORTED | (1 << 8);

export const PASS: u32 = VERDICT_PASS | (ACTION_PASS << 8);
export const TRUNCATED: u32 = VERDICT_DROP | (ACTION_DROP << 8) | (REASON_TRUNCATED << 16);
/** A bad IP header. */
export const MALFORMED: u32 = VERDICT_DROP | (ACTION_DROP << 8) | (REASON_MALFORMED << 16);
/** A bad transport header: conntrack would have called it INVALID. */
export const MALFORMED_TRANSPORT: u32 = MALFORMED | (CONNTRACK_INVALID << 24);
export const INVALID: u32 =
  VERDICT_DROP | (ACTION_DROP << 8) | (REASON_INVALID << 16) | (CONNTRACK_INVALID << 24);
export const OPENED: u32 = VERDICT_PASS | (ACTION_DNAT << 8) | (CONNTRACK_NEW << 24);
export const ESTABLISHED: u32 = VERDICT_PASS | (ACTION_DNAT << 8) | (CONNTRACK_ESTABLISHED << 24);
export const REPLY: u32 = VERDICT_PASS | (ACTION_REPLY << 8) | (CONNTRACK_REPLY << 24);
/** A connection of which nothing is replaced, or an INVALID packet of one. */
export const PASS_NEW: u32 = PASS | (CONNTRACK_NEW << 24);
export const PASS_ESTABLISHED: u32 = PASS | (CONNTRACK_ESTABLISHED << 24);
export const PASS_REPLY: u32 = PASS | (CONNTRACK_REPLY << 24);
export const PASS_INVALID: u32 = PASS | (CONNTRACK_INVALID << 24);

/** A bad checksum of the IPv4 header, and of what it carries. */
export const DAMAGED_HEADER: u32 = VERDICT_DROP | (ACTION_DROP << 8) | (REASON_CHECKSUM << 16);
export const DAMAGED: u32 = DAMAGED_HEADER | (CONNTRACK_INVALID << 24);
/** An ICMP error about a connection: translated, or about one of which nothing is replaced. */
export const RELATED: u32 = VERDICT_PASS | (ACTION_RELATED << 8) | (CONNTRACK_RELATED << 24);
export const PASS_RELATED: u32 = PASS | (CONNTRACK_RELATED << 24);
/** A fragment that waits for the one with the ports. */
export const HOLD: u32 = VERDICT_DROP | (ACTION_HOLD << 8) | (REASON_FRAGMENT << 16);

/** A fragment that is dropped, alone or with its datagram. */
export function dropFragment(reason: u32): u32 {
  return VERDICT_DROP | (ACTION_DROP << 8) | (reason << 16);
}

/** A new connection that is not let in. */
export function drop(reason: u32): u32 {
  return VERDICT_DROP | (ACTION_DROP << 8) | (reason << 16) | (CONNTRACK_NEW << 24);
}

/** A new connection that is told so. */
export function reject(reason: u32): u32 {
  return VERDICT_TX | (ACTION_REJECT << 8) | (reason << 16) | (CONNTRACK_NEW << 24);
}

/** Whether the outcome is one of these two. */
export function isRefusal(outcome: u32): bool {
  return (outcome & 0xff) != <u32>VERDICT_PASS && outcome >>> 24 == CONNTRACK_NEW;
}
