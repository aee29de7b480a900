/**
 * What a controller knows of the maps it fills: enough for another one to tell what a later apply changes, with the
 * same numbers for the same things.
 */
import type {
  Backend,
  Config,
  Family,
  Interface,
  Proto,
  Scheduler,
  Service,
  Vip,
} from "../entries.ts";

export interface ControlState {
  /** Null before the first apply. */
  readonly node: NodeState | null;
  /** Rows of the map. */
  readonly interfaces: readonly Interface[];
  readonly servicePorts: readonly ServicePortState[];
  readonly serviceNumbers: NumbersState;
  readonly backendNumbers: NumbersState;
  /** For the next service port, see ServicePortState. */
  readonly since: number;
  readonly serviceNames: readonly NumberedName[];
  /** Of backends that no service port has any more. */
  readonly backendNames: readonly NumberedName[];
}

export interface NumberedName {
  readonly number: number;
  readonly name: string;
}

export interface NodeState {
  readonly addresses: readonly {
    readonly family: Family;
    readonly address: string;
    readonly nodePorts: boolean;
  }[];
  readonly config: Config;
  readonly podInterfaces: PodInterfaces;
}

/** Interfaces behind which pods are: none, the one of that name, or those whose names begin so. */
export type PodInterfaces =
  | { readonly kind: "none" }
  | { readonly kind: "name" | "prefix"; readonly text: string };

export interface NumbersState {
  /** Never given out so far, and all behind it. */
  readonly next: number;
  /** Free again, in the order in which they are taken next. */
  readonly freed: readonly number[];
}

/** A service port as it stands in the maps. */
export interface ServicePortState {
  readonly key: string;
  readonly number: number;
  /** Of two service ports the one that came later has the higher one. */
  readonly since: number;
  /** Null once it is gone and only connections keep it. */
  readonly desired: DesiredState | null;
  /** In their order; those in no ring wait for their connections to end. */
  readonly backends: readonly { readonly number: number; readonly value: Backend }[];
  readonly services: readonly { readonly vip: Vip; readonly value: Service }[];
}

/** What frontends and backends do not say. */
export interface DesiredState {
  readonly name: string;
  readonly family: Family;
  readonly proto: Proto;
  readonly affinity: number;
  readonly scheduler: Scheduler;
  /** Addresses of the endpoints that serve. */
  readonly serving: readonly string[];
}
