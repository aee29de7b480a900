/** The change from the entries that are in the maps to those that should be, while it is being worked out. */

import type { Usage } from "../dataplane/controller.ts";
import {
  type Backend,
  RINGS,
  type RingName,
  type Service,
  type Vip,
} from "../dataplane/entries.ts";
import type { Operation } from "../dataplane/transaction.ts";
import { formatEndpoint } from "../packet/address.ts";
import type { Allotment, Allotments, MemberRing, NumberedBackend } from "./allotment.ts";
import type { DesiredEndpoint, DesiredFrontend, DesiredServicePort } from "./desired.ts";
import { EndpointDraft } from "./endpoint-map.ts";
import { sameData, sameItems } from "./equality.ts";
import { buildTable } from "./maglev.ts";
import { NumberDraft } from "./numbers.ts";

/** Allotments that a change makes anew, by key; undefined where nothing is left. */
export type Changed = ReadonlyMap<string, Allotment | undefined>;

/** The change, gathered service port by service port; what is in the maps stays untouched until it is committed. */
export class Draft {
  readonly #before: Allotments;
  readonly #usage: Usage;
  readonly changed = new Map<string, Allotment | undefined>();
  /** Backends that leave all their rings. */
  readonly retired: number[] = [];
  readonly #serviceNumbers: NumberDraft;
  readonly #backendNumbers: NumberDraft;
  readonly #endpoints: EndpointDraft;
  #since: number;
  /** Frontends that this change writes, and those it takes away unless another service port writes them. */
  readonly #claimed = new Set<string>();
  readonly #dropped = new Map<string, { vip: Vip; label: string }>();
  readonly #backends: Operation[] = [];
  readonly #rings: Operation[] = [];
  readonly #services: Operation[] = [];
  readonly #ringDeletes: Operation[] = [];
  readonly #backendDeletes: Operation[] = [];

  constructor(before: Allotments, usage: Usage) {
    this.#before = before;
    this.#usage = usage;
    this.#serviceNumbers = new NumberDraft(before.serviceNumbers);
    this.#backendNumbers = new NumberDraft(before.backendNumbers);
    this.#endpoints = new EndpointDraft(before.endpoints);
    this.#since = before.since;
  }

  update(desired: DesiredServicePort): void {
    const before = this.#before.byKey.get(desired.key);
    if (before?.desired === desired) {
      this.drain(desired.key, before);
      return;
    }
    const number = before?.number ?? this.#serviceNumbers.take();
    const since = before?.since ?? this.#since++;
    const backends = this.#updateBackends(desired, number, before);
    const members = [...backends.values()];
    const draining = this.#retire(backends, before, desired.name);
    const rings = this.#updateRings(desired, number, members, before);
    const services = this.#updateServices(desired, number, before);
    this.changed.set(desired.key, { number, since, desired, backends, rings, services, draining });
  }

  /** Of a service port that stays as it is, backends whose last connection has ended. */
  drain(key: string, before: Allotment): void {
    if (!this.#hasEnded(before)) return;
    const backends = new Map(before.backends);
    for (const name of before.draining) backends.delete(name);
    const draining = this.#retire(backends, before, before.desired?.name ?? "");
    this.changed.set(key, { ...before, backends, draining });
  }

  #hasEnded({ backends, draining }: Allotment): boolean {
    return draining.some((name) => this.#isIdle(backends.get(name) as NumberedBackend));
  }

  /** A service port that is not desired any more keeps what its connections need. */
  remove(key: string, before: Allotment): void {
    if (before.desired === undefined && !this.#hasEnded(before)) return;
    const backends = new Map<string, NumberedBackend>();
    const name = before.desired?.name ?? "";
    const draining = this.#retire(backends, before, name);
    for (const ring of before.rings.keys()) this.#deleteRing(before.number, ring, name);
    this.#drop(before, new Set(), name);
    if (draining.length === 0) this.#serviceNumbers.release(before.number);
    const left = { desired: undefined, backends, rings: new Map(), services: new Map(), draining };
    this.changed.set(key, draining.length > 0 ? { ...before, ...left } : undefined);
  }

  /** First what is pointed to, then what points; the other way round when things go. */
  operations(others: readonly Operation[]): Operation[] {
    const gone = this.#droppedVips().map(
      ([, { vip, label }]): Operation => ({ op: "delete", map: "services", key: vip, label }),
    );
    return this.#backends.concat(
      this.#rings,
      this.#endpoints.operations(),
      others,
      this.#services,
      gone,
      this.#ringDeletes,
      this.#backendDeletes,
    );
  }

