/**
 * Fragments. The first bytes of a datagram decide about all its fragments, as if it were whole. Those
 * that come before these are held back; once it is decided, they and all later ones are translated
 * each for itself and leave in the order they came. Nothing is put together but the header that is
 * judged, so a datagram's checksum is never verified.
 */
import {
  ACTION_DROP,
  ACTION_HOLD,
  CONNTRACK_INVALID,
  CONNTRACK_NONE,
  REASON_FRAGMENT,
  REASON_FRAGMENT_DUPLICATE,
  REASON_FRAGMENT_FULL,
  REASON_FRAGMENT_OVERLAP,
  REASON_MALFORMED,
  REASON_TRUNCATED,
  VERDICT_DROP,
  VERDICT_PASS,
} from "../../abi/verdict.ts";
import type { Outcome } from "../dataplane/engine.ts";
import type { Tuple } from "../dataplane/entries.ts";
import { type Piece, TRANSPORT_HEADERS } from "../packet/parse.ts";
import * as conntrack from "./conntrack.ts";
import { type Coverage, cover, isComplete } from "./fragment/coverage.ts";
import type { Datagram, Decision } from "./fragment/datagram.ts";
import * as datagrams from "./fragment/datagram.ts";
import * as header from "./fragment/header.ts";
import {
  type Fault,
  isCut,
  isMalformed,
  lengthOf,
  type Part,
  portsOf,
  type Upper,
  upperOf,
} from "./fragment/part.ts";
import { translate } from "./fragment/translation.ts";
import { type Judgement, plain } from "./judgement.ts";
import * as outcome from "./outcome.ts";
import type { Store } from "./store.ts";
import * as traffic from "./traffic.ts";
import { type Freed, type Passage, type Result, untouched, type Walk } from "./walk.ts";

/** Takes a packet through the steps, but for replacing anything in it. */
export type Judge = (walk: Walk) => Judgement;

/** A fragment that its datagram lacked; `coverage` and `upper` are what is known of that with it. */
interface Arrival {
  readonly part: Part;
  readonly datagram: Datagram;
  readonly coverage: Coverage;
  readonly upper: Upper | undefined;
}

/** One whose datagram has shown what it carries. */
interface KnownArrival extends Arrival {
  readonly upper: Upper;
}

/** At the start of every call of `process`: what was let go during the last one has left. */
export function begin(store: Store): void {
  store.datagrams.leaving = 0;
}

export function enter(passage: Passage, piece: Piece, judge: Judge): Result {
  const part: Part = { ...passage, piece };
  if (isMalformed(part)) return dropped(part, REASON_MALFORMED);
  const upper = upperOf(part);
  if (typeof upper === "string") return untouched(part.frame, outcomeOf(upper));
  const datagram = datagrams.follow(passage.store, part);
  if (datagram === undefined) return dropped(part, REASON_FRAGMENT_FULL);
  if (datagram.decision?.kind === "drop") {
    return untouched(part.frame, datagram.decision.outcome);
  }
  const { offset, more } = piece.ip.fragment;
  const coverage = cover(datagram.coverage, offset, offset + lengthOf(part), !more);
  if (coverage === "duplicate") return dropped(part, REASON_FRAGMENT_DUPLICATE);
  if (coverage === "overlap") {
    return refuse(part, datagram, plain(outcome.dropped(REASON_FRAGMENT_OVERLAP)));
  }
  return join({ part, datagram, coverage, upper: datagram.upper ?? upper }, judge);
}

function outcomeOf(fault: Fault): Outcome {
  if (fault === "truncated") return outcome.dropped(REASON_TRUNCATED);
  return outcome.dropped(REASON_MALFORMED, { conntrack: CONNTRACK_INVALID });
}

function join(arrival: Arrival, judge: Judge): Result {
  const { coverage, upper, datagram } = arrival;
  if (upper === undefined) return hold(arrival);
  const known = { ...arrival, upper };
  if (datagram.decision !== undefined) return proceed(known, datagram.decision);
  return header.isKnown(upper, coverage) ? decide(known, judge) : hold(arrival);
}

