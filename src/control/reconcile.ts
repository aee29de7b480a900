/**
 * Desired entries against those in the maps. A plan is worked out first and becomes the state of the
 * reconciler when it is committed, after the engine has taken its transaction.
 */
import type { Retirement } from "../dataplane/engine.ts";
import type { Config } from "../dataplane/entries.ts";
import type { NumberedService } from "../dataplane/statistics.ts";
import { createTransaction, type Operation, type Transaction } from "../dataplane/transaction.ts";
import { type Allotment, type Allotments, createAllotments } from "./allotment.ts";
import { type CompileOptions, createCompiler, type Revision } from "./compile.ts";
import type { DesiredAddress, DesiredNode } from "./desired.ts";
import { Draft, type Usage } from "./draft.ts";
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

/** The node as it stands in the maps. */
interface NodeEntries {
  /** What they were made from. */
  readonly desired: DesiredNode | undefined;
  readonly addresses: ReadonlyMap<string, DesiredAddress>;
  readonly interfaces: InterfaceRows;
}

const NOTHING: NodeEntries = { desired: undefined, addresses: new Map(), interfaces: [] };
const NOTHING_RETIRED: Retirement = { udp: [], clients: [] };

/** What a reconciler remembers. Nothing but the commit of a plan changes it. */
interface Ledger {
  /** How many plans were committed. */
  commits: number;
  node: NodeEntries;
  /** Rows of `node.interfaces` by name. */
  rows: ReadonlyMap<string, number>;
  readonly allotments: Allotments;
  readonly names: Names;
}

/** Throws DataplaneError "bad-option" for a network or sysctls that mean nothing. */
export function createReconciler(options: CompileOptions = {}): Reconciler {
  const compile = createCompiler(options);
  const names = createNames();
  const allotments = createAllotments();
  const ledger: Ledger = { commits: 0, node: NOTHING, rows: new Map(), allotments, names };
  return {
    plan: (objects, usage) => planRevision(ledger, compile(objects), usage),
    planInterface: (name) => planInterface(ledger, name),
    interfaceRow: (name) => ledger.rows.get(name) ?? 0,
    serviceName: names.service,
    backendName: names.backend,
    services: () => numberedServices(allotments, names.service),
  };
}

function planRevision(ledger: Ledger, revision: Revision, usage: Usage): Plan {
  const { allotments, names } = ledger;
  const draft = draftOf(allotments, revision.servicePorts, usage);
  const node = nodeEntries(ledger.node, revision.node);
  const operations = draft.operations(nodeOperations(ledger.node, node));
  const transaction = createTransaction(operations, revision.warnings);
  const draining = () => drainingAfter(allotments, draft.changed);
  const retired = retirementOf(allotments.byKey, draft.changed, draining, draft.retired);
  return planOf(ledger, transaction, retired, () => {
    revision.commit();
    draft.commit();
    for (const allotment of draft.changed.values()) if (allotment) names.note(allotment);
    enter(ledger, node);
  });
}

function planInterface(ledger: Ledger, name: string): Plan | undefined {
  const { node, rows } = ledger;
  if (rows.has(name) || !node.desired?.isPodInterface(name)) return undefined;
  const interfaces = [...node.interfaces, podInterface(name, node.interfaces)];
  const transaction = createTransaction(interfaceOperations(node.interfaces, interfaces));
  return planOf(ledger, transaction, NOTHING_RETIRED, () => enter(ledger, { ...node, interfaces }));
}

function planOf(
  ledger: Ledger,
  transaction: Transaction,
  retired: Retirement,
  take: () => void,
): Plan {
  const { commits } = ledger;
  const commit = () => {
    if (ledger.commits !== commits)
      throw new Error("the plan is out of date: another one was committed after it was made");
    ledger.commits += 1;
    take();
  };
  return { transaction, retired, commit };
}

function enter(ledger: Ledger, node: NodeEntries): void {
  if (node === ledger.node) return;
  ledger.node = node;
  ledger.rows = new Map(node.interfaces.map(({ name }, row) => [name, row]));
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

/** In the order of names, so that numbers do not depend on the order of objects; what goes, in the order it came. */
function draftOf(allotments: Allotments, revised: Revision["servicePorts"], usage: Usage): Draft {
  const draft = new Draft(allotments, usage);
  const { staying, going } = concerned(allotments, revised);
  for (const key of staying) {
    const desired = revised.get(key);
    if (desired) draft.update(desired);
    else draft.drain(key, allotments.byKey.get(key) as Allotment);
  }
  for (const [key, allotment] of going) draft.remove(key, allotment);
  return draft;
}

/** Service ports that the objects have something new for, and those with backends whose connections may have ended. */
function concerned({ byKey, draining }: Allotments, revised: Revision["servicePorts"]) {
  const staying: string[] = [];
  const going: [string, Allotment][] = [];
  const sort = (key: string, stays: boolean) => {
    const allotment = byKey.get(key);
    if (stays) staying.push(key);
    else if (allotment) going.push([key, allotment]);
  };
  for (const [key, desired] of revised) sort(key, desired !== undefined);
  for (const key of draining)
    if (!revised.has(key)) sort(key, byKey.get(key)?.desired !== undefined);
  return { staying: staying.sort(), going: going.sort(([, a], [, b]) => a.since - b.since) };
}

/** Service ports with draining backends as they will be. */
function* drainingAfter({ byKey, draining }: Allotments, changed: Draft["changed"]) {
  for (const key of new Set([...draining, ...changed.keys()])) {
    const allotment = changed.has(key) ? changed.get(key) : byKey.get(key);
    if (allotment) yield allotment;
  }
}

/** `before` itself while the node is the same. */
function nodeEntries(before: NodeEntries, desired: DesiredNode): NodeEntries {
  if (before.desired === desired) return before;
  const addresses = new Map(desired.addresses.map((address) => [address.address, address]));
  return { desired, addresses, interfaces: interfaceRows(before.interfaces, desired) };
}

function nodeOperations(before: NodeEntries, after: NodeEntries): Operation[] {
  if (before === after) return [];
  return [
    ...interfaceOperations(before.interfaces, after.interfaces),
    ...addressOperations(before.addresses, after.addresses),
    ...configOperations(before.desired?.config, after.desired?.config as Config),
  ];
}

function addressOperations(
  before: NodeEntries["addresses"],
  after: NodeEntries["addresses"],
): Operation[] {
  const updates = [...after.values()].filter((each) => !sameData(before.get(each.address), each));
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
      for (const [name, { number: backend }] of numbered) backends[backend] = name;
    },
    service: (number) => services[number],
    backend: (number) => backends[number],
  };
}