  /** Makes the change. */
  commit(): void {
    const { byKey, draining, vips } = this.#before;
    for (const [key, allotment] of this.changed) {
      if (allotment) byKey.set(key, allotment);
      else byKey.delete(key);
      if (allotment && allotment.draining.length > 0) draining.add(key);
      else draining.delete(key);
    }
    for (const key of this.#claimed) vips.add(key);
    for (const [key] of this.#droppedVips()) vips.delete(key);
    for (const part of [this.#endpoints, this.#serviceNumbers, this.#backendNumbers]) part.commit();
    this.#before.since = this.#since;
  }

  #droppedVips(): [string, { vip: Vip; label: string }][] {
    return [...this.#dropped].filter(([key]) => !this.#claimed.has(key));
  }

  #isIdle({ number }: NumberedBackend): boolean {
    return this.#usage.connections(number) === 0;
  }

  #updateBackends(
    desired: DesiredServicePort,
    service: number,
    before: Allotment | undefined,
  ): Map<string, NumberedBackend> {
    const backends = new Map<string, NumberedBackend>();
    for (const endpoint of desired.endpoints) {
      const known = before?.backends.get(endpoint.name);
      const isSame = known !== undefined && sameBackend(known.value, endpoint);
      const backend = isSame ? known : this.#number(desired, endpoint, service, known);
      backends.set(endpoint.name, backend);
      if (known && known.value.rings.length > 0) continue;
      this.#endpoints.add(endpoint.name, backend.value, backend.number);
    }
    return backends;
  }

  #number(
    desired: DesiredServicePort,
    endpoint: DesiredEndpoint,
    service: number,
    known: NumberedBackend | undefined,
  ): NumberedBackend {
    const number = known?.number ?? this.#backendNumbers.take();
    const value = backendOf(desired, endpoint, service);
    this.#writeBackend(number, value, !known, `${endpoint.name} of ${desired.name}`);
    return { number, value };
  }

  /** Adds the backends that are gone but have connections to `backends`, and returns their names. */
  #retire(
    backends: Map<string, NumberedBackend>,
    before: Allotment | undefined,
    service: string,
  ): readonly string[] {
    const draining: string[] = [];
    for (const [name, backend] of before?.backends ?? []) {
      if (backends.has(name)) continue;
      const kept = this.#retireOne(name, backend, service);
      if (!kept) continue;
      backends.set(name, kept);
      draining.push(name);
    }
    return draining;
  }

  #retireOne(
    name: string,
    { number, value }: NumberedBackend,
    service: string,
  ): NumberedBackend | undefined {
    const label = service === "" ? name : `${name} of ${service}`;
    const isMember = value.rings.length > 0;
    if (isMember) {
      this.retired.push(number);
      this.#endpoints.remove(name, value, number);
    }
    if (this.#isIdle({ number, value })) {
      this.#backendDeletes.push({ op: "delete", map: "backends", key: number, label });
      this.#backendNumbers.release(number);
      return undefined;
    }
    if (!isMember) return { number, value };
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
    if (known?.scheduler === scheduler && sameItems(known.members, members)) return known;
    const slots = scheduler === "maglev" ? buildTable(backends.map(nameOf), members) : members;
    const value = { scheduler, slots };
    const [create, label] = [!known, `of ${name}`];
    this.#rings.push({ op: "update", map: "rings", key, value, create, label });
    return { members, scheduler };
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
      this.#claimed.add(key);
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

/** Service port, family, protocol, address and port are those of the names they go by. */
function sameBackend(value: Backend, { rings, masquerade }: DesiredEndpoint): boolean {
  return value.masquerade === masquerade && sameItems(value.rings, rings);
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

function nameOf({ value }: NumberedBackend): string {
  return formatEndpoint(value.address, value.port);
}
