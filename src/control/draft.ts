/** The change from the entries that are in the maps to those that should be, while it is being worked out. */
import {
  type Backend,
  RINGS,
  type Ring,
  type RingName,
  type Service,
  type Vip,
} from "../dataplane/entries.ts";
import type { Operation } from "../dataplane/transaction.ts";
import { formatEndpoint } from "../packet/address.ts";
import type { DesiredEndpoint, DesiredFrontend, DesiredServicePort } from "./compile.ts";
import { EndpointDraft, type EndpointMap } from "./endpoint-map.ts";
import { sameData } from "./equality.ts";
import { buildTable } from "./maglev.ts";
import { NO_NUMBERS, NumberDraft, type Numbers } from "./numbers.ts";

/** Connections that a backend still has. */
export interface Usage {
  connections(backend: number): number;
}

/** A service port as it stands in the maps. */
export interface Allotment {
  readonly number: number;
  /** What it was made from; undefined once the service port is gone and only connections keep it. */
  readonly desired: DesiredServicePort | undefined;
  /** By "ip:port". */
  readonly backends: ReadonlyMap<string, NumberedBackend>;
  readonly rings: ReadonlyMap<RingName, MemberRing>;
  /** By key of the frontend. */
  readonly services: ReadonlyMap<string, { readonly vip: Vip; readonly value: Service }>;
  /** Some backends are in no ring and wait for their connections to end. */
  readonly draining: boolean;
}

/** A backend as it stands in the map. */
export interface NumberedBackend {
  readonly number: number;
  readonly value: Backend;
}

/** A ring as it stands in the map, and the numbers of the backends it was made from. */
export interface MemberRing {
  readonly members: readonly number[];
  readonly value: Ring;
}

/** All service ports as they stand in the maps. */
export interface Allotments {
  readonly byKey: ReadonlyMap<string, Allotment>;
  /** Keys of the frontends in the map. */
  readonly vips: ReadonlySet<string>;
  readonly serviceNumbers: Numbers;
  readonly backendNumbers: Numbers;
}

/** Allotments that a change makes anew, by key; undefined where nothing is left. */
export type Changed = ReadonlyMap<string, Allotment | undefined>;

/** Before the first change. */
export const NO_ALLOTMENTS: Allotments = {
  byKey: new Map(),
  vips: new Set(),
  serviceNumbers: NO_NUMBERS,
  backendNumbers: NO_NUMBERS,
};

/** The change, gathered service port by service port; what is in the maps stays untouched. */
export class Draft {
  readonly #before: Allotments;
  readonly #usage: Usage;
  readonly serviceNumbers: NumberDraft;
  readonly backendNumbers: NumberDraft;
  readonly changed = new Map<string, Allotment | undefined>();
  /** Frontends that this change writes, and those it takes away unless another service port writes them. */
  readonly claimed = new Set<string>();
  /** Backends that leave all their rings. */
  readonly retired: number[] = [];
  readonly endpoints: EndpointDraft;
  readonly #dropped = new Map<string, { vip: Vip; label: string }>();
  readonly #backends: Operation[] = [];
  readonly #rings: Operation[] = [];
  readonly #services: Operation[] = [];
  readonly #ringDeletes: Operation[] = [];
  readonly #backendDeletes: Operation[] = [];

  constructor(before: Allotments, endpoints: EndpointMap, usage: Usage) {
    this.#before = before;
    this.#usage = usage;
    this.endpoints = new EndpointDraft(endpoints);
    this.serviceNumbers = new NumberDraft(before.serviceNumbers);
    this.backendNumbers = new NumberDraft(before.backendNumbers);
  }

  update(desired: DesiredServicePort): void {
    const before = this.#before.byKey.get(desired.key);
    if (before?.desired === desired && !before.draining) return;
    const number = before?.number ?? this.serviceNumbers.take();
    const backends = this.#updateBackends(desired, number, before);
    const members = desired.endpoints.map(
      (endpoint) => backends.get(endpoint.name) as NumberedBackend,
    );
    const draining = this.#retire(backends, before, desired.name);
    const rings = this.#updateRings(desired, number, members, before);
    const services = this.#updateServices(desired, number, before);
    this.changed.set(desired.key, { number, desired, backends, rings, services, draining });
  }

  /** A service port that is not desired any more keeps what its connections need. */
  remove(key: string, before: Allotment): void {
    if (before.desired === undefined && !before.draining) return;
    const backends = new Map<string, NumberedBackend>();
    const name = before.desired?.name ?? "";
    const draining = this.#retire(backends, before, name);
    for (const ring of before.rings.keys()) this.#deleteRing(before.number, ring, name);
    this.#drop(before, new Set(), name);
    if (!draining) this.serviceNumbers.release(before.number);
    const left = {
      number: before.number,
      desired: undefined,
      backends,
      rings: new Map(),
      services: new Map(),
      draining,
    };
    this.changed.set(key, draining ? left : undefined);
  }

  /** First what is pointed to, then what points; the other way round when things go. */
  operations(others: readonly Operation[]): Operation[] {
    const gone = this.droppedVips().map(
      ([, { vip, label }]): Operation => ({ op: "delete", map: "services", key: vip, label }),
    );
    return [
      ...this.#backends,
      ...this.#rings,
      ...this.endpoints.operations(),
      ...others,
      ...this.#services,
      ...gone,
      ...this.#ringDeletes,
      ...this.#backendDeletes,
    ];
  }

