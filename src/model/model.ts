/**
 * The reference dataplane. What waxdp does to a packet can be read from `ingress` downwards; the
 * Wasm engine does the same, faster, and tests hold the two against each other. In here only
 * clarity counts.
 */
import { ACTION_PASS, REASON_CHECKSUM } from "../../abi/verdict.ts";
import type { Capacity } from "../dataplane/dataplane.ts";
import type { Engine, Partition, Retirement } from "../dataplane/engine.ts";
import { parse } from "../packet/parse.ts";
import * as affinity from "./affinity.ts";
import { createBatch } from "./batch.ts";
import { advance } from "./clock.ts";
import { commit } from "./commit.ts";
import * as conntrack from "./conntrack.ts";
import { count, countersOf } from "./counters.ts";
import * as datagrams from "./fragment/datagram.ts";
import * as fragment from "./fragment.ts";
import { judge } from "./judge.ts";
import type { Judgement } from "./judgement.ts";
import { load, save } from "./keeping/keeper.ts";
import { linkType } from "./link.ts";
import { createMaps } from "./maps.ts";
import { rewrite } from "./nat.ts";
import * as outcome from "./outcome.ts";
import * as related from "./related.ts";
import type { Slots } from "./runtime/places.ts";
import { createRuntime, type ModelRuntime } from "./runtime/runtime.ts";
import * as steering from "./steering.ts";
import { createStore, type Store } from "./store.ts";
import * as traffic from "./traffic.ts";
import { hasDamagedHeader } from "./verify.ts";
import { type Arrival, type Passage, type Result, untouched, type Walk } from "./walk.ts";

/** The way of a packet, from the frame that came in to the frame that leaves. */
function ingress(passage: Passage): Result {
  const { frame, input } = passage;
  const parsed = parse(frame, linkType(input.link), input.wireLength);
  if (hasDamagedHeader(passage, parsed)) {
    return untouched(frame, outcome.dropped(REASON_CHECKSUM));
  }
  switch (parsed.found) {
    case "fragment":
      return fragment.enter(passage, parsed, judge);
    case "icmp":
      return related.enter(passage, parsed);
    case "flow": {
      const walk: Walk = { ...passage, flow: parsed };
      return carryOut(walk, judge(walk));
    }
    default:
      return untouched(frame, outcome.unread(parsed));
  }
}

/** Does to the packet what was decided about it. */
function carryOut({ store, frame, flow }: Walk, { outcome, entry, answer }: Judgement): Result {
  if (answer !== null) return { outcome, packet: answer, released: [] };
  if (entry === null || outcome.action === ACTION_PASS) return untouched(frame, outcome);
  traffic.carry(store, entry, frame.length);
  return { outcome, packet: rewrite(frame, flow, conntrack.target(entry)), released: [] };
}

export interface EngineOptions {
  readonly capacity: Capacity;
  /** Source of every random choice, and key of Maglev's hash. */
  readonly seed: number;
  readonly partition?: Partition | undefined;
}

export function createEngine({ capacity, seed, partition }: EngineOptions): Engine {
  const store = createStore(capacity, seed, partition);
  const nat = (arrival: Arrival) => ingress({ store, ...arrival });
  let runtime: ModelRuntime | undefined;
  const run = (arrivals: readonly Arrival[], slots: Slots, now: number) => {
    begin(store, now);
    const results = runtime?.isActive ? runtime.walk(arrivals, slots) : arrivals.map(nat);
    countAll(store, arrivals, results);
    return results;
  };
  return {
    name: "model",
    capacity,
    maps: createMaps(store),
    batch: createBatch(capacity, (arrivals, now) => run(arrivals, "batch", now)),
    /** Made when somebody asks for it: its memory is large. */
    get runtime() {
      runtime ??= createRuntime(store, nat);
      return runtime;
    },
    commit: (transaction) => commit(store, transaction),
    connections: (backend) => store.byBackend.get(backend) ?? 0,
    process: (frame, input, now) => run([{ frame, input }], "single", now)[0] as Result,
    shardOf: (frame, input) => steering.steer(store, frame, input),
    counters: () => countersOf(store.tally, store.lengths),
    traffic: traffic.describe(store),
    retire: (backends) => retire(store, backends),
    flush: () => flush(store),
    save: () => save(store),
    load: (state, entries) => load(store, state, entries),
  };
}

function begin(store: Store, now: number): void {
  advance(store, now);
  fragment.begin(store);
}

function countAll(store: Store, arrivals: readonly Arrival[], results: readonly Result[]): void {
  for (const [index, { frame }] of arrivals.entries()) {
    count(store.tally, frame.length, (results[index] as Result).outcome);
  }
}

function retire(store: Store, { udp, clients }: Retirement): number {
  affinity.retire(store, clients);
  return conntrack.retire(store, udp);
}

function flush(store: Store): void {
  conntrack.closeAll(store);
  store.affinity.clear();
  datagrams.clear(store);
}
