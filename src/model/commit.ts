/** Applies a transaction to the control maps: to a copy first, which replaces them when it fits. */
import type { Capacity } from "../dataplane/dataplane.ts";
import { overCapacity } from "../dataplane/error.ts";
import type { Transaction } from "../dataplane/transaction.ts";
import type { Keyed } from "./keyed.ts";
import { type Control, copyControl, type Store } from "./store.ts";
import * as traffic from "./traffic.ts";

export function commit(store: Store, transaction: Transaction): void {
  const next = copyControl(store.control);
  const created: number[] = [];
  for (const operation of transaction.operations) {
    if (operation.op === "update" && operation.map === "backends") {
      if (next.backends.lookup(operation.key) === undefined) created.push(operation.key);
    }
    // Key and value belong to the map by the operation's type; the compiler cannot carry that over.
    const map = next[operation.map] as Keyed<unknown, unknown>;
    if (operation.op === "update") map.update(operation.key, operation.value);
    else map.delete(operation.key);
  }
  checkCapacity(next, store.capacity);
  for (const backend of created) traffic.forget(store, backend);
  store.control = next;
}

/** Throws DataplaneError "capacity" for the first thing there would be too much of. */
export function checkCapacity(control: Control, capacity: Capacity): void {
  for (const [name, needed] of needs(control)) {
    if (needed > capacity[name]) throw overCapacity(name, needed, capacity[name]);
  }
}

/** Maps whose keys are numbers need room up to the highest, not for as many as there are. */
function needs(control: Control): [name: keyof Capacity, needed: number][] {
  const services = [...control.services.entries()].map(([, { service }]) => service);
  const rings = [...control.rings.entries()];
  return [
    ["frontends", control.services.length],
    ["services", highest([...services, ...rings.map(([{ service }]) => service)])],
    ["backends", highest(keys(control.backends))],
    ["backends", control.endpoints.length],
    ["slots", total(rings.map(([, { slots }]) => slots.length))],
    ["ranges", ranges(control)],
    ["addresses", control.addresses.length],
    ["interfaces", highest(keys(control.interfaces).map((row) => row + 1))],
  ];
}

function keys(map: Keyed<number, unknown>): number[] {
  return [...map.entries()].map(([key]) => key);
}

/** Intervals of all source ranges, and of the pod CIDRs. */
function ranges(control: Control): number {
  const sources = [...control.services.entries()].map(([, service]) => service.sourceRanges ?? []);
  const pods = control.config.lookup("config")?.podRanges ?? { ipv4: [], ipv6: [] };
  return total([...sources, pods.ipv4, pods.ipv6].map(({ length }) => length));
}

function highest(numbers: readonly number[]): number {
  return numbers.reduce((most, number) => Math.max(most, number), 0);
}

function total(numbers: readonly number[]): number {
  return numbers.reduce((all, number) => all + number, 0);
}
