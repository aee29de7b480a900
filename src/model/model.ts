/**
 * The reference dataplane. What waxdp does to a packet can be read from `ingress` downwards; the
 * Wasm engine does the same, faster, and tests hold the two against each other. In here only
 * clarity counts.
 */
import {
  REASON_CONNTRACK_FULL,
  REASON_NO_ENDPOINTS,
  REASON_NO_MASQUERADE_ADDRESS,
  REASON_PORT_EXHAUSTED,
  REASON_SOURCE_RANGE,
} from "../../abi/verdict.ts";
import type { Capacity } from "../dataplane/dataplane.ts";
import type { Engine, FrameInput, Outcome } from "../dataplane/engine.ts";
import type { Service } from "../dataplane/entries.ts";
import { parse } from "../packet/parse.ts";
import * as affinity from "./affinity.ts";
import * as balance from "./balance.ts";
import { createBatch } from "./batch.ts";
import { commit } from "./commit.ts";
import * as conntrack from "./conntrack.ts";
import { count, countersOf } from "./counters.ts";
import { linkType } from "./link.ts";
import { createMaps } from "./maps.ts";
import { rewrite } from "./nat.ts";
import * as outcome from "./outcome.ts";
import * as port from "./port.ts";
import { reject } from "./reject.ts";
import * as service from "./service.ts";
import { createStore, type Store, type TrackedDirection } from "./store.ts";
import type { Result, Walk } from "./walk.ts";

/** The way of a packet, from the frame that came in to the frame that leaves. */
function ingress(store: Store, frame: Uint8Array, input: FrameInput): Result {
  const flow = parse(frame, linkType(input.link), input.wireLength);
  if (flow.found !== "flow") return untouched(frame, outcome.unread(flow));
  const walk: Walk = { store, frame, flow, input };
  return follow(walk) ?? dial(walk);
}

/** A packet of a known connection; undefined when there is none, or it ended to be opened anew. */
function follow(walk: Walk): Result | undefined {
  const { store, frame, flow } = walk;
  const known = conntrack.lookup(store, flow.tuple);
  if (known === undefined) return undefined;
  const step = conntrack.follow(store, known, flow);
  if (step === "reopen") return undefined;
  if (step !== "invalid") return translate(walk, known, outcome.followed(known));
  return untouched(frame, outcome.invalid({ backend: known.connection.backend }));
}

/** A packet without a connection: it may dial a service port, and then be let in or not. */
function dial(walk: Walk): Result {
  const { store, frame, flow, input } = walk;
  const dialled = service.lookup(store, flow);
  if (dialled === undefined) return bypass(walk);
  if (conntrack.openingState(store, flow) === undefined) {
    return untouched(frame, outcome.invalid({ service: dialled.service }));
  }
  if (!service.admits(dialled, flow.tuple.saddr)) {
    return refuse(walk, dialled, REASON_SOURCE_RANGE);
  }
  const route = service.routeOf(store, dialled, flow, input);
  if (route.action !== "dnat") {
    if (service.evadesRefusal(store, dialled, flow, input)) {
      return untouched(frame, outcome.letGo(dialled.service));
    }
    const turnAway = route.action === "reject" ? reject : refuse;
    return turnAway(walk, dialled, outcome.reasonNumber(route.reason));
  }
  const choice = balance.choose(store, dialled, route.ring, flow);
  if (choice === undefined) return reject(walk, dialled, REASON_NO_ENDPOINTS);
  return connect(walk, dialled, choice, route.masquerade);
}

/** The first packet of a connection, let in if there is a way back and room to remember it. */
function connect(
  walk: Walk,
  dialled: Service,
  { number, backend }: balance.Choice,
  routeMasquerades: boolean,
): Result {
  const { store, flow } = walk;
  // An endpoint that dials itself must see the node as the client, or it would answer past us.
  const masquerade = routeMasquerades || backend.address === flow.tuple.saddr;
  if (masquerade && backend.masquerade === "") {
    return refuse(walk, dialled, REASON_NO_MASQUERADE_ADDRESS);
  }
  const reply = port.chooseReply(store, flow.tuple, backend, masquerade);
  if (reply === undefined) return refuse(walk, dialled, REASON_PORT_EXHAUSTED);
  if (conntrack.isFull(store, flow.ip.family)) return refuse(walk, dialled, REASON_CONNTRACK_FULL);
  const opener = conntrack.open(store, flow, { reply, backend: number, masquerade });
  affinity.remember(store, dialled, flow.tuple.saddr, number);
  return translate(walk, opener, outcome.opened(opener));
}

/** No service's packet: none of our business, but for what netfilter would call INVALID. */
function bypass({ store, frame, flow }: Walk): Result {
  const suspect = service.isSuspect(store, flow);
  return untouched(frame, suspect ? outcome.invalid({}) : outcome.passed());
}

function refuse({ frame }: Walk, dialled: Service, reason: number): Result {
  return untouched(frame, outcome.refused(dialled.service, reason));
}

function translate(walk: Walk, entry: TrackedDirection, outcome: Outcome): Result {
  return { outcome, packet: rewrite(walk.frame, walk.flow, conntrack.target(entry)) };
}

function untouched(frame: Uint8Array, outcome: Outcome): Result {
  return { outcome, packet: frame.slice() };
}

export interface EngineOptions {
  readonly capacity: Capacity;
  /** Source of every random choice, and key of Maglev's hash. */
  readonly seed: number;
}

export function createEngine({ capacity, seed }: EngineOptions): Engine {
  const store = createStore(capacity, seed);
  const advance = (now: number) => conntrack.advance(store, now);
  const run = (frame: Uint8Array, input: FrameInput) => {
    const result = ingress(store, frame, input);
    count(store.tally, frame.length, result.outcome);
    return result;
  };
  return {
    name: "model",
    capacity,
    maps: createMaps(store),
    batch: createBatch(capacity, advance, run),
    commit: (transaction) => commit(store, transaction),
    connections: (backend) => store.byBackend.get(backend) ?? 0,
    process(frame, input, now) {
      advance(now);
      return run(frame, input);
    },
    counters: () => countersOf(store.tally, store.lengths),
    flush() {
      conntrack.closeAll(store);
      store.affinity.clear();
    },
  };
}
