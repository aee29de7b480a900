/** Objects that come and go: the inventory of a store. */
import { type Collection, countKinds, type Identity, identityText } from "./collection.ts";
import { NO_SLICES, serviceKeyOf } from "./endpoints.ts";
import { sameData } from "./equality.ts";
import { type Inventory, keyOf, type Mark, pendingWarning, skippedWarnings } from "./inventory.ts";
import { Journal } from "./journal.ts";
import type {
  EndpointSlice,
  KubeProxyConfiguration,
  Manifest,
  Node,
  Service,
} from "./kubernetes.ts";
import { Shelf } from "./shelf.ts";

type Slice = Manifest<EndpointSlice>;

/** Everything is told in the order of names, so that the order of changes leaves no trace. */
export class Stock implements Inventory {
  readonly shelves = {
    services: new Shelf<Manifest<Service>>(),
    endpointSlices: new Shelf<Slice>(),
    nodes: new Shelf<Manifest<Node>>(),
    /** There is one of any name, or none. */
    configs: new Shelf<Manifest<KubeProxyConfiguration>>(),
    skipped: new Shelf<Identity>(),
  };
  /** By key of the Service, in the order of their names. */
  readonly #slices = new Map<string, readonly Slice[]>();
  /** What is told of Services that are not served. */
  readonly #pending = new Shelf<string>();
  readonly #journal = new Journal();
  #warnings: readonly string[] | undefined;

  /** Each in place of the one of its name. Returns whether any says something new. */
  put({ services, endpointSlices, nodes, configs, skipped }: Collection): boolean {
    const { shelves } = this;
    const news = [
      ...services.map((service) => this.#putService(service)),
      this.#exchange(endpointSlices, []),
      ...nodes.map((node) => putNew(shelves.nodes, keyOf(node), node)),
      ...configs.map((config) => putNew(shelves.configs, "", config)),
      ...skipped.map((other) => this.#putOther(other)),
    ];
    return news.includes(true);
  }

  /** Returns whether any was there. */
  remove(identities: readonly Identity[]): boolean {
    const slices: Slice[] = [];
    let found = false;
    for (const identity of identities) {
      const { kind } = identity;
      const slice = kind === "EndpointSlice" && this.shelves.endpointSlices.lookup(keyOf(identity));
      if (slice) slices.push(slice);
      else if (this.#removeOther(identity)) found = true;
    }
    return this.#exchange([], slices) || found;
  }

  /** In the order of names. */
  list(): Collection {
    const { services, endpointSlices, nodes, configs, skipped } = this.shelves;
    return {
      services: services.list(),
      endpointSlices: endpointSlices.list(),
      nodes: nodes.list(),
      configs: configs.list(),
      skipped: skipped.list(),
    };
  }

  #putService(service: Manifest<Service>): boolean {
    const key = keyOf(service);
    if (!putNew(this.shelves.services, key, service)) return false;
    this.#tell(key, pendingWarning(service));
    this.#journal.note(key);
    return true;
  }

  #putOther(other: Identity): boolean {
    if (!putNew(this.shelves.skipped, identityText(other), other)) return false;
    this.#warnings = undefined;
    return true;
  }

  #removeOther(identity: Identity): boolean {
    const { services, nodes, configs, skipped } = this.shelves;
    const key = keyOf(identity);
    if (identity.kind === "Node") return nodes.delete(key);
    if (identity.kind === "KubeProxyConfiguration") return configs.delete("");
    if (identity.kind !== "Service") {
      this.#warnings = undefined;
      return skipped.delete(identityText(identity));
    }
    this.#tell(key, undefined);
    this.#journal.note(key);
    return services.delete(key);
  }

  #tell(key: string, warning: string | undefined): void {
    if (this.#pending.lookup(key) === warning) return;
    if (warning === undefined) this.#pending.delete(key);
    else this.#pending.update(key, warning);
    this.#warnings = undefined;
  }

  /** Puts slices in and takes slices out. Returns whether any is other than it was. */
  #exchange(come: readonly Slice[], gone: readonly Slice[]): boolean {
    const { endpointSlices } = this.shelves;
    const groups = new Map<string, Set<Slice>>();
    for (const slice of come) {
      const before = endpointSlices.lookup(keyOf(slice));
      if (!putNew(endpointSlices, keyOf(slice), slice)) continue;
      if (before) this.#groupOf(before, groups).delete(before);
      this.#groupOf(slice, groups).add(slice);
    }
    for (const slice of gone) {
      endpointSlices.delete(keyOf(slice));
      this.#groupOf(slice, groups).delete(slice);
    }
    for (const [key, slices] of groups) this.#regroup(key, slices);
    return groups.size > 0;
  }

  /** All slices of the Service that this one belongs to; those of none stand together, and nobody asks for them. */
  #groupOf(slice: Slice, groups: Map<string, Set<Slice>>): Set<Slice> {
    const key = serviceKeyOf(slice) ?? "";
    const known = groups.get(key);
    if (known) return known;
    const group = new Set(this.#slices.get(key));
    groups.set(key, group);
    return group;
  }

  #regroup(key: string, slices: ReadonlySet<Slice>): void {
    if (slices.size === 0 || key === "") this.#slices.delete(key);
    else this.#slices.set(key, [...slices].sort(byKey));
    this.#journal.note(key);
  }

  get config(): Manifest<KubeProxyConfiguration> | undefined {
    return this.shelves.configs.lookup("");
  }

  node(name: string): Manifest<Node> | undefined {
    return this.shelves.nodes.lookup(`/${name}`);
  }

  service(key: string): Manifest<Service> | undefined {
    return this.shelves.services.lookup(key);
  }

  slices(key: string): readonly Slice[] {
    return this.#slices.get(key) ?? NO_SLICES;
  }

  keys(): Iterable<string> {
    return this.shelves.services.keys();
  }

  warnings(): readonly string[] {
    this.#warnings ??= [
      ...this.#pending.list(),
      ...skippedWarnings(countKinds(this.shelves.skipped.list())),
    ];
    return this.#warnings;
  }

  mark(): Mark {
    return { inventory: this, version: this.#journal.version };
  }

  changedSince({ inventory, version }: Mark): readonly string[] | undefined {
    return inventory === this ? this.#journal.since(version) : undefined;
  }
}

/** Keeps the one that stands there when it says the same. */
function putNew<Thing extends object>(shelf: Shelf<Thing>, key: string, thing: Thing): boolean {
  const before = shelf.lookup(key);
  if (before && sameData(before, thing)) return false;
  shelf.update(key, thing);
  return true;
}

function byKey(a: Slice, b: Slice): number {
  return keyOf(a) < keyOf(b) ? -1 : 1;
}
