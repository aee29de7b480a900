/**
 * What is to become of a TCP, UDP or SCTP packet: it belongs to a connection, dials a service,
 * dials an endpoint directly, or is none of our business, in this order. Nothing in the packet is
 * replaced here.
 */
import {
  REASON_CHECKSUM,
  REASON_CONNTRACK_FULL,
  REASON_INVALID,
  REASON_MARTIAN,
  REASON_NO_ENDPOINTS,
  REASON_NO_MASQUERADE_ADDRESS,
  REASON_PORT_EXHAUSTED,
  REASON_SOURCE_RANGE,
  VERDICT_TX,
} from "../../abi/verdict.ts";
import type { Outcome } from "../dataplane/engine.ts";
import type { Service } from "../dataplane/entries.ts";
import * as affinity from "./affinity.ts";
import * as balance from "./balance.ts";
import * as conntrack from "./conntrack.ts";
import * as direct from "./direct.ts";
import * as eviction from "./eviction.ts";
import { type Judgement, plain } from "./judgement.ts";
import { isMartian } from "./martian.ts";
import * as outcome from "./outcome.ts";
import * as port from "./port.ts";
import * as rejection from "./reject.ts";
import * as service from "./service.ts";
import type { TrackedDirection } from "./store.ts";
import { hasValidFlags } from "./tcp-states.ts";
import * as traffic from "./traffic.ts";
import { isDamaged } from "./verify.ts";
import type { Walk } from "./walk.ts";

export function judge(walk: Walk): Judgement {
  return follow(walk) ?? dial(walk) ?? bypass(walk);
}

/** A packet of a known connection; undefined when there is none, or it ended to be opened anew. */
function follow(walk: Walk): Judgement | undefined {
  const { store, flow } = walk;
  const known = conntrack.lookup(store, flow.tuple);
  if (known === undefined) return undefined;
  const damaged = isDamaged(walk, flow.ip);
  const step = damaged ? "invalid" : conntrack.follow(store, known, flow);
  if (step === "reopen") return undefined;
  if (step !== "invalid") return take(known, outcome.followed(known));
  const reason = damaged ? REASON_CHECKSUM : REASON_INVALID;
  const { direct, backend } = known.connection;
  if (direct) return stray(walk, reason, outcome.tolerated());
  return plain(outcome.invalid(reason, { backend }));
}

/** A packet that dials a service port and may begin a connection; undefined when it dials none. */
function dial(walk: Walk): Judgement | undefined {
  const { store, flow } = walk;
  const dialled = service.lookup(store, flow);
  if (dialled === undefined) return undefined;
  const named = { service: dialled.service };
  if (isDamaged(walk, flow.ip)) return plain(outcome.invalid(REASON_CHECKSUM, named));
  if (isMartian(walk)) return refuse(walk, dialled, REASON_MARTIAN);
  const opening = conntrack.opening(store, flow);
  if (opening === undefined) return plain(outcome.invalid(REASON_INVALID, named));
  if (!service.admits(dialled, flow.tuple.saddr)) {
    return refuse(walk, dialled, REASON_SOURCE_RANGE);
  }
  return route(walk, dialled, opening);
}

/** What the service does with new connections of this source. */
function route(walk: Walk, dialled: Service, opening: conntrack.Opening): Judgement {
  const { store, flow, input } = walk;
  const route = service.routeOf(store, dialled, flow, input);
  if (route.action !== "dnat") {
    if (service.evadesRefusal(store, dialled, flow, input)) {
      return plain(outcome.letGo(dialled.service));
    }
    const turnAway = route.action === "reject" ? reject : refuse;
    return turnAway(walk, dialled, outcome.reasonNumber(route.reason));
  }
  const choice =
    balance.wanted(store, flow, input) ?? balance.choose(store, dialled, route.ring, flow);
  if (choice === undefined) return reject(walk, dialled, REASON_NO_ENDPOINTS);
  return connect(walk, dialled, opening, choice, route.masquerade);
}

/** The first packet of a connection, let in if there is a way back and room to remember it. */
function connect(
  walk: Walk,
  dialled: Service,
  opening: conntrack.Opening,
  { number, backend }: balance.Choice,
  routeMasquerades: boolean,
): Judgement {
  const { store, flow } = walk;
  // An endpoint that dials itself must see the node as the client, or it would answer past us.
  const masquerade = routeMasquerades || backend.address === flow.tuple.saddr;
  if (masquerade && backend.masquerade === "") {
    return refuse(walk, dialled, REASON_NO_MASQUERADE_ADDRESS);
  }
  const reply = port.chooseReply(store, flow, backend, masquerade ? backend.masquerade : null);
  if (reply === undefined) return refuse(walk, dialled, REASON_PORT_EXHAUSTED);
  if (!eviction.hasRoom(store, flow.ip.family)) return refuse(walk, dialled, REASON_CONNTRACK_FULL);
  const chosen = { reply, backend: number, masquerade, direct: false };
  const opener = conntrack.open(store, flow, opening, chosen);
  affinity.remember(store, dialled, flow.tuple.saddr, number);
  traffic.begin(store, number);
  return take(opener, outcome.opened(opener));
}

/** No service's packet. What netfilter would call INVALID does not pass, but for the node's own. */
function bypass(walk: Walk): Judgement {
  const { store, flow } = walk;
  if (isDamaged(walk, flow.ip)) return stray(walk, REASON_CHECKSUM, outcome.passed());
  if (flow.tuple.proto === "tcp" && !hasValidFlags(flow.flags)) {
    return stray(walk, REASON_INVALID, outcome.passed());
  }
  const dials = direct.dialsEndpoint(store, flow);
  if (!dials && !direct.isEndpoints(store, flow)) return plain(outcome.passed());
  const opening = conntrack.opening(store, flow);
  if (opening === undefined) return stray(walk, REASON_INVALID, outcome.passed());
  if (!dials || isMartian(walk)) return plain(outcome.passed());
  const opener = direct.open(store, flow, opening);
  return opener ? take(opener, outcome.opened(opener)) : plain(outcome.passed());
}

/** Belongs to nothing that we answer for: dropped for `reason`, or else `tolerated`. */
function stray({ store, flow }: Walk, reason: number, tolerated: Outcome): Judgement {
  const tolerates = service.toleratesInvalid(store, flow.ip.family, flow.tuple.daddr);
  return plain(tolerates ? tolerated : outcome.invalid(reason));
}

function refuse({ store }: Walk, dialled: Service, reason: number): Judgement {
  traffic.refuse(store, dialled.service, "dropped");
  return plain(outcome.refused(dialled.service, reason));
}

function reject(walk: Walk, dialled: Service, reason: number): Judgement {
  const judgement = rejection.reject(walk, dialled, reason);
  const answered = judgement.outcome.verdict === VERDICT_TX;
  traffic.refuse(walk.store, dialled.service, answered ? "rejected" : "dropped");
  return judgement;
}

function take(entry: TrackedDirection, outcome: Outcome): Judgement {
  return { outcome, entry, answer: null };
}
