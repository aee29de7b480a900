/**
 * Traffic by service port. The engine counts by numbers, which others are given later, and forgets a backend
 * with its row; what is said of a service port holds since it came, for every backend it has had.
 */
import {
  addTraffic,
  type BackendStatistics,
  NO_TRAFFIC,
  type ServiceStatistics,
  type Traffic,
} from "./counters.ts";
import type { Engine } from "./engine.ts";
import type { Family, Proto } from "./entries.ts";
import type { ServicePortState } from "./snapshot/control.ts";
import { type Operation, printVip, type Transaction } from "./transaction.ts";

/** A service port as the controller has it. */
export interface NumberedService {
  readonly number: number;
  /** "ns/name:port". */
  readonly name: string;
  readonly family: Family;
  readonly proto: Proto;
  readonly backends: Iterable<NumberedBackend>;
}

interface NumberedBackend {
  readonly number: number;
  readonly name: string;
}

interface Account {
  /** Frontends and backends in the maps: without any, the number is free. */
  entries: number;
  /** Of backends that are gone. */
  past: Traffic;
  /** What the engine had counted under the number before. */
  readonly before: { readonly rejected: number; readonly dropped: number };
}

/** What is known of a service port beside what the engine counts. */
export interface AccountState {
  /** Number of the service port. */
  readonly service: number;
  readonly past: Traffic;
  readonly before: Account["before"];
}

/** The service ports of a dataplane, each from its first entry to its last. */
export class Statistics {
  readonly #engine: Pick<Engine, "traffic" | "connections">;
  readonly #accounts = new Map<number, Account>();
  /** Backend, or vip as a text -> number of its service port. */
  readonly #owners = new Map<string | number, number>();

  constructor(engine: Pick<Engine, "traffic" | "connections">) {
    this.#engine = engine;
  }

  /** To be called before the engine takes a transaction; what it returns, once the engine has. */
  prepare({ operations }: Transaction): () => void {
    const past = this.#departing(operations);
    return () => {
      for (const service of this.#assignAll(operations)) this.#settle(service, past.get(service));
    };
  }

  /** In the order of their names. */
  read(services: Iterable<NumberedService>): ServiceStatistics[] {
    return Array.from(services, (service) => this.#readService(service)).sort(byName);
  }

  save(): AccountState[] {
    return Array.from(this.#accounts, ([service, { past, before }]) => ({ service, past, before }));
  }

  /** Goes on from what another one knew of the entries that these service ports have. */
  load(ports: readonly ServicePortState[], accounts: readonly AccountState[]): void {
    this.#owners.clear();
    this.#accounts.clear();
    for (const { number: service, backends, services } of ports) {
      for (const { number } of backends) this.#assign(number, service);
      for (const { vip } of services) this.#assign(printVip(vip), service);
    }
    for (const { service, past, before } of accounts) {
      const entries = this.#accounts.get(service)?.entries ?? 0;
      this.#accounts.set(service, { entries, past, before });
    }
  }

  /** Traffic of the backends that are to be deleted, by service port. */
  #departing(operations: readonly Operation[]): Map<number, Traffic> {
    const past = new Map<number, Traffic>();
    for (const operation of operations) {
      if (operation.op !== "delete" || operation.map !== "backends") continue;
      const service = this.#owners.get(operation.key) ?? 0;
      const former = past.get(service) ?? NO_TRAFFIC;
      past.set(service, addTraffic(former, this.#engine.traffic.backend(operation.key)));
    }
    return past;
  }

  /** The service ports that had the entries before. */
  #assignAll(operations: readonly Operation[]): Set<number> {
    const touched = new Set<number>();
    for (const operation of operations) {
      const entry = entryOf(operation);
      if (entry === undefined) continue;
      touched.add(this.#owners.get(entry) ?? 0);
      this.#assign(entry, ownerOf(operation));
    }
    return touched;
  }

  /** `owner` is undefined for an entry that is gone. */
  #assign(entry: string | number, owner: number | undefined): void {
    const former = this.#owners.get(entry);
    if (former === owner) return;
    if (owner === undefined) this.#owners.delete(entry);
    else {
      this.#owners.set(entry, owner);
      this.#accountOf(owner).entries++;
    }
    const left = this.#accounts.get(former ?? 0);
    if (left) left.entries--;
  }

  #accountOf(service: number): Account {
    const known = this.#accounts.get(service);
    if (known) return known;
    const before = this.#engine.traffic.service(service);
    const fresh: Account = { entries: 0, past: NO_TRAFFIC, before };
    this.#accounts.set(service, fresh);
    return fresh;
  }

  #settle(service: number, departed = NO_TRAFFIC): void {
    const account = this.#accounts.get(service);
    if (account?.entries === 0) this.#accounts.delete(service);
    else if (account) account.past = addTraffic(account.past, departed);
  }

  #readService({ number, name, family, proto, backends }: NumberedService): ServiceStatistics {
    const account = this.#accounts.get(number);
    const now = this.#engine.traffic.service(number);
    const before = account?.before ?? now;
    const each = this.#readBackends(backends);
    return {
      service: name,
      family,
      proto,
      ...each.reduce<Traffic>(addTraffic, account?.past ?? NO_TRAFFIC),
      rejected: now.rejected - before.rejected,
      dropped: now.dropped - before.dropped,
      backends: each,
    };
  }

  #readBackends(backends: Iterable<NumberedBackend>): BackendStatistics[] {
    const engine = this.#engine;
    return Array.from(backends, ({ number, name }) => {
      return {
        backend: name,
        active: engine.connections(number),
        ...engine.traffic.backend(number),
      };
    }).sort((a, b) => (a.backend < b.backend ? -1 : 1));
  }
}

function entryOf(operation: Operation): string | number | undefined {
  if (operation.map === "backends") return operation.key;
  return operation.map === "services" ? printVip(operation.key) : undefined;
}

function ownerOf(operation: Operation): number | undefined {
  if (operation.op === "delete") return undefined;
  return operation.map === "backends" || operation.map === "services"
    ? operation.value.service
    : undefined;
}

/** A service port of both families has one name. */
function byName(a: ServiceStatistics, b: ServiceStatistics): number {
  const [first, second] = [a, b].map(({ service, family }) => `${service} ${family}`);
  return (first as string) < (second as string) ? -1 : 1;
}
