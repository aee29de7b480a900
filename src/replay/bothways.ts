/**
 * Replays a capture that was taken at the client, where a Service has one address in both directions.
 *
 * A request must come out at a backend, and with the translation undone be the captured bytes again. An
 * answer is first given the addresses that the backend sent it with; the dataplane must make the captured
 * bytes of it. ICMP errors go the same two ways with the packets they are about; the error that answers a
 * refused request is the dataplane's own, and compared with it. Everything else must pass as it is.
 */
import type { Dataplane } from "../dataplane/dataplane.ts";
import type { Connection, Tuple } from "../dataplane/entries.ts";
import type { PacketEvent, Reason } from "../dataplane/event.ts";
import { type Flow, type Icmp, parse } from "../packet/parse.ts";
import { isError, type QuotedFlow, readQuote } from "../packet/quote.ts";
import type { Packet } from "../pcap/capture.ts";
import { dialledVip } from "../vip.ts";
import { readdress, readdressError, sameBytes, sctpIsGood } from "./readdress.ts";
import { createRejects, type Match, type Rejects } from "./rejects.ts";
import { processOne, type Replayed } from "./replay.ts";

/** What a captured packet is to the Services: dialled by a client, sent back to it, or neither. */
export type Direction = "request" | "answer" | "other";

/** A captured packet after its way there and back. */
export interface Returned {
  /** From 1, as Wireshark counts. */
  readonly n: number;
  readonly captured: Packet;
  readonly direction: Direction;
  /**
   * `refused`: a request that the objects turn away, which then has no way back. `unchecked`: an answer to
   * something the capture does not hold, so nobody can say which backend sent it; an error that nobody can
   * have sent through the node, a fragment.
   */
  readonly result: "same" | "different" | "refused" | "unchecked";
  /** What was expected, where the result is not "same". */
  readonly complaint: string | null;
  /** What came of the captured packet on its way there and back; null where that is not a packet to compare. */
  readonly came: Uint8Array | null;
  /** Null for the node's own error about a refused request: it is an outcome, and comes to no dataplane. */
  readonly replayed: Replayed | null;
  /** The number of the refused request that this error answers. */
  readonly about: number | null;
}

/** Knows which requests the dataplane has refused so far. */
export interface BothWays {
  /** Runs one captured packet there and back. */
  take(captured: Packet, n: number): Returned;
}

interface State {
  readonly dataplane: Dataplane;
  readonly rejects: Rejects;
}

/** Reasons that stand in the objects, not in the packet or the state of the dataplane. */
const REFUSALS: ReadonlySet<Reason> = new Set<Reason>([
  "no-endpoints",
  "no-local-endpoints",
  "source-range",
]);

export function createBothWays(dataplane: Dataplane): BothWays {
  const state = { dataplane, rejects: createRejects(dataplane.maps) };
  return { take: (captured, n) => take(state, captured, n) };
}

function take(state: State, captured: Packet, n: number): Returned {
  const parsed = parse(captured.data, captured.linkType, captured.wireLength);
  switch (parsed.found) {
    case "flow":
      return takeFlow(state, captured, n, parsed);
    case "icmp":
      return takeIcmp(state, captured, n, parsed);
    case "fragment":
      return skip(state, captured, n, "a fragment: its ports may be in another one");
    default:
      return passOther(state, captured, n);
  }
}

function takeFlow(state: State, captured: Packet, n: number, flow: Flow): Returned {
  const { conntrack } = state.dataplane.maps;
  const back = reversed(flow.tuple);
  const connection = conntrack.lookup(back);
  if (connection) return returnAnswer(state, captured, n, flow, connection);
  if (isVip(state.dataplane, flow.tuple) || isServed(conntrack.lookup(flow.tuple))) {
    return returnRequest(state, captured, n, flow);
  }
  if (isVip(state.dataplane, back)) return skipAnswer(state, captured, n);
  return passOther(state, captured, n, flow);
}

/** A connection that dials an endpoint itself is no Service's. */
function isServed(connection: Connection | undefined): boolean {
  return connection !== undefined && connection.backend !== 0;
}

