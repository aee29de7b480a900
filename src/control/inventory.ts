/** Objects by name, as the control plane asks for them, and which of them have changed since it last did. */
import { badOption } from "../dataplane/error.ts";
import { indexSlices, NO_SLICES, type SliceIndex } from "./endpoints.ts";
import type {
  EndpointSlice,
  KubeProxyConfiguration,
  Manifest,
  Node,
  ObjectSet,
  Service,
} from "./kubernetes.ts";
import { quote } from "./problem.ts";
import { lacksClusterIP } from "./services.ts";

/** A Service is called by its key, "ns/name". */
export interface Inventory {
  readonly config: Manifest<KubeProxyConfiguration> | undefined;
  node(name: string): Manifest<Node> | undefined;
  service(key: string): Manifest<Service> | undefined;
  slices(key: string): readonly Manifest<EndpointSlice>[];
  keys(): Iterable<string>;
  /** What a reader should know: objects that are not served or not read. The same list while nothing changes. */
  warnings(): readonly string[];
  /** The state it is in. */
  mark(): Mark;
  /** Services that differ, themselves or by a slice, from what they were; undefined when it cannot tell. */
  changedSince(mark: Mark): Iterable<string> | undefined;
}

/** A state of an inventory. */
export interface Mark {
  readonly inventory: Inventory;
  readonly version: number;
}

/** Inventories that outlive a call: those of stores, and of sets that nobody can change. */
const KNOWN = new WeakMap<ObjectSet, Inventory>();

/** Throws DataplaneError "bad-option" for what is no object set. */
export function inventoryOf(objects: ObjectSet): Inventory {
  const known = typeof objects === "object" && objects !== null ? KNOWN.get(objects) : undefined;
  if (known) return known;
  const inventory = new SetInventory(checkSet(objects));
  if (isFrozen(objects)) KNOWN.set(objects, inventory);
  return inventory;
}

/** For a set that keeps its own. */
export function keepInventory(objects: ObjectSet, inventory: Inventory): void {
  KNOWN.set(objects, inventory);
}

/** "ns/name". */
export function keyOf({ namespace, name }: Pick<Manifest<unknown>, "namespace" | "name">): string {
  return `${namespace}/${name}`;
}

export function pendingWarning(service: Manifest<Service>): string | undefined {
  return lacksClusterIP(service)
    ? `${keyOf(service)}: has no clusterIP and is not served`
    : undefined;
}

export function skippedWarnings(skipped: ReadonlyMap<string, number>): string[] {
  return [...skipped].map(([kind, count]) => `${kind}: ${count} skipped`);
}

/** A set whose objects stay what they are. */
class SetInventory implements Inventory {
  readonly #objects: ObjectSet;
  readonly #services: ReadonlyMap<string, Manifest<Service>>;
  readonly #slices: SliceIndex;
  readonly #warnings: readonly string[];

  constructor(objects: ObjectSet) {
    this.#objects = objects;
    this.#services = new Map(objects.services.map((service) => [keyOf(service), service]));
    this.#slices = indexSlices(objects.endpointSlices);
    const pending = objects.services.map(pendingWarning).filter((text) => text !== undefined);
    this.#warnings = [...pending, ...skippedWarnings(objects.skipped)];
  }

  get config() {
    return this.#objects.config;
  }

  node(name: string) {
    return this.#objects.nodes.find((node) => node.name === name);
  }

  service(key: string) {
    return this.#services.get(key);
  }

  slices(key: string) {
    return this.#slices.get(key) ?? NO_SLICES;
  }

  keys() {
    return this.#services.keys();
  }

  warnings() {
    return this.#warnings;
  }

  mark() {
    return { inventory: this, version: 0 };
  }

  changedSince({ inventory }: Mark) {
    return inventory === this ? [] : undefined;
  }
}

function checkSet(objects: ObjectSet): ObjectSet {
  const { services, endpointSlices, nodes } = (objects ?? {}) as Partial<ObjectSet>;
  if ([services, endpointSlices, nodes].every(Array.isArray)) return objects;
  throw badOption(
    `apply takes what parseManifests, parseObjects or createObjectStore returns, not ${quote(objects)}`,
  );
}

function isFrozen(objects: ObjectSet): boolean {
  const { services, endpointSlices, nodes } = objects;
  return [objects, services, endpointSlices, nodes].every((each) => Object.isFrozen(each));
}
