/** What the host does with maps, counters and time between batches. */
import { MAP_CONNTRACK4, MAP_CONNTRACK6 } from "../../abi/layout";
import * as affinity from "../flow/affinity";
import * as clock from "../flow/clock";
import * as conntrack from "../flow/conntrack";
import { COUNTERS } from "../flow/counters";
import * as fragment from "../flow/fragment";
import { CONFIG } from "../maps/config";
import * as connections from "../maps/connections";
import { Tuple4, Tuple6 } from "../maps/connections";
import * as registry from "../maps/registry";

/** 1 when the entry was there. A connection goes with both its directions. */
export function remove(map: u32, key: usize): u32 {
  switch (map) {
    case MAP_CONNTRACK4:
      return u32(closeAt<Tuple4>(registry.lookup(map, key)));
    case MAP_CONNTRACK6:
      return u32(closeAt<Tuple6>(registry.lookup(map, key)));
    default:
      return u32(registry.remove(map, key));
  }
}

function closeAt<K>(ref: usize): bool {
  if (ref == 0) return false;
  conntrack.close<K>(connections.at(ref));
  return true;
}

/** Forgets every connection, every remembered client and every fragment. */
export function flush(): void {
  conntrack.flush();
  affinity.flush();
  fragment.flush();
}

/** Takes from marked backends what they give up; returns how many connections have ended. */
export function retire(): u32 {
  affinity.retire();
  return conntrack.retire();
}

/** Removes what has expired by `now`. */
export function sweep(now: u32): void {
  clock.advance(now);
  removeExpired();
}

export function removeExpired(): void {
  conntrack.sweep();
  affinity.sweep();
  fragment.sweep();
}

/** Moves the origin of every stored time forward by `delta` milliseconds. */
export function rebase(delta: u32): void {
  clock.rebase(delta);
  conntrack.rebase(delta);
  affinity.rebase(delta);
  fragment.rebase(delta);
}

/** Address of the config record. */
export function config(): usize {
  return changetype<usize>(CONFIG);
}

/** Address of the counters. */
export function counters(): usize {
  return COUNTERS;
}
