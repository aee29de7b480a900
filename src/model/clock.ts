/** The passing of time, which is told from outside. */
import { SWEEP_INTERVAL } from "../../abi/limits.ts";
import * as affinity from "./affinity.ts";
import * as conntrack from "./conntrack.ts";
import * as datagrams from "./fragment/datagram.ts";
import type { Store } from "./store.ts";

/** Moves the clock, and once in SWEEP_INTERVAL removes what has expired. */
export function advance(store: Store, now: number): void {
  store.now = Math.max(store.now, now);
  if (store.now - store.lastSweep < SWEEP_INTERVAL) return;
  store.lastSweep = store.now;
  conntrack.sweep(store);
  affinity.sweep(store);
  datagrams.sweep(store);
}
