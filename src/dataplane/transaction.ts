/** A change of the dataplane's maps: printed for people, applied whole or not at all. */
import type { Entries } from "./entries.ts";

/** The maps that the control plane writes; conntrack and affinity belong to the packet path. */
export type ControlMap = "services" | "backends" | "rings" | "addresses" | "interfaces" | "config";

export type Operation = {
  [Name in ControlMap]:
    | { readonly op: "update"; readonly map: Name; readonly key: Entries[Name]["key"]; readonly value: Entries[Name]["value"]; readonly create: boolean; readonly label: string }
    | { readonly op: "delete"; readonly map: Name; readonly key: Entries[Name]["key"]; readonly label: string };
}[ControlMap];

export interface Transaction {
  readonly operations: readonly Operation[];
  /** What a reader should know: frontends claimed twice, objects of a kind that was skipped. */
  readonly warnings: readonly string[];
  readonly empty: boolean;
  /** One line per operation. */
  toString(): string;
}
