/**
 * Desired entries against those in the maps. A plan is worked out first and becomes the state of the
 * reconciler when it is committed, after the engine has taken its transaction.
 */
import type { Retirement } from "../dataplane/engine.ts";
import type { Config } from "../dataplane/entries.ts";
import type { NumberedService } from "../dataplane/statistics.ts";
import { createTransaction, type Operation, type Transaction } from "../dataplane/transaction.ts";
import { formatEndpoint } from "../packet/address.ts";
import {
  type CompileOptions,
  createCompiler,
  type Desired,
  type DesiredAddress,
} from "./compile.ts";
import {
  type Allotment,
  type Allotments,
  type Changed,
  Draft,
  NO_ALLOTMENTS,
  type Usage,
} from "./draft.ts";
import type { EndpointMap } from "./endpoint-map.ts";
import { sameData } from "./equality.ts";
import { type InterfaceRows, interfaceOperations, interfaceRows } from "./interfaces.ts";
import type { ObjectSet } from "./kubernetes.ts";
import { retirementOf } from "./retirement.ts";

/** A step from one state of the maps to the next. */
export interface Plan {
  readonly transaction: Transaction;
  /** What is to be forgotten once the transaction is in the maps. */
  readonly retired: Retirement;
  /** Takes the plan as done. Throws when another plan was committed since this one was made. */
  commit(): void;
}

/** Knows what is in the maps; how it came there is the engine's work. */
export interface Reconciler {
  /** What brings the maps from their present state to the one the objects ask for. */
  plan(objects: ObjectSet, usage: Usage): Plan;
  /**
   * A row for an interface that the local-traffic detector takes for a pod's and that has none yet;
   * undefined when `interfaceRow` is right as it is.
   */
  planInterface(name: string): Plan | undefined;
  /** Row of `interfaces`; 0 when the interface has none. */
  interfaceRow(name: string): number;
  /** "ns/name:port"; known until the number is given to another. */
  serviceName(service: number): string | undefined;
  /** "ip:port" or "[ip]:port"; known until the number is given to another. */
  backendName(backend: number): string | undefined;
  /** The service ports there are, those that only keep old connections included, and their backends by name. */
  services(): Iterable<NumberedService>;
}

interface State {
  readonly allotments: Allotments;
  readonly addresses: ReadonlyMap<string, DesiredAddress>;
  readonly interfaces: InterfaceRows;
  readonly config: Config | undefined;
  readonly isPodInterface: (name: string) => boolean;
}

const NOTHING: State = {
  allotments: NO_ALLOTMENTS,
  addresses: new Map(),
  interfaces: [],
  config: undefined,
  isPodInterface: () => false,
};

const NOTHING_RETIRED: Retirement = { udp: [], clients: [] };

/** What a reconciler remembers. */
interface Ledger {
  state: State;
  /** Rows of `state.interfaces` by name. */
  rows: ReadonlyMap<string, number>;
  readonly endpoints: EndpointMap;
  readonly names: Names;
}

/** Throws DataplaneError "bad-option" for a network or sysctls that mean nothing. */
export function createReconciler(options: CompileOptions = {}): Reconciler {
  const compile = createCompiler(options);
  const names = createNames();
  const ledger: Ledger = { state: NOTHING, rows: new Map(), endpoints: new Map(), names };
  return {
    plan: (objects, usage) => planDesired(ledger, compile(objects), usage),
    planInterface: (name) => planInterface(ledger, name),
    interfaceRow: (name) => ledger.rows.get(name) ?? 0,
    serviceName: names.service,
    backendName: names.backend,
    services: () => numberedServices(ledger.state.allotments, names.service),
  };
}

function planDesired(ledger: Ledger, desired: Desired, usage: Usage): Plan {
  const { state, endpoints, names } = ledger;
  const draft = draftOf(state.allotments, endpoints, desired, usage);
  const interfaces = interfaceRows(state.interfaces, desired);
  const next = nextState(state.allotments, draft, interfaces, desired);
  const operations = operationsOf(state, next, draft, desired);
  const transaction = createTransaction(operations, desired.warnings);
  const [before, after] = [state.allotments.byKey, next.allotments.byKey];
  const retired = retirementOf(before, after, draft.changed, draft.retired);
  return planOf(ledger, transaction, retired, () => {
    draft.endpoints.commit();
    for (const allotment of draft.changed.values()) if (allotment) names.note(allotment);
    return next;
  });
}

function operationsOf(state: State, next: State, draft: Draft, desired: Desired): Operation[] {
  return draft.operations([
    ...interfaceOperations(state.interfaces, next.interfaces),
    ...addressOperations(state.addresses, desired),
    ...configOperations(state.config, desired.config),
  ]);
}

