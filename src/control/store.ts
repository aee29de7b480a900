/**
 * An object set that takes changes, for those who watch the apiserver: what client-go calls a Store. It knows what
 * has changed, and a dataplane it is applied to asks for no more.
 */
import {
  collect,
  countKinds,
  identify,
  identitiesOf,
  identityText,
  type Kind,
  READ_KINDS,
} from "./collection.ts";
import { keepInventory } from "./inventory.ts";
import { documentOf, type ObjectSet } from "./kubernetes.ts";
import { quote } from "./problem.ts";
import { Stock } from "./stock.ts";

/**
 * The desired state, kept up to date. Objects are copied as they are taken in: to change one, hand the new one over.
 * Its lists are in the order of namespaces and names, whatever order changes came in.
 */
export interface ObjectStore extends ObjectSet {
  /**
   * Takes an object, or a List of them, each in place of the one of its kind, namespace and name: client-go's Add
   * and Update. Returns whether it says anything new. Throws ManifestError with every problem, and then takes nothing.
   */
  update(object: unknown): boolean;
  /**
   * Forgets an object, or a List of them, of which kind, namespace and name are looked at. Returns whether it was
   * there. Throws as `update`.
   */
  delete(object: unknown): boolean;
  /**
   * Takes what listing has returned, and forgets everything that is not in it; with `kind` everything of that kind.
   * Returns whether anything is other than it was. Throws as `update`.
   */
  replace(objects: readonly unknown[], kind?: Kind): boolean;
}

/** Throws ManifestError as `parseObjects`. */
export function createObjectStore(objects: readonly unknown[] = []): ObjectStore {
  const stock = new Stock();
  const { shelves } = stock;
  const store: ObjectStore = {
    get services() {
      return shelves.services.list();
    },
    get endpointSlices() {
      return shelves.endpointSlices.list();
    },
    get nodes() {
      return shelves.nodes.list();
    },
    get config() {
      return stock.config;
    },
    get skipped() {
      return countKinds(shelves.skipped.list());
    },
    update: (object) => stock.put(collect(() => [documentOf(object)])),
    delete: (object) => stock.remove(identify(() => [documentOf(object)])),
    replace: (values, kind) => replace(stock, "replace", values, kind),
  };
  keepInventory(store, stock);
  replace(stock, "createObjectStore", objects);
  return store;
}

function replace(
  stock: Stock,
  caller: string,
  objects: readonly unknown[],
  kind?: string,
): boolean {
  if (!Array.isArray(objects)) throw new TypeError(`${caller} takes an array of objects`);
  if (kind !== undefined && !READ_KINDS.has(kind))
    throw new TypeError(`${quote(kind)} is no kind: it is one of ${[...READ_KINDS].join(", ")}`);
  // Holes too are no objects: `map` would leave them out.
  const taken = collect(() => Array.from(objects, documentOf));
  const kept = new Set([...identitiesOf(taken)].map(identityText));
  const stale = [...identitiesOf(stock.list())].filter(
    (identity) => (kind ?? identity.kind) === identity.kind && !kept.has(identityText(identity)),
  );
  const [lost, won] = [stock.remove(stale), stock.put(taken)];
  return lost || won;
}
