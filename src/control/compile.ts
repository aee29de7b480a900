/**
 * Objects into what the maps should hold now and should not have held before: the thin layer between objects that
 * change and the pure functions of `desired`. It knows whom to ask again.
 */
import type { Network } from "../dataplane/dataplane.ts";
import type { Scheduler } from "../dataplane/entries.ts";
import { ClaimDraft, type Claims } from "./claims.ts";
import { type Context, contextOf, type Environment, environmentOf } from "./context.ts";
import {
  type Desired,
  type DesiredNode,
  type DesiredServicePort,
  desiredServicePorts,
} from "./desired.ts";
import { sameData, sameItems } from "./equality.ts";
import { type Inventory, inventoryOf, type Mark } from "./inventory.ts";
import type { EndpointSlice, Manifest, ObjectSet, Service } from "./kubernetes.ts";
import { Overlay } from "./overlay.ts";

/** Of DataplaneOptions those that the control plane reads. */
export interface CompileOptions {
  /** Whose view it is; without it, the configuration's hostnameOverride. */
  readonly node?: string;
  readonly network?: Network;
  /** Without it, what the configuration's IPVS scheduler asks for. */
  readonly scheduler?: Scheduler;
  /** Source ports are drawn for every masqueraded connection, not only when theirs is taken. */
  readonly randomFully?: boolean;
  /** The kernel's settings, by the names `sysctl -a` prints. */
  readonly sysctls?: Readonly<Record<string, number | string>>;
}

/** A step from what was desired to what is. */
export interface Revision {
  readonly node: DesiredNode;
  /**
   * Service ports that may differ from what they were: those that go, undefined, and the rest in the order of their
   * names; every vip belongs to one of them only.
   */
  readonly servicePorts: ReadonlyMap<string, DesiredServicePort | undefined>;
  /** All there are, whether they are new or not. */
  readonly warnings: readonly string[];
  /** The next revision starts from this one. */
  commit(): void;
}

/** Remembers what it was asked for last. */
export type Compiler = (objects: ObjectSet) => Revision;

/** Everything, once. Throws as `createCompiler`. */
export function compile(objects: ObjectSet, options: CompileOptions): Desired {
  const { node, servicePorts, warnings } = createCompiler(options)(objects);
  const all = [...servicePorts.values()].filter((port) => port !== undefined);
  return { ...node, servicePorts: all, warnings };
}

/** Throws DataplaneError "bad-option" for a network that `ip -j` would not print, and for sysctls there are none of. */
export function createCompiler(options: CompileOptions): Compiler {
  const memory: Memory = {
    environment: environmentOf(options),
    mark: undefined,
    context: undefined,
    services: new Map(),
    claims: new Map(),
    conflicts: new Map(),
    told: [],
  };
  return (objects) => revise(memory, inventoryOf(objects));
}

/** What a compiler remembers; nothing but the commit of a revision changes it. */
interface Memory {
  readonly environment: Environment;
  /** The objects it has compiled. */
  mark: Mark | undefined;
  context: Context | undefined;
  /** By key of the Service. */
  readonly services: Map<string, Compiled>;
  readonly claims: Claims;
  /** What is told of service ports that go without some of their vips, by key. */
  readonly conflicts: Map<string, readonly string[]>;
  /** The same, in the order of the keys. */
  told: readonly string[];
}

/** A Service, and what has come of it. */
interface Compiled {
  readonly context: Context;
  readonly service: Manifest<Service>;
  readonly slices: readonly Manifest<EndpointSlice>[];
  readonly servicePorts: readonly DesiredServicePort[];
}

function revise(memory: Memory, inventory: Inventory): Revision {
  const context = contextOf(inventory, memory.environment, memory.context);
  const services = compileChanged(memory, inventory, context);
  const conflicts = new Overlay(memory.conflicts);
  const claims = new ClaimDraft(memory.claims);
  const servicePorts = shareOut(claims, conflicts, replaced(memory, services));
  const told = conflictWarnings(memory, conflicts);
  const mark = inventory.mark();
  return {
    node: context.desired,
    servicePorts,
    warnings: [...context.desired.warnings, ...told, ...inventory.warnings()],
    commit() {
      for (const draft of [services, conflicts, claims]) draft.commit();
      Object.assign(memory, { mark, context, told });
    },
  };
}

