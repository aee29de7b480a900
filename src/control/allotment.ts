/** Service ports as they stand in the maps, with the numbers they were given. */
import type { Backend, RingName, Scheduler, Service, Vip } from "../dataplane/entries.ts";
import type { DesiredServicePort } from "./desired.ts";
import { createEndpointMap, type EndpointMap } from "./endpoint-map.ts";
import { createNumbers, type Numbers } from "./numbers.ts";

/** A service port as it stands in the maps. */
export interface Allotment {
  readonly number: number;
  /** Of two service ports the one that came later has the higher one. */
  readonly since: number;
  /** What it was made from; undefined once the service port is gone and only connections keep it. */
  readonly desired: DesiredServicePort | undefined;
  /** By "ip:port". */
  readonly backends: ReadonlyMap<string, NumberedBackend>;
  readonly rings: ReadonlyMap<RingName, MemberRing>;
  /** By key of the frontend. */
  readonly services: ReadonlyMap<string, { readonly vip: Vip; readonly value: Service }>;
  /** Names of backends that are in no ring and wait for their connections to end. */
  readonly draining: readonly string[];
}

/** A backend as it stands in the map. */
export interface NumberedBackend {
  readonly number: number;
  readonly value: Backend;
}

/** A ring as it stands in the map: its slots follow from the numbers of its backends. */
export interface MemberRing {
  readonly scheduler: Scheduler;
  readonly members: readonly number[];
}

/** All service ports as they stand in the maps. Nothing but the commit of a draft changes them. */
export interface Allotments {
  readonly byKey: Map<string, Allotment>;
  /** Keys of those with draining backends. */
  readonly draining: Set<string>;
  /** Keys of the frontends in the map. */
  readonly vips: Set<string>;
  readonly endpoints: EndpointMap;
  readonly serviceNumbers: Numbers;
  readonly backendNumbers: Numbers;
  /** For the next service port. */
  since: number;
}

/** Before the first change. */
export function createAllotments(): Allotments {
  return {
    byKey: new Map(),
    draining: new Set(),
    vips: new Set(),
    endpoints: createEndpointMap(),
    serviceNumbers: createNumbers(),
    backendNumbers: createNumbers(),
    since: 0,
  };
}
