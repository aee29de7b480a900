/** The maps as others see them: read, changed and gone through by name. */
import type { Maps, NamedMap } from "../dataplane/dataplane.ts";
import type { AffinityEntry, Connection, Entries, Tuple } from "../dataplane/entries.ts";
import { DataplaneError, mapFull } from "../dataplane/error.ts";
import type { ControlMap } from "../dataplane/transaction.ts";
import { checkCapacity } from "./commit.ts";
import * as conntrack from "./conntrack.ts";
import type { Keyed } from "./keyed.ts";
import { copyControl, type Places, type Store } from "./store.ts";
import * as traffic from "./traffic.ts";

type NamedEntries<Name extends keyof Entries> = NamedMap<
  Entries[Name]["key"],
  Entries[Name]["value"]
>;

export function createMaps(store: Store): Maps {
  const { capacity } = store;
  return {
    services: controlMap(store, "services", capacity.frontends),
    backends: controlMap(store, "backends", capacity.backends),
    rings: controlMap(store, "rings", capacity.services * 2),
    endpoints: controlMap(store, "endpoints", capacity.backends),
    addresses: controlMap(store, "addresses", capacity.addresses),
    interfaces: controlMap(store, "interfaces", capacity.interfaces),
    config: controlMap(store, "config", 1),
    affinity: affinityMap(store),
    conntrack: conntrackMap(store),
  };
}

/** An update that does not fit is refused by the rule of transactions, and changes nothing. */
function controlMap<Name extends ControlMap>(
  store: Store,
  name: Name,
  capacity: number,
): NamedEntries<Name> {
  type Key = Entries[Name]["key"];
  type Value = Entries[Name]["value"];
  // Which map it is depends on Name, which the compiler does not follow into the record.
  const map = (control = store.control) => control[name] as unknown as Keyed<Key, Value>;
  return {
    name,
    capacity,
    get length() {
      return map().length;
    },
    lookup: (key) => map().lookup(key),
    update(key, value) {
      const next = copyControl(store.control);
      map(next).update(key, value);
      checkCapacity(next, store.capacity);
      if (name === "backends" && map().lookup(key) === undefined) {
        traffic.forget(store, key as number);
      }
      store.control = next;
    },
    delete(key) {
      if (name === "config") throw readOnly("config", "the entry can be updated, not deleted");
      return map().delete(key);
    },
    entries: () => map().entries(),
  };
}

function readOnly(name: string, rule: string): DataplaneError {
  return new DataplaneError("read-only-map", `${name}: ${rule}`);
}

function affinityMap(store: Store): NamedEntries<"affinity"> {
  const map = store.affinity;
  const { affinity: capacity } = store.capacity;
  return {
    name: "affinity",
    capacity,
    get length() {
      return map.length;
    },
    lookup(key) {
      const found = map.lookup(key);
      return found && describe(found);
    },
    update(key, value) {
      if (map.length >= capacity && map.lookup(key) === undefined) {
        throw mapFull("affinity", capacity);
      }
      map.update(key, placesOf(value));
    },
    delete: (key) => map.delete(key),
    entries: () => affinityEntries(store),
  };
}

function* affinityEntries(
  store: Store,
): IterableIterator<[Entries["affinity"]["key"], AffinityEntry]> {
  for (const [key, remembered] of store.affinity.entries()) yield [key, describe(remembered)];
}

/** Free places show as nothing. */
function describe({ places, timeout }: Places): AffinityEntry {
  return { backends: places.filter((place) => place !== null), timeout };
}

function placesOf({ backends, timeout }: AffinityEntry): Places {
  const [first = null, second = null] = backends;
  return { places: [first, second], timeout };
}

/** One entry per connection, under the tuple that opened it. */
function conntrackMap(store: Store): NamedEntries<"conntrack"> {
  return {
    name: "conntrack",
    capacity: store.capacity.connections + store.capacity.connections6,
    get length() {
      return store.lengths.ipv4 + store.lengths.ipv6;
    },
    lookup(orig) {
      const connection = conntrack.openedBy(store, orig);
      return connection && conntrack.describe(connection);
    },
    update() {
      throw readOnly("conntrack", "packets make its entries; they can be deleted, not updated");
    },
    delete(orig) {
      const connection = conntrack.openedBy(store, orig);
      if (connection !== undefined) conntrack.close(store, connection);
      return connection !== undefined;
    },
    entries: () => connectionEntries(store),
  };
}

function* connectionEntries(store: Store): IterableIterator<[Tuple, Connection]> {
  for (const connection of conntrack.all(store)) {
    yield [connection.orig, conntrack.describe(connection)];
  }
}
