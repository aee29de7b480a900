/** Applies a transaction to maps whose room was checked first, so that it happens whole or not at all. */
import { ringRow } from "./codec.ts";
import type { Capacity, Maps } from "./dataplane.ts";
import type { Entries, Family } from "./entries.ts";
import { overCapacity } from "./error.ts";
import { POD_RANGES, rangesOwner } from "./maps/ranges.ts";
import type { Tables } from "./tables.ts";
import type { ControlMap, Operation, Transaction } from "./transaction.ts";

/** Throws DataplaneError "capacity" before anything is changed. */
export function commit({ operations }: Transaction, tables: Tables, capacity: Capacity): void {
  const growths = operations.map((operation) => growthOf(operation, tables));
  check(operations, growths, tables, capacity);
  const gives = (index: number) =>
    operations[index]?.op === "delete" || (growths[index] as number) < 0;
  // What gives rows back goes first, so that no order of growing and shrinking runs out of them midway.
  operations.forEach((operation, index) => {
    if (gives(index)) run(operation, tables.maps);
  });
  operations.forEach((operation, index) => {
    if (!gives(index)) run(operation, tables.maps);
  });
}

function run(operation: Operation, maps: Maps): void {
  const map = maps[operation.map] as unknown as {
    update(key: unknown, value: unknown): void;
    delete(key: unknown): boolean;
  };
  if (operation.op === "update") map.update(operation.key, operation.value);
  else map.delete(operation.key);
}

/** How many rows it takes of those that entries of its map share, or gives back, below 0: see `SHARED`. */
function growthOf(operation: Operation, { slots, ranges }: Tables): number {
  const value = operation.op === "update" ? operation.value : undefined;
  switch (operation.map) {
    case "rings": {
      const after = (value as Entries["rings"]["value"] | undefined)?.slots.length ?? 0;
      return after - (slots.get(ringRow(operation.key))?.length ?? 0);
    }
    case "services": {
      const after = (value as Entries["services"]["value"] | undefined)?.sourceRanges?.length ?? 0;
      return after - (ranges.get(rangesOwner(operation.key))?.length ?? 0);
    }
    case "config": {
      const { podRanges } = (value ?? {}) as Partial<Entries["config"]["value"]>;
      const lengthOf = (family: Family) =>
        (podRanges?.[family].length ?? 0) - (ranges.get(POD_RANGES[family])?.length ?? 0);
      return lengthOf("ipv4") + lengthOf("ipv6");
    }
    default:
      return 0;
  }
}

/** Maps whose entries share rows, and what the capacity of those is called. */
const SHARED: Partial<Record<ControlMap, "slots" | "ranges">> = {
  rings: "slots",
  services: "ranges",
  config: "ranges",
};

/** Maps that have room for a number of entries, and what their capacity is called. */
const COUNTED = {
  services: "frontends",
  backends: "backends",
  endpoints: "backends",
  addresses: "addresses",
} as const;

function check(
  operations: readonly Operation[],
  growths: readonly number[],
  { maps, slots, ranges }: Tables,
  capacity: Capacity,
): void {
  const needed = { slots: slots.used, ranges: ranges.used };
  const lengths: Partial<Record<ControlMap, number>> = {};
  operations.forEach((operation, index) => {
    const shared = SHARED[operation.map];
    if (shared) needed[shared] += growths[index] as number;
    lengths[operation.map] = (lengths[operation.map] ?? 0) + entriesOf(operation);
  });
  for (const name of Object.keys(COUNTED) as (keyof typeof COUNTED)[])
    demand(COUNTED[name], maps[name].length + (lengths[name] ?? 0), capacity);
  demand("slots", needed.slots, capacity);
  demand("ranges", needed.ranges, capacity);
  for (const operation of operations) checkNumber(operation, capacity);
}

function entriesOf(operation: Operation): number {
  if (operation.op === "delete") return -1;
  return operation.create ? 1 : 0;
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
