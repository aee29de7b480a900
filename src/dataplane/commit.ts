/** Applies a transaction to maps whose room was checked first, so that it happens whole or not at all. */
import type { Capacity, Maps } from "./dataplane.ts";
import type { Entries } from "./entries.ts";
import { overCapacity } from "./error.ts";
import type { Tables } from "./tables.ts";
import type { Operation, Transaction } from "./transaction.ts";

/** An operation and how many rows of slots or ranges it takes (or gives back, below 0). */
interface Step {
  readonly operation: Operation;
  readonly slots: number;
  readonly ranges: number;
}

/** Throws DataplaneError "capacity" before anything is changed. */
export function commit({ operations }: Transaction, tables: Tables, capacity: Capacity): void {
  const steps = operations.map((operation) => measure(operation, tables.maps));
  check(steps, tables, capacity);
  for (const { operation } of givingFirst(steps)) run(operation, tables.maps);
}

/** What gives rows back goes first, so that no order of growing and shrinking runs out of them midway. */
function givingFirst(steps: readonly Step[]): readonly Step[] {
  const rank = ({ operation, slots, ranges }: Step) =>
    operation.op === "delete" ? -Number.MAX_SAFE_INTEGER : slots + ranges;
  return [...steps].sort((a, b) => rank(a) - rank(b));
}

function run(operation: Operation, maps: Maps): void {
  const map = maps[operation.map] as unknown as {
    update(key: unknown, value: unknown): void;
    delete(key: unknown): boolean;
  };
  if (operation.op === "update") map.update(operation.key, operation.value);
  else map.delete(operation.key);
}

function measure(operation: Operation, maps: Maps): Step {
  const value = operation.op === "update" ? operation.value : undefined;
  switch (operation.map) {
    case "rings": {
      const before = maps.rings.lookup(operation.key)?.slots.length ?? 0;
      const after = (value as Entries["rings"]["value"] | undefined)?.slots.length ?? 0;
      return { operation, slots: after - before, ranges: 0 };
    }
    case "services": {
      const before = maps.services.lookup(operation.key)?.sourceRanges?.length ?? 0;
      const after = (value as Entries["services"]["value"] | undefined)?.sourceRanges?.length ?? 0;
      return { operation, slots: 0, ranges: after - before };
    }
    case "config": {
      const before = podRanges(maps.config.lookup("config"));
      const after = podRanges(value as Entries["config"]["value"] | undefined);
      return { operation, slots: 0, ranges: after - before };
    }
    default:
      return { operation, slots: 0, ranges: 0 };
  }
}

function podRanges(config: Entries["config"]["value"] | undefined): number {
  return config ? config.podRanges.ipv4.length + config.podRanges.ipv6.length : 0;
}

function check(steps: readonly Step[], { maps, slots, ranges }: Tables, capacity: Capacity): void {
  const length = (map: "services" | "backends" | "endpoints" | "addresses") =>
    steps.reduce((sum, { operation }) => {
      if (operation.map !== map) return sum;
      return operation.op === "delete" ? sum - 1 : sum + (operation.create ? 1 : 0);
    }, maps[map].length);
  demand("frontends", length("services"), capacity);
  demand("backends", length("backends"), capacity);
  demand("backends", length("endpoints"), capacity);
  demand("addresses", length("addresses"), capacity);
  demand(
    "slots",
    steps.reduce((sum, step) => sum + step.slots, slots.used),
    capacity,
  );
  demand(
    "ranges",
    steps.reduce((sum, step) => sum + step.ranges, ranges.used),
    capacity,
  );
  for (const { operation } of steps) checkNumber(operation, capacity);
}

/** Array maps are bounded by the highest number, not by how many there are. */
function checkNumber(operation: Operation, capacity: Capacity): void {
  if (operation.op === "delete") return;
  if (operation.map === "backends") demand("backends", operation.key, capacity);
  if (operation.map === "rings") demand("services", operation.key.service, capacity);
  if (operation.map === "services") demand("services", operation.value.service, capacity);
  if (operation.map === "interfaces") demand("interfaces", operation.key + 1, capacity);
}

function demand(name: keyof Capacity, needed: number, capacity: Capacity): void {
  if (needed <= capacity[name]) return;
  throw overCapacity(name, needed, capacity[name]);
}
