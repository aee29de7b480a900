/** What a reconciler remembers: what is in the maps, and whose it is. */

import type { Config } from "../dataplane/entries.ts";
import type { PodInterfaces } from "../dataplane/snapshot/control.ts";
import { type Allotment, type Allotments, createAllotments } from "./allotment.ts";
import { type CompileOptions, type Compiler, createCompiler } from "./compile.ts";
import type { DesiredAddress, DesiredNode } from "./desired.ts";
import { type InterfaceRows, interfaceRows } from "./interfaces.ts";

/** The node as it stands in the maps. */
export interface NodeEntries {
  /** What they were made from; undefined when another process has made them, or nobody yet. */
  readonly desired: DesiredNode | undefined;
  readonly config: Config | undefined;
  readonly podInterfaces: PodInterfaces;
  readonly addresses: ReadonlyMap<string, DesiredAddress>;
  readonly interfaces: InterfaceRows;
}

const NOTHING: NodeEntries = {
  desired: undefined,
  config: undefined,
  podInterfaces: { kind: "none" },
  addresses: new Map(),
  interfaces: [],
};

/** Nothing but the commit of a plan changes it, and taking over another's. */
export interface Ledger {
  /** How many plans were committed. */
  commits: number;
  compile: Compiler;
  /** Service ports are there that the compiler has not been told of: its next revision says which of them stay. */
  inherited: boolean;
  node: NodeEntries;
  /** Rows of `node.interfaces` by name. */
  rows: ReadonlyMap<string, number>;
  allotments: Allotments;
  names: Names;
}

/** Throws as `createCompiler`. */
export function createLedger(options: CompileOptions): Ledger {
  return {
    commits: 0,
    compile: createCompiler(options),
    inherited: false,
    node: NOTHING,
    rows: new Map(),
    allotments: createAllotments(),
    names: createNames(),
  };
}

export function enter(ledger: Ledger, node: NodeEntries): void {
  if (node === ledger.node) return;
  ledger.node = node;
  ledger.rows = new Map(node.interfaces.map(({ name }, row) => [name, row]));
}

/** `before` itself while the node is the same. */
export function nodeEntries(before: NodeEntries, desired: DesiredNode): NodeEntries {
  if (before.desired === desired) return before;
  const { config, podInterfaces } = desired;
  const addresses = new Map(desired.addresses.map((address) => [address.address, address]));
  const interfaces = interfaceRows(before.interfaces, desired);
  return { desired, config, podInterfaces, addresses, interfaces };
}

/** By number. They outlive their entries: an event may be read after its backend is gone. */
export interface Names {
  readonly services: (string | undefined)[];
  readonly backends: (string | undefined)[];
}

export function createNames(): Names {
  return { services: [], backends: [] };
}

export function noteNames(names: Names, { number, desired, backends }: Allotment): void {
  if (desired) names.services[number] = desired.name;
  for (const [name, backend] of backends) names.backends[backend.number] = name;
}
