/** Whether a dataplane has room for what is in a snapshot, before anything of it is taken in. */
import type { Capacity } from "../dataplane.ts";
import { DataplaneError } from "../error.ts";
import type { ControlMap, Operation, Transaction } from "../transaction.ts";
import type { EngineState } from "./state.ts";

/** Throws DataplaneError "capacity" for the first thing there would be too much of. */
export function demandRoom(state: EngineState, entries: Transaction, capacity: Capacity): void {
  for (const [name, needed] of [...needsOfEntries(entries), ...needsOfState(state)]) {
    if (needed <= capacity[name]) continue;
    throw new DataplaneError(
      "capacity",
      `the snapshot needs ${needed} ${name}, the dataplane holds ${capacity[name]}: ` +
        `create it with capacity.${name} of at least ${needed}; nothing was changed`,
    );
  }
}

type Need = readonly [name: keyof Capacity, needed: number];

function needsOfState({ families, clients, backends, services }: EngineState): Need[] {
  const { ipv4, ipv6 } = families;
  const numbers = [ipv4, ipv6].map(({ connections }) => highest(connections.columns.backend));
  return [
    ["connections", ipv4.connections.length],
    ["connections6", ipv6.connections.length],
    ["affinity", clients.length],
    ["backends", highest(numbers)],
    ["backends", highest(backends.map(([number]) => number))],
    ["services", highest(services.map(([number]) => number))],
  ];
}

/** Maps whose keys are numbers need room up to the highest, not for as many as there are. */
function needsOfEntries({ operations }: Transaction): Need[] {
  return [
    ["frontends", lengthOf(operations, "services")],
    ["backends", lengthOf(operations, "endpoints")],
    ["addresses", lengthOf(operations, "addresses")],
    ["services", highest(operations.map(serviceOf))],
    ["backends", highest(operations.map(backendOf))],
    [
      "interfaces",
      highest(operations.map((each) => (each.map === "interfaces" ? each.key + 1 : 0))),
    ],
    ["slots", sum(operations.map(slotsOf))],
    ["ranges", sum(operations.map(rangesOf))],
  ];
}

function lengthOf(operations: readonly Operation[], map: ControlMap): number {
  return operations.filter((operation) => operation.map === map).length;
}

function serviceOf(operation: Operation): number {
  if (operation.map === "rings") return operation.key.service;
  const named = operation.map === "services" || operation.map === "backends";
  return named && operation.op === "update" ? operation.value.service : 0;
}

/** A backend, or one that somebody points to. */
function backendOf(operation: Operation): number {
  if (operation.map === "backends") return operation.key;
  if (operation.op === "delete") return 0;
  if (operation.map === "rings") return highest(operation.value.slots);
  return operation.map === "endpoints" ? operation.value.backend : 0;
}

function slotsOf(operation: Operation): number {
  return operation.map === "rings" && operation.op === "update" ? operation.value.slots.length : 0;
}

function rangesOf(operation: Operation): number {
  if (operation.op === "delete") return 0;
  if (operation.map === "services") return operation.value.sourceRanges?.length ?? 0;
  if (operation.map !== "config") return 0;
  const { ipv4, ipv6 } = operation.value.podRanges;
  return ipv4.length + ipv6.length;
}

function highest(numbers: ArrayLike<number>): number {
  let most = 0;
  for (let i = 0; i < numbers.length; i++) most = Math.max(most, numbers[i] as number);
  return most;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, number) => all + number, 0);
}