/** A fragment of a datagram that was decided before. */
function proceed(arrival: KnownArrival, decision: Decision): Result {
  bear(arrival.part, decision);
  return leave(arrival, decision, laterOutcome(decision));
}

/** Every fragment that leaves translated is traffic of its backend, whenever it leaves. */
function bear({ store, frame }: Part, decision: Decision): void {
  if (decision.kind === "translate") traffic.carry(store, decision.entry, frame.length);
}

/** Keeps a fragment, if it is there whole and there is a place for it. */
function hold(arrival: Arrival): Result {
  const { part, datagram } = arrival;
  const { store, frame } = part;
  if (isCut(part)) return dropped(part, REASON_TRUNCATED);
  if (!datagrams.hasPlace(store, frame.length)) return dropped(part, REASON_FRAGMENT_FULL);
  accept(arrival);
  datagram.held = [...datagram.held, { ...part, frame: frame.slice() }];
  store.tally.fragments.held++;
  return untouched(frame, { ...outcome.dropped(REASON_FRAGMENT), action: ACTION_HOLD });
}

/** The fragment with which the ports of its datagram are known. */
function decide(arrival: KnownArrival, judge: Judge): Result {
  const { part, datagram, coverage, upper } = arrival;
  if (TRANSPORT_HEADERS[upper.protocol] === undefined) {
    return leave(arrival, { kind: "pass" }, outcome.passed());
  }
  const flow = header.read(part, upper, [...datagram.held, part], coverage);
  if (flow === "truncated") return dropped(part, REASON_TRUNCATED);
  if (flow === "malformed") return refuse(part, datagram, plain(outcomeOf(flow)));
  const judgement = judge({ ...part, flow });
  if (judgement.outcome.verdict !== VERDICT_PASS) return refuse(part, datagram, judgement);
  const decision = decisionOf(judgement, flow.tuple);
  bear(part, decision);
  return leave(arrival, decision, judgement.outcome);
}

function decisionOf({ entry }: Judgement, from: Tuple): Decision {
  if (entry === null || conntrack.isSame(conntrack.target(entry), from)) return { kind: "pass" };
  return { kind: "translate", entry, from };
}

/** Nothing of the datagram leaves any more; what is said of this fragment holds for later ones. */
function refuse(
  { store, frame }: Part,
  datagram: Datagram,
  { outcome, answer }: Judgement,
): Result {
  datagrams.discard(store, datagram);
  const dropped = { verdict: VERDICT_DROP, action: ACTION_DROP, conntrack: CONNTRACK_NONE };
  datagram.decision = { kind: "drop", outcome: { ...outcome, ...dropped } };
  return { outcome, packet: answer ?? frame.slice(), released: [] };
}

/** The fragment leaves, and what was held for the lack of it. */
function leave(arrival: KnownArrival, decision: Decision, outcome: Outcome): Result {
  const { part, datagram, coverage, upper } = arrival;
  const parts = [...datagram.held, part];
  const packets =
    decision.kind === "translate"
      ? translate(parts, upper, decision, coverage)
      : parts.map(({ frame }) => frame.slice());
  const packet = packets.pop() as Uint8Array;
  const released = packets.map((packet, index) =>
    release(datagram.held[index] as Part, upper, decision, packet),
  );
  datagram.held = [];
  datagram.decision = decision;
  accept(arrival);
  if (isComplete(coverage)) datagrams.remove(part.store, datagram);
  return { outcome, packet, released };
}

function release(part: Part, upper: Upper, decision: Decision, packet: Uint8Array): Freed {
  const { store, input } = part;
  store.tally.fragments.released++;
  store.datagrams.leaving++;
  bear(part, decision);
  const outcome = laterOutcome(decision);
  return { by: 0, outcome, packet, input, link: input.link, ...portsOf(part, upper) };
}

/** Of every fragment but the one that was judged. */
function laterOutcome(decision: Decision): Outcome {
  return decision.kind === "translate" ? outcome.followed(decision.entry) : outcome.passed();
}

function accept({ datagram, coverage, upper }: Arrival): void {
  datagram.coverage = coverage;
  datagram.upper = upper;
}

function dropped({ frame }: Part, reason: number): Result {
  return untouched(frame, outcome.dropped(reason));
}
