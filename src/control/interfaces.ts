/** Rows of the `interfaces` map: row 0 for an unknown interface, then one per name, never given out again. */
import type { Interface } from "../dataplane/entries.ts";
import type { Operation } from "../dataplane/transaction.ts";
import type { DesiredNode } from "./desired.ts";
import { sameData } from "./equality.ts";
import { isPodInterface } from "./pod-interfaces.ts";

export type InterfaceRows = readonly Interface[];

/** The rows after an apply: those there were, then interfaces of the node that are new. */
export function interfaceRows(before: InterfaceRows, desired: DesiredNode): InterfaceRows {
  const names = new Set([
    "",
    ...before.map(({ name }) => name),
    ...desired.links.map(({ name }) => name),
  ]);
  const links = new Map(desired.links.map((link) => [link.name, link]));
  return [...names].map((name) => ({
    name,
    pod: isPodInterface(desired.podInterfaces, name),
    ipv4: (links.get(name) ?? desired.primary).ipv4,
    ipv6: (links.get(name) ?? desired.primary).ipv6,
  }));
}

export function interfaceOperations(before: InterfaceRows, after: InterfaceRows): Operation[] {
  return after.flatMap((value, key): Operation[] => {
    const create = before[key] === undefined;
    const label = value.name === "" ? "unknown" : value.name;
    return sameData(before[key], value)
      ? []
      : [{ op: "update", map: "interfaces", key, value, create, label }];
  });
}