function planInterface(ledger: Ledger, name: string): Plan | undefined {
  const { state, rows } = ledger;
  if (rows.has(name) || !state.isPodInterface(name)) return undefined;
  const interfaces = [...state.interfaces, podInterface(name, state.interfaces)];
  const transaction = createTransaction(interfaceOperations(state.interfaces, interfaces));
  return planOf(ledger, transaction, NOTHING_RETIRED, () => ({ ...state, interfaces }));
}

/** `advance` takes the plan over and says what the state is then. */
function planOf(
  ledger: Ledger,
  transaction: Transaction,
  retired: Retirement,
  advance: () => State,
): Plan {
  const before = ledger.state;
  const commit = () => {
    if (ledger.state !== before)
      throw new Error("the plan is out of date: another one was committed after it was made");
    ledger.state = advance();
    ledger.rows = new Map(ledger.state.interfaces.map(({ name }, row) => [name, row]));
  };
  return { transaction, retired, commit };
}

function* numberedServices(
  { byKey }: Allotments,
  nameOf: (service: number) => string | undefined,
): IterableIterator<NumberedService> {
  for (const { number, desired, backends } of byKey.values()) {
    const values = [...backends].map(([name, backend]) => ({ name, number: backend.number }));
    const any = desired ?? [...backends.values()][0]?.value;
    if (any) {
      const { family, proto } = any;
      yield { number, name: nameOf(number) ?? "", family, proto, backends: values };
    }
  }
}

function draftOf(
  allotments: Allotments,
  endpoints: EndpointMap,
  { servicePorts }: Desired,
  usage: Usage,
): Draft {
  const draft = new Draft(allotments, endpoints, usage);
  const desired = new Set<string>();
  for (const port of servicePorts) {
    desired.add(port.key);
    draft.update(port);
  }
  for (const [key, allotment] of allotments.byKey)
    if (!desired.has(key)) draft.remove(key, allotment);
  return draft;
}

function nextState(
  before: Allotments,
  draft: Draft,
  interfaces: InterfaceRows,
  desired: Desired,
): State {
  return {
    allotments: {
      byKey: changedMap(before.byKey, draft.changed),
      vips: changedSet(before.vips, draft),
      serviceNumbers: draft.serviceNumbers.outcome(),
      backendNumbers: draft.backendNumbers.outcome(),
    },
    addresses: addressMap(desired.addresses),
    interfaces,
    config: desired.config,
    isPodInterface: desired.isPodInterface,
  };
}

function changedMap(
  before: ReadonlyMap<string, Allotment>,
  changed: Changed,
): ReadonlyMap<string, Allotment> {
  const after = new Map(before);
  for (const [key, allotment] of changed) {
    if (allotment) after.set(key, allotment);
    else after.delete(key);
  }
  return after;
}

function changedSet(before: ReadonlySet<string>, draft: Draft): ReadonlySet<string> {
  const after = new Set(before);
  for (const key of draft.claimed) after.add(key);
  for (const [key] of draft.droppedVips()) after.delete(key);
  return after;
}

function addressMap(addresses: readonly DesiredAddress[]): ReadonlyMap<string, DesiredAddress> {
  return new Map(addresses.map((address) => [address.address, address]));
}

function addressOperations(
  before: ReadonlyMap<string, DesiredAddress>,
  { addresses }: Desired,
): Operation[] {
  const after = addressMap(addresses);
  const updates = addresses.filter((address) => !sameData(before.get(address.address), address));
  const deletes = [...before.values()].filter(({ address }) => !after.has(address));
  return [
    ...updates.map(
      ({ family, address, nodePorts }): Operation => ({
        op: "update",
        map: "addresses",
        key: { family, address },
        value: { nodePorts },
        create: !before.has(address),
        label: "",
      }),
    ),
    ...deletes.map(
      ({ family, address }): Operation => ({
        op: "delete",
        map: "addresses",
        key: { family, address },
        label: "",
      }),
    ),
  ];
}

function configOperations(before: Config | undefined, value: Config): Operation[] {
  if (sameData(before, value)) return [];
  return [
    { op: "update", map: "config", key: "config", value, create: before === undefined, label: "" },
  ];
}

function podInterface(name: string, rows: InterfaceRows) {
  const { ipv4, ipv6 } = rows[0] ?? { ipv4: "", ipv6: "" };
  return { name, pod: true, ipv4, ipv6 };
}

/** By number. They outlive their entries: an event may be read after its backend is gone. */
interface Names {
  note(allotment: Allotment): void;
  service(number: number): string | undefined;
  backend(number: number): string | undefined;
}

function createNames(): Names {
  const services: string[] = [];
  const backends: string[] = [];
  return {
    note: ({ number, desired, backends: numbered }) => {
      if (desired) services[number] = desired.name;
      for (const { number: backend, value } of numbered.values())
        backends[backend] = formatEndpoint(value.address, value.port);
    },
    service: (number) => services[number],
    backend: (number) => backends[number],
  };
}