function returnRequest(state: State, captured: Packet, n: number, flow: Flow): Returned {
  const replayed = processOne(state.dataplane, captured, n);
  const { action, reason } = replayed.event;
  if (action === "reject") state.rejects.add(replayed, flow);
  if (action !== "dnat") {
    const result = reason !== null && REFUSALS.has(reason) ? "refused" : "different";
    const complaint = `a request that does not come out at a backend: ${outcomeOf(replayed.event)}`;
    return returned(replayed, { direction: "request", result, complaint });
  }
  const came = undone(replayed, flow.tuple);
  return compared(replayed, "request", came, "a request, with its translation undone");
}

/** The packet that left, with the tuple it came with. */
function undone({ captured, packet }: Replayed, tuple: Tuple): Uint8Array {
  const out = parse(packet, captured.linkType, captured.wireLength);
  return out.found === "flow" ? readdress(packet, out, tuple) : packet;
}

function returnAnswer(
  { dataplane }: State,
  captured: Packet,
  n: number,
  flow: Flow,
  connection: Connection,
): Returned {
  const { reply } = connection;
  const sent = readdress(captured.data, flow, reply);
  const replayed = processOne(dataplane, captured, n, sent);
  const { action } = replayed.event;
  if (!isServed(connection)) return judgeOther(replayed, replayed.packet);
  const from = `an answer as ${reply.saddr} port ${reply.sport} sent it`;
  if (action !== "reply") {
    const complaint = `${from}, that is not translated back: ${outcomeOf(replayed.event)}`;
    return returned(replayed, { direction: "answer", result: "different", complaint });
  }
  return compared(replayed, "answer", replayed.packet, `${from}, translated back`);
}

function takeIcmp(state: State, captured: Packet, n: number, icmp: Icmp): Returned {
  const quote = isError(icmp.ip.family, icmp.type) ? readQuote(captured.data, icmp) : undefined;
  if (quote?.found === "unusable") {
    return skip(state, captured, n, "an ICMP error that does not say what it is about");
  }
  return quote?.found === "flow"
    ? takeError(state, captured, n, icmp, quote)
    : passOther(state, captured, n);
}

function takeError(
  state: State,
  captured: Packet,
  n: number,
  icmp: Icmp,
  quote: QuotedFlow,
): Returned {
  const { dataplane, rejects } = state;
  const match = rejects.take(captured, icmp, quote);
  if (match) return settle(captured, n, match);
  const { conntrack } = dataplane.maps;
  const request = conntrack.lookup(quote.tuple);
  if (request && isServed(request)) {
    return returnErrorBack(state, captured, n, icmp, quote, request);
  }
  const back = reversed(quote.tuple);
  if (isServed(conntrack.lookup(back))) return returnErrorThere(state, captured, n, icmp, quote);
  if (isVip(dataplane, quote.tuple) || isVip(dataplane, back)) {
    return skip(state, captured, n, `an ICMP error about ${UNKNOWN}`);
  }
  return passOther(state, captured, n);
}

const UNKNOWN = "a connection that the dataplane has not seen open, or has seen end";

/** The captured error is what came of the refused request, and no packet that a dataplane should see. */
function settle(captured: Packet, n: number, { about, result, came }: Match): Returned {
  const complaint = {
    same: null,
    different: `an ICMP error about packet ${about}, that is not the dataplane's`,
    unchecked: `an ICMP error about packet ${about}, of which too little was captured`,
  }[result];
  return { n, captured, direction: "answer", result, complaint, came, replayed: null, about };
}

/** About a request: the backend, or who was on the way to it, had that as the dataplane had translated it. */
function returnErrorBack(
  state: State,
  captured: Packet,
  n: number,
  icmp: Icmp,
  quote: QuotedFlow,
  { reply }: Connection,
): Returned {
  // The node puts the frontend in the place of whoever sent an error about what it has translated.
  if (icmp.tuple.saddr !== quote.tuple.daddr) {
    const complaint = `an ICMP error about a request, from ${icmp.tuple.saddr}, who is before the node`;
    return skip(state, captured, n, complaint);
  }
  const sent = readdressError(captured.data, icmp, quote, reply, reversed(reply));
  const replayed = processOne(state.dataplane, captured, n, sent);
  return returnError(replayed, "answer", replayed.packet, `as ${reply.saddr} sent it`);
}

