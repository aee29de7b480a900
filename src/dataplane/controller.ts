/** What a dataplane asks of the control plane behind it. */
import type { ObjectSet } from "../control/kubernetes.ts";
import type { Retirement } from "./engine.ts";
import type { ControlState } from "./snapshot/control.ts";
import type { NumberedService } from "./statistics.ts";
import type { Transaction } from "./transaction.ts";

/** A change that the controller has worked out, and takes as done once the engine has taken it. */
export interface Plan {
  readonly transaction: Transaction;
  /** What its backends give up once it is done. */
  readonly retired: Retirement;
  commit(): void;
}

/** Turns objects into transactions; the control plane's reconciler. */
export interface Controller {
  /** Throws DataplaneError "bad-option" for what is no object set. */
  plan(objects: ObjectSet, engine: { connections(backend: number): number }): Plan;
  /** Gives a row to an interface that has none, if it needs one or is `wanted`. */
  planInterface(name: string, wanted?: boolean): Plan | undefined;
  /** Row of `interfaces`, 0 for a name without one. */
  interfaceRow(name: string): number;
  /** "ns/name:port". */
  serviceName(service: number): string | undefined;
  /** "ip:port". */
  backendName(backend: number): string | undefined;
  /** Those that only keep old connections included. */
  services(): Iterable<NumberedService>;
  /** What it knows of the maps, and taking over what another one knew. */
  save(): ControlState;
  load(state: ControlState): void;
}