/** Asks for the Services that differ from what they were; for all of them where that is not known. */
function compileChanged(
  memory: Memory,
  inventory: Inventory,
  context: Context,
): Overlay<string, Compiled> {
  const services = new Overlay(memory.services);
  for (const key of candidates(memory, inventory, context)) {
    const before = memory.services.get(key);
    const after = compiledOf(key, inventory, context, before);
    if (after && after !== before) services.update(key, after);
    if (!after && before) services.delete(key);
  }
  return services;
}

function candidates(memory: Memory, inventory: Inventory, context: Context): Iterable<string> {
  const { mark } = memory;
  const changed = mark && context === memory.context ? inventory.changedSince(mark) : undefined;
  return new Set(changed ?? [...inventory.keys(), ...memory.services.keys()]);
}

/** Undefined without such a Service; `before` itself while it would come out the same. */
function compiledOf(
  key: string,
  inventory: Inventory,
  context: Context,
  before: Compiled | undefined,
): Compiled | undefined {
  const service = inventory.service(key);
  if (!service) return undefined;
  const slices = inventory.slices(key);
  if (before?.context === context && isSame(before, service, slices)) return before;
  return { context, service, slices, servicePorts: desiredServicePorts(service, slices, context) };
}

/** Objects that were read anew are the same when they say the same. */
function isSame(
  before: Compiled,
  service: Manifest<Service>,
  slices: readonly Manifest<EndpointSlice>[],
): boolean {
  if (before.service === service && sameItems(before.slices, slices)) return true;
  const objects = (manifests: readonly Manifest<unknown>[]) =>
    manifests.map(({ object }) => object);
  return (
    sameData(before.service.object, service.object) &&
    sameData(objects(before.slices), objects(slices))
  );
}

/** Service ports as they were and as they are. */
interface Replaced {
  readonly before: DesiredServicePort[];
  readonly after: DesiredServicePort[];
}

function replaced(memory: Memory, services: Overlay<string, Compiled>): Replaced {
  const [before, after]: [DesiredServicePort[], DesiredServicePort[]] = [[], []];
  for (const [key, compiled] of services.changes) {
    for (const port of memory.services.get(key)?.servicePorts ?? []) before.push(port);
    for (const port of compiled?.servicePorts ?? []) after.push(port);
  }
  return { before, after };
}

/** Shares the vips out anew among those that came and those whose rivals came or went. */
function shareOut(
  claims: ClaimDraft,
  conflicts: Overlay<string, readonly string[]>,
  { before, after }: Replaced,
): Revision["servicePorts"] {
  for (const port of before) claims.leave(port);
  for (const port of after) claims.enter(port);
  const revised = new Map<string, DesiredServicePort | undefined>();
  for (const { key } of before) {
    revised.set(key, undefined);
    note(conflicts, key, []);
  }
  const concerned = [...claims.settle()].sort((a, b) => (a.key < b.key ? -1 : 1));
  for (const claimant of concerned) {
    const { port, warnings } = claims.share(claimant);
    revised.delete(port.key);
    revised.set(port.key, port);
    note(conflicts, port.key, warnings);
  }
  return revised;
}

function note(
  conflicts: Overlay<string, readonly string[]>,
  key: string,
  warnings: readonly string[],
): void {
  if (warnings.length > 0) conflicts.update(key, warnings);
  else if (conflicts.lookup(key)) conflicts.delete(key);
}

/** In the order of the service ports' names. */
function conflictWarnings(
  { conflicts: before, told }: Memory,
  draft: Overlay<string, readonly string[]>,
): readonly string[] {
  if (draft.changes.size === 0) return told;
  const keys = new Set([...before.keys(), ...draft.changes.keys()]);
  return [...keys].sort().flatMap((key) => draft.lookup(key) ?? []);
}
