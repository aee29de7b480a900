/**
 * Desired entries against those in the maps. A plan is worked out first and becomes the state of the
 * reconciler when it is committed, after the engine has taken its transaction.
 */
import type { Controller, Plan, Usage } from "../dataplane/controller.ts";
import type { Retirement } from "../dataplane/engine.ts";
import type { Config } from "../dataplane/entries.ts";
import type { NumberedService } from "../dataplane/statistics.ts";
import { createTransaction, type Operation, type Transaction } from "../dataplane/transaction.ts";
import type { Allotment, Allotments } from "./allotment.ts";
import type { CompileOptions, Revision } from "./compile.ts";
import { Draft } from "./draft.ts";
import { sameData } from "./equality.ts";
import * as inheritance from "./inheritance.ts";
import { interfaceOperations } from "./interfaces.ts";
import {
  createLedger,
  enter,
  type Ledger,
  type NodeEntries,
  nodeEntries,
  noteNames,
} from "./ledger.ts";
import { isPodInterface } from "./pod-interfaces.ts";
import { retirementOf } from "./retirement.ts";

/** Row 0 while the node is not known. */
const UNKNOWN = { name: "", pod: false, ipv4: "", ipv6: "" };
const NOTHING_RETIRED: Retirement = { udp: [], clients: [] };

/** Throws DataplaneError "bad-option" for a network or sysctls that mean nothing. */
export function createReconciler(options: CompileOptions = {}): Controller {
  const ledger = createLedger(options);
  const serviceName = (service: number) => ledger.names.services[service];
  return {
    plan: (objects, usage) => planRevision(ledger, ledger.compile(objects), usage),
    planInterface: (name, wanted) => planInterface(ledger, name, wanted),
    interfaceRow: (name) => ledger.rows.get(name) ?? 0,
    serviceName,
    backendName: (backend) => ledger.names.backends[backend],
    services: () => numberedServices(ledger.allotments, serviceName),
    save: () => inheritance.save(ledger),
    load: (state) => inheritance.load(ledger, options, state),
  };
}

function planRevision(ledger: Ledger, revision: Revision, usage: Usage): Plan {
  const { allotments, names } = ledger;
  const draft = draftOf(allotments, revisedPorts(ledger, revision), usage);
  const node = nodeEntries(ledger.node, revision.node);
  const operations = draft.operations(nodeOperations(ledger.node, node));
  const transaction = createTransaction(operations, revision.warnings);
  const draining = () => drainingAfter(allotments, draft.changed);
  const retired = retirementOf(allotments.byKey, draft.changed, draining, draft.retired);
  return planOf(ledger, transaction, retired, () => {
    revision.commit();
    draft.commit();
    for (const allotment of draft.changed.values()) if (allotment) noteNames(names, allotment);
    ledger.inherited = false;
    enter(ledger, node);
  });
}

/** A compiler tells what goes of that which it knows; what it was never told of goes unless it comes again. */
function revisedPorts(
  { inherited, allotments: { byKey } }: Ledger,
  { servicePorts }: Revision,
): Revision["servicePorts"] {
  if (!inherited) return servicePorts;
  const gone = [...byKey.keys()].filter((key) => !servicePorts.has(key));
  return new Map([...gone.map((key) => [key, undefined] as const), ...servicePorts]);
}

function planInterface(ledger: Ledger, name: string, wanted = false): Plan | undefined {
  const { node, rows } = ledger;
  const pod = isPodInterface(node.podInterfaces, name);
  if (rows.has(name) || !(pod || wanted)) return undefined;
  const [unknown = UNKNOWN, ...named] = node.interfaces;
  const { ipv4, ipv6 } = unknown;
  const interfaces = [unknown, ...named, { name, pod, ipv4, ipv6 }];
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

function nodeOperations(before: NodeEntries, after: NodeEntries): Operation[] {
  if (before === after) return [];
  return [
    ...interfaceOperations(before.interfaces, after.interfaces),
    ...addressOperations(before.addresses, after.addresses),
    ...configOperations(before.config, after.config as Config),
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
