/** What the model keeps from one packet to the next, in the form in which engines hand it to each other. */
import type { EngineState } from "../../dataplane/snapshot/state.ts";
import type { Transaction } from "../../dataplane/transaction.ts";
import { commit } from "../commit.ts";
import * as conntrack from "../conntrack.ts";
import { countersOf, resume } from "../counters.ts";
import * as datagrams from "../fragment/datagram.ts";
import { createControl, type Store } from "../store.ts";
import { loadClients, saveClients } from "./clients.ts";
import { loadConnections, saveConnections } from "./connections.ts";

export function save(store: Store): EngineState {
  return {
    seed: store.seed,
    random: store.random,
    now: store.now,
    lastSweep: store.lastSweep,
    // Nothing is ever forgotten here.
    origin: 0,
    families: {
      ipv4: saveConnections(store, "ipv4"),
      ipv6: saveConnections(store, "ipv6"),
    },
    clients: saveClients(store),
    counters: countersOf(store.tally, store.lengths),
    ...saveTraffic(store),
  };
}

/** Takes the place of everything there is. */
export function load(store: Store, state: EngineState, entries: Transaction): void {
  conntrack.closeAll(store);
  datagrams.clear(store);
  store.affinity.clear();
  store.control = createControl();
  commit(store, entries);
  store.seed = state.seed;
  store.random = state.random;
  store.now = state.now;
  store.lastSweep = state.lastSweep;
  loadConnections(store, "ipv4", state.families.ipv4);
  loadConnections(store, "ipv6", state.families.ipv6);
  loadClients(store, state.clients);
  loadTraffic(store, state);
  resume(store.tally, state.counters);
}

function saveTraffic({ traffic }: Store): Pick<EngineState, "backends" | "services"> {
  const byNumber = <Row>(rows: ReadonlyMap<number, Row>) => [...rows].sort(([a], [b]) => a - b);
  return { backends: byNumber(traffic.backends), services: byNumber(traffic.services) };
}

function loadTraffic({ traffic }: Store, { backends, services }: EngineState): void {
  traffic.backends.clear();
  traffic.services.clear();
  for (const [number, row] of backends) traffic.backends.set(number, { ...row });
  for (const [number, row] of services) traffic.services.set(number, { ...row });
}
