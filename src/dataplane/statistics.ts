/**
 * Traffic by service port. The engine counts by numbers, which others are given later, and forgets a backend
 * with its row; what is said of a service port holds since it came, for every backend it has had.
 */
import type { BackendStatistics, ServiceStatistics, Traffic } from "./counters.ts";
import type { Engine } from "./engine.ts";
import type { Family, Proto } from "./entries.ts";
import { addTraffic, NO_TRAFFIC } from "./traffic.ts";
import { type Operation, printVip, type Transaction } from "./transaction.ts";

/** A service port as the controller has it. */
export interface NumberedService {
  readonly number: number;
  /** "ns/name:port". */
  readonly name: string;
  readonly family: Family;
  readonly proto: Proto;
  readonly backends: Iterable<{ readonly number: number; readonly name: string }>;
}

export interface Statistics {
  /** To be called before the engine takes a transaction; what it returns, once the engine has. */
  prepare(transaction: Transaction): () => void;
  read(services: Iterable<NumberedService>): ServiceStatistics[];
}

interface Account {
  /** Frontends and backends in the maps: without any, the number is free. */
  entries: number;
  /** Of backends that are gone. */
  past: Traffic;
  /** What the engine had counted under the number before. */
  readonly before: { readonly rejected: number; readonly dropped: number };
}

export function createStatistics(engine: Pick<Engine, "traffic" | "connections">): Statistics {
  const { traffic } = engine;
  const accounts = new Map<number, Account>();
  /** Entry -> number of its service port. */
  const owners = new Map<string, number>();

  function open(service: number): Account {
    const account = { entries: 0, past: NO_TRAFFIC, before: traffic.service(service) };
    accounts.set(service, account);
    return account;
  }

  /** `owner` is undefined for an entry that is gone. */
  function assign(entry: string, owner: number | undefined): void {
    const former = owners.get(entry);
    if (former === owner) return;
    if (owner === undefined) owners.delete(entry);
    else {
      owners.set(entry, owner);
      (accounts.get(owner) ?? open(owner)).entries++;
    }
    const left = accounts.get(former ?? 0);
    if (left) left.entries--;
  }

  function settle({ operations }: Transaction, past: ReadonlyMap<number, Traffic>): void {
    const touched = new Set<number>();
    for (const operation of operations) {
      const entry = entryOf(operation);
      if (entry === undefined) continue;
      touched.add(owners.get(entry) ?? 0);
      assign(entry, ownerOf(operation));
    }
    for (const service of touched) {
      const account = accounts.get(service);
      if (account?.entries === 0) accounts.delete(service);
      else if (account) account.past = addTraffic(account.past, past.get(service) ?? NO_TRAFFIC);
    }
  }

  /** Traffic of the backends that a transaction deletes, by service port. */
  function departing({ operations }: Transaction): Map<number, Traffic> {
    const past = new Map<number, Traffic>();
    for (const operation of operations) {
      if (operation.op !== "delete" || operation.map !== "backends") continue;
      const service = owners.get(String(operation.key)) ?? 0;
      const former = past.get(service) ?? NO_TRAFFIC;
      past.set(service, addTraffic(former, traffic.backend(operation.key)));
    }
    return past;
  }

  function readBackend({ number, name }: { number: number; name: string }): BackendStatistics {
    return { backend: name, active: engine.connections(number), ...traffic.backend(number) };
  }

  function readService({ number, name, family, proto, backends }: NumberedService) {
    const account = accounts.get(number);
    const now = traffic.service(number);
    const before = account?.before ?? now;
    const each = Array.from(backends, readBackend).sort((a, b) => (a.backend < b.backend ? -1 : 1));
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

  return {
    prepare(transaction) {
      const past = departing(transaction);
      return () => settle(transaction, past);
    },
    read: (services) => Array.from(services, readService).sort(byName),
  };
}

function entryOf(operation: Operation): string | undefined {
  if (operation.map === "backends") return String(operation.key);
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