  droppedVips(): [string, { vip: Vip; label: string }][] {
    return [...this.#dropped].filter(([key]) => !this.claimed.has(key));
  }

  #updateBackends(
    desired: DesiredServicePort,
    service: number,
    before: Allotment | undefined,
  ): Map<string, NumberedBackend> {
    const backends = new Map<string, NumberedBackend>();
    for (const endpoint of desired.endpoints) {
      const known = before?.backends.get(endpoint.name);
      const value = backendOf(desired, endpoint, service);
      const number = known?.number ?? this.backendNumbers.take();
      const isSame = known !== undefined && sameData(known.value, value);
      backends.set(endpoint.name, isSame ? known : { number, value });
      if (!known || known.value.rings.length === 0) this.endpoints.add(value, number);
      if (!isSame) this.#writeBackend(number, value, !known, `${endpoint.name} of ${desired.name}`);
    }
    return backends;
  }

  /** Adds the backends that are gone but have connections to `backends`; true when there are such. */
  #retire(
    backends: Map<string, NumberedBackend>,
    before: Allotment | undefined,
    service: string,
  ): boolean {
    let draining = false;
    for (const [name, backend] of before?.backends ?? []) {
      if (backends.has(name)) continue;
      const label = service === "" ? name : `${name} of ${service}`;
      const kept = this.#retireOne(backend, label);
      if (kept) backends.set(name, kept);
      draining ||= kept !== undefined;
    }
    return draining;
  }

  #retireOne({ number, value }: NumberedBackend, label: string): NumberedBackend | undefined {
    if (value.rings.length > 0) {
      this.retired.push(number);
      this.endpoints.remove(value, number);
    }
    if (this.#usage.connections(number) === 0) {
      this.#backendDeletes.push({ op: "delete", map: "backends", key: number, label });
      this.backendNumbers.release(number);
      return undefined;
    }
    if (value.rings.length === 0) return { number, value };
    const drained = { ...value, rings: [] };
    this.#writeBackend(number, drained, false, label);
    return { number, value: drained };
  }

  #writeBackend(key: number, value: Backend, create: boolean, label: string): void {
    this.#backends.push({ op: "update", map: "backends", key, value, create, label });
  }

  #updateRings(
    desired: DesiredServicePort,
    service: number,
    members: readonly NumberedBackend[],
    before: Allotment | undefined,
  ): Map<RingName, MemberRing> {
    const rings = new Map<RingName, MemberRing>();
    for (const name of RINGS) {
      const inRing = members.filter(({ value }) => value.rings.includes(name));
      const known = before?.rings.get(name);
      if (inRing.length > 0)
        rings.set(name, this.#updateRing(desired, { service, ring: name }, inRing, known));
      else if (known) this.#deleteRing(service, name, desired.name);
    }
    return rings;
  }

  #updateRing(
    { name, scheduler }: DesiredServicePort,
    key: { service: number; ring: RingName },
    backends: readonly NumberedBackend[],
    known: MemberRing | undefined,
  ): MemberRing {
    const members = backends.map(({ number }) => number);
    if (known?.value.scheduler === scheduler && sameData(known.members, members)) return known;
    const slots = scheduler === "maglev" ? maglevSlots(backends) : members;
    const value: Ring = { scheduler, slots };
    this.#rings.push({
      op: "update",
      map: "rings",
      key,
      value,
      create: !known,
      label: `of ${name}`,
    });
    return { members, value };
  }

  #deleteRing(service: number, ring: RingName, name: string): void {
    this.#ringDeletes.push({
      op: "delete",
      map: "rings",
      key: { service, ring },
      label: name === "" ? "" : `of ${name}`,
    });
  }

  #updateServices(
    desired: DesiredServicePort,
    service: number,
    before: Allotment | undefined,
  ): Allotment["services"] {
    const services = new Map<string, { vip: Vip; value: Service }>();
    for (const frontend of desired.frontends) {
      const { key, vip } = frontend;
      const known = before?.services.get(key);
      const value = serviceOf(frontend, desired, service);
      const isSame = known !== undefined && sameData(known.value, value);
      services.set(key, isSame ? known : { vip, value });
      this.claimed.add(key);
      if (isSame) continue;
      const create = !this.#before.vips.has(key);
      this.#services.push({
        op: "update",
        map: "services",
        key: vip,
        value,
        create,
        label: desired.name,
      });
    }
    this.#drop(before, services, desired.name);
    return services;
  }

  #drop(before: Allotment | undefined, kept: { has(key: string): boolean }, label: string): void {
    for (const [key, { vip }] of before?.services ?? [])
      if (!kept.has(key)) this.#dropped.set(key, { vip, label });
  }
}

function backendOf(
  { family, proto }: DesiredServicePort,
  endpoint: DesiredEndpoint,
  service: number,
): Backend {
  const { address, port, rings, masquerade } = endpoint;
  return { service, family, address, port, proto, rings, weight: 1, masquerade };
}

function serviceOf(
  { frontend, sourceRanges, routes }: DesiredFrontend,
  { affinity }: DesiredServicePort,
  service: number,
): Service {
  return { service, frontend, affinity, sourceRanges, routes };
}

function maglevSlots(backends: readonly NumberedBackend[]): number[] {
  const names = backends.map(({ value }) => formatEndpoint(value.address, value.port));
  return buildTable(names).map((index) => (backends[index] as NumberedBackend).number);
}