/** About an answer, from the client or somebody near it. */
function returnErrorThere(
  { dataplane }: State,
  captured: Packet,
  n: number,
  icmp: Icmp,
  quote: QuotedFlow,
): Returned {
  const replayed = processOne(dataplane, captured, n);
  const isCutSctp = quote.tuple.proto === "sctp" && !sctpIsGood(captured.data, quote.ip);
  if (isCutSctp && replayed.event.action === "related") {
    const complaint = "an ICMP error that quotes SCTP in part: a checksum of that part is put in";
    return returned(replayed, { direction: "request", result: "unchecked", complaint });
  }
  const came = undoneError(replayed, icmp, quote);
  return returnError(replayed, "request", came, "with its translation undone");
}

function undoneError(
  { captured, packet }: Replayed,
  icmp: Icmp,
  { tuple }: QuotedFlow,
): Uint8Array {
  const out = parse(packet, captured.linkType, captured.wireLength);
  const quote = out.found === "icmp" ? readQuote(packet, out) : undefined;
  if (out.found !== "icmp" || quote?.found !== "flow") return packet;
  return readdressError(packet, out, quote, icmp.tuple, tuple);
}

function returnError(
  replayed: Replayed,
  direction: Direction,
  came: Uint8Array,
  how: string,
): Returned {
  if (replayed.event.action === "related") {
    return compared(replayed, direction, came, `an ICMP error, ${how}`);
  }
  const complaint = `an ICMP error, ${how}, that is not translated: ${outcomeOf(replayed.event)}`;
  return returned(replayed, { direction, result: "different", complaint });
}

/** These are played, so that what follows finds the dataplane as it should be, but held against nothing. */
function skip({ dataplane }: State, captured: Packet, n: number, complaint: string): Returned {
  const replayed = processOne(dataplane, captured, n);
  const { data, linkType, wireLength } = captured;
  const passed =
    replayed.verdict === "PASS" && sameBytes(replayed.packet, data, linkType, wireLength);
  return passed
    ? returned(replayed, { direction: "other", result: "same", came: replayed.packet })
    : returned(replayed, { direction: "other", result: "unchecked", complaint });
}

function skipAnswer({ dataplane }: State, captured: Packet, n: number): Returned {
  const replayed = processOne(dataplane, captured, n);
  const complaint = `an answer to ${UNKNOWN}`;
  return returned(replayed, { direction: "answer", result: "unchecked", complaint });
}

/** A connection to an endpoint itself may leave with another source port: a Service's may have the client's. */
function passOther({ dataplane }: State, captured: Packet, n: number, flow?: Flow): Returned {
  const replayed = processOne(dataplane, captured, n);
  const isMoved = flow !== undefined && replayed.event.action === "dnat";
  return judgeOther(replayed, isMoved ? undone(replayed, flow.tuple) : replayed.packet);
}

function judgeOther(replayed: Replayed, came: Uint8Array): Returned {
  const { action } = replayed.event;
  if (action === "drop" || action === "reject") {
    const complaint = `a packet of no Service, that does not pass: ${outcomeOf(replayed.event)}`;
    return returned(replayed, { direction: "other", result: "different", complaint });
  }
  return compared(replayed, "other", came, "a packet of no Service");
}

function compared(
  replayed: Replayed,
  direction: Direction,
  came: Uint8Array,
  what: string,
): Returned {
  const { data, linkType, wireLength } = replayed.captured;
  const same = sameBytes(came, data, linkType, wireLength);
  const complaint = same ? null : `${what}, is not the captured packet again`;
  return returned(replayed, { direction, result: same ? "same" : "different", complaint, came });
}

type Judgement = Pick<Returned, "direction" | "result"> &
  Partial<Pick<Returned, "complaint" | "came">>;

function returned(replayed: Replayed, judgement: Judgement): Returned {
  const { n, captured } = replayed;
  return { n, captured, replayed, complaint: null, came: null, about: null, ...judgement };
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

function outcomeOf({ action, reason }: PacketEvent): string {
  return reason === null ? action : `${action} (${reason})`;
}
