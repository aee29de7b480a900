/** What the dataplane did to a packet, in words. The names are part of the interface: README lists them. */
import {
  ACTION_LENGTH, CONNTRACK_LENGTH, REASON_LENGTH, VERDICT_LENGTH,
} from "../../abi/verdict.ts";
import type { Tuple } from "./entries.ts";

/** Index = number in abi/verdict. */
export const VERDICTS = ["ABORTED", "DROP", "PASS", "TX", "REDIRECT"] as const;
export const ACTIONS = ["pass", "dnat", "reply", "related", "reject", "drop"] as const;
export const CONNTRACKS = ["none", "new", "established", "reply", "related", "invalid"] as const;
export const REASONS = [
  null, "truncated", "malformed", "fragment", "invalid", "no-endpoints", "no-local-endpoints", "source-range",
  "conntrack-full", "port-exhausted", "no-masquerade-address",
] as const;

export type Verdict = (typeof VERDICTS)[number];
export type Action = (typeof ACTIONS)[number];
export type ConntrackState = (typeof CONNTRACKS)[number];
export type Reason = NonNullable<(typeof REASONS)[number]>;

export interface PacketEvent {
  readonly verdict: Verdict;
  readonly action: Action;
  readonly reason: Reason | null;
  readonly conntrack: ConntrackState;
  /** "ns/name:port", "ns/name" when the port has no name; null when no service port was concerned. */
  readonly service: string | null;
  /** "ip:port", IPv6 as "[ip]:port". */
  readonly backend: string | null;
  readonly masquerade: boolean;
  /** Null when the frame carries no IP packet. Ports are 0 where the protocol or a fragment has none. */
  readonly before: Tuple | null;
  /** Null where nothing leaves. */
  readonly after: Tuple | null;
}

/** Holds the name lists against the numbers of abi/verdict when types are checked. */
type Same<A, B> = A extends B ? (B extends A ? true : never) : never;
const lengths: [
  Same<(typeof VERDICTS)["length"], typeof VERDICT_LENGTH>,
  Same<(typeof ACTIONS)["length"], typeof ACTION_LENGTH>,
  Same<(typeof CONNTRACKS)["length"], typeof CONNTRACK_LENGTH>,
  Same<(typeof REASONS)["length"], typeof REASON_LENGTH>,
] = [true, true, true, true];
void lengths;
