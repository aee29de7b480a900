/** What the dataplane did to a packet, in words. The names are part of the interface: README lists them. */
import type {
  ACTION_LENGTH,
  CONNTRACK_LENGTH,
  REASON_LENGTH,
  VERDICT_LENGTH,
} from "../../abi/verdict.ts";
import type { Tuple } from "./entries.ts";

/** As many names as abi/verdict has numbers; index = number. */
type Names<Length extends number> = readonly (string | null)[] & { readonly length: Length };

export const VERDICTS = ["ABORTED", "DROP", "PASS", "TX", "REDIRECT"] as const satisfies Names<
  typeof VERDICT_LENGTH
>;
export const ACTIONS = [
  "pass",
  "dnat",
  "reply",
  "related",
  "reject",
  "drop",
  "hold",
] as const satisfies Names<typeof ACTION_LENGTH>;
export const CONNTRACKS = [
  "none",
  "new",
  "established",
  "reply",
  "related",
  "invalid",
] as const satisfies Names<typeof CONNTRACK_LENGTH>;
export const REASONS = [
  null,
  "truncated",
  "malformed",
  "fragment",
  "invalid",
  "no-endpoints",
  "no-local-endpoints",
  "source-range",
  "conntrack-full",
  "port-exhausted",
  "no-masquerade-address",
  "checksum",
  "martian",
  "fragment-overlap",
  "fragment-duplicate",
  "fragment-full",
  "program",
  "trap",
] as const satisfies Names<typeof REASON_LENGTH>;

export type Verdict = (typeof VERDICTS)[number];
export type Action = (typeof ACTIONS)[number];
export type ConntrackState = (typeof CONNTRACKS)[number];
export type Reason = NonNullable<(typeof REASONS)[number]>;

/** The name of a number, which an engine has given and which is therefore one of those there are. */
export function nameOf<Name>(names: readonly Name[], number: number): Name {
  return names[number] as Name;
}

/** What became of one packet. */
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
  /** The link whose program has ended the walk, null for none. This and what follows only while chains are active. */
  readonly program?: string | null;
  /** Why the program has dropped it, in its own words. */
  readonly programReason?: string | null;
  /** skb->mark and skb->priority it leaves with. */
  readonly mark?: number;
  readonly priority?: number;
  /** Name of the interface that a REDIRECT leaves by. */
  readonly redirect?: string | null;
}
