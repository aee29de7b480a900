/** What a dataplane asks of the control plane behind it. */
import type { ObjectSet } from "../control/kubernetes.ts";
import type { Retirement } from "./engine.ts";
import type { ControlState } from "./snapshot/control.ts";
import type { NumberedService } from "./statistics.ts";
import type { Transaction } from "./transaction.ts";

/** A step from one state of the maps to the next: worked out first, and taken as done once the engine has taken it. */
export interface Plan {
  readonly transaction: Transaction;
  /** What its backends give up once it is done. */
  readonly retired: Retirement;
  /** Takes the plan as done. Throws when another plan was committed since this one was made. */
  commit(): void;
}

/** Connections that a backend still has. */
export interface Usage {
  connections(backend: number): number;
}

/** Turns objects into transactions, knowing what is in the maps: the control plane's reconciler. */
export interface Controller {
  /**
   * What brings the maps from their present state to the one the objects ask for. Throws DataplaneError "bad-option"
   * for what is no object set.
   */
  plan(objects: ObjectSet, usage: Usage): Plan;
  /**
   * A row for an interface that has none yet, if it is `wanted` or the local-traffic detector takes it for a pod's;
   * undefined when `interfaceRow` is right as it is.
   */
  planInterface(name: string, wanted?: boolean): Plan | undefined;
  /** Row of `interfaces`; 0 when the interface has none. */
  interfaceRow(name: string): number;
  /** "ns/name:port"; known until the number is given to another. */
  serviceName(service: number): string | undefined;
  /** "ip:port" or "[ip]:port"; known until the number is given to another. */
  backendName(backend: number): string | undefined;
  /** The service ports there are, those that only keep old connections included, and their backends by name. */
  services(): Iterable<NumberedService>;
  /** What it knows of the maps. */
  save(): ControlState;
  /** Takes what another one knew in place of all it knows. The next plan is worked out from every object anew. */
  load(state: ControlState): void;
}
