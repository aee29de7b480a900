/**
 * Replays a capture that was taken at the client, where a Service has one address in both directions.
 *
 * A request must come out at a backend, and with the translation undone be the captured bytes again. An
 * answer is first given the addresses that the backend sent it with; the dataplane must make the captured
 * bytes of it. Everything else must pass as it is.
 */
import type { Dataplane } from "../dataplane/dataplane.ts";
import type { Connection, Tuple } from "../dataplane/entries.ts";
import type { PacketEvent, Reason } from "../dataplane/event.ts";
import { type Flow, parse } from "../packet/parse.ts";
import type { Packet } from "../pcap/capture.ts";
import { dialledVip } from "../vip.ts";
import { readdress, sameBytes } from "./readdress.ts";
import { processOne, type Replayed } from "./replay.ts";

/** What a captured packet is to the Services: dialled by a client, sent back to it, or neither. */
export type Direction = "request" | "answer" | "other";

export interface Returned extends Replayed {
  readonly direction: Direction;
  /**
   * `refused`: a request that the objects turn away, which then has no way back. `unchecked`: an answer to
   * something the capture does not hold, so nobody can say which backend sent it; an ICMP error, a fragment.
   */
  readonly result: "same" | "different" | "refused" | "unchecked";
  /** What was expected, where the result is not "same". */
  readonly complaint: string | null;
  /** What came of the captured packet on its way there and back; null where that is not a packet to compare. */
  readonly came: Uint8Array | null;
}

/** Reasons that stand in the objects, not in the packet or the state of the dataplane. */
const REFUSALS: ReadonlySet<Reason> = new Set<Reason>([
  "no-endpoints",
  "no-local-endpoints",
  "source-range",
]);

/** Runs one captured packet there and back. */
export function returnPacket(dataplane: Dataplane, captured: Packet, n: number): Returned {
  const flow = parse(captured.data, captured.linkType, captured.wireLength);
  if (flow.found === "icmp" || flow.found === "fragment")
    return skip(dataplane, captured, n, flow.found);
  if (flow.found !== "flow") return passOther(dataplane, captured, n);
  const back = reversed(flow.tuple);
  const connection = dataplane.maps.conntrack.lookup(back);
  if (connection) return returnAnswer(dataplane, captured, n, flow, connection);
  if (isVip(dataplane, flow.tuple) || dataplane.maps.conntrack.lookup(flow.tuple)) {
    return returnRequest(dataplane, captured, n, flow);
  }
  if (isVip(dataplane, back)) return skipAnswer(dataplane, captured, n);
  return passOther(dataplane, captured, n);
}

function returnRequest(dataplane: Dataplane, captured: Packet, n: number, flow: Flow): Returned {
  const replayed = processOne(dataplane, captured, n);
  const { action, reason } = replayed.event;
  if (action !== "dnat") {
    const result = reason !== null && REFUSALS.has(reason) ? "refused" : "different";
    const complaint = `a request that does not come out at a backend: ${action}${because(reason)}`;
    return { ...replayed, direction: "request", result, complaint, came: null };
  }
  const out = parse(replayed.packet, captured.linkType, captured.wireLength);
  const came = out.found === "flow" ? readdress(replayed.packet, out, flow.tuple) : replayed.packet;
  return compare(
    { ...replayed, direction: "request", came },
    "a request, with its translation undone",
  );
}

function returnAnswer(
  dataplane: Dataplane,
  captured: Packet,
  n: number,
  flow: Flow,
  { reply }: Connection,
): Returned {
  const sent = readdress(captured.data, flow, reply);
  const replayed = processOne(dataplane, captured, n, sent);
  const { action, reason } = replayed.event;
  const from = `an answer as ${reply.saddr} port ${reply.sport} sent it`;
  if (action !== "reply") {
    const complaint = `${from}, that is not translated back: ${action}${because(reason)}`;
    return { ...replayed, direction: "answer", result: "different", complaint, came: null };
  }
  return compare(
    { ...replayed, direction: "answer", came: replayed.packet },
    `${from}, translated back`,
  );
}

const SKIPPED = {
  icmp: "an ICMP message: what it quotes is not re-addressed",
  fragment: "a fragment: its ports may be in another one",
} as const;

/** These are played, so that what follows finds the dataplane as it should be, but held against nothing. */
function skip(
  dataplane: Dataplane,
  captured: Packet,
  n: number,
  found: keyof typeof SKIPPED,
): Returned {
  const replayed = processOne(dataplane, captured, n);
  const came = replayed.packet;
  const { data, linkType, wireLength } = captured;
  const passed = replayed.verdict === "PASS" && sameBytes(came, data, linkType, wireLength);
  return passed
    ? { ...replayed, direction: "other", result: "same", complaint: null, came }
    : {
        ...replayed,
        direction: "other",
        result: "unchecked",
        complaint: SKIPPED[found],
        came: null,
      };
}

function skipAnswer(dataplane: Dataplane, captured: Packet, n: number): Returned {
  const replayed = processOne(dataplane, captured, n);
  const complaint =
    "an answer to a connection that the dataplane has not seen open, or has seen end";
  return { ...replayed, direction: "answer", result: "unchecked", complaint, came: null };
}

function passOther(dataplane: Dataplane, captured: Packet, n: number): Returned {
  const replayed = processOne(dataplane, captured, n);
  const { action, reason } = replayed.event;
  if (action === "drop" || action === "reject") {
    const complaint = `a packet of no Service, that does not pass: ${action}${because(reason)}`;
    return { ...replayed, direction: "other", result: "different", complaint, came: null };
  }
  return compare(
    { ...replayed, direction: "other", came: replayed.packet },
    "a packet of no Service",
  );
}

function compare(
  returned: Replayed & { direction: Direction; came: Uint8Array },
  what: string,
): Returned {
  const { data, linkType, wireLength } = returned.captured;
  const same = sameBytes(returned.came, data, linkType, wireLength);
  const complaint = same ? null : `${what}, is not the captured packet again`;
  return { ...returned, result: same ? "same" : "different", complaint };
}

/**
 * True for a packet that comes from a Service's own address to nobody that the dataplane knows: what a client
 * sees of an answer, and a node never does.
 */
export function isStrayAnswer(dataplane: Dataplane, { action, before }: PacketEvent): boolean {
  return (
    action === "pass" && before !== null && before.sport !== 0 && isVip(dataplane, reversed(before))
  );
}

function isVip({ maps }: Dataplane, tuple: Tuple): boolean {
  return dialledVip(maps, tuple) !== undefined;
}

function reversed({ saddr, sport, daddr, dport, proto }: Tuple): Tuple {
  return { saddr: daddr, sport: dport, daddr: saddr, dport: sport, proto };
}

function because(reason: string | null): string {
  return reason === null ? "" : ` (${reason})`;
}
