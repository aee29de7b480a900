/**
 * The maps as people reach them. The engines trust the control plane; what anybody else writes is checked
 * here first, so that no entry can hold what a record has no room for.
 */
import type { Capacity, Maps, NamedMap } from "./dataplane.ts";
import { type Entries, type Family, PROTOS, RINGS } from "./entries.ts";
import {
  affinityOf,
  backendOf,
  configOf,
  endpointOf,
  interfaceOf,
  ringOf,
  serviceOf,
} from "./entry-values.ts";
import {
  addressOf,
  bad,
  booleanOf,
  type Field,
  familyOf,
  fieldOf,
  integerOf,
  NUMBER_MAX,
  root,
  wordOf,
} from "./field.ts";

/** Each throws DataplaneError "bad-entry"; what comes back has canonical addresses. */
export interface Admission<Key, Value> {
  key(field: Field): Key;
  value(field: Field, key: Key): Value;
}

export type Admissions = {
  readonly [Name in keyof Entries]: Admission<Entries[Name]["key"], Entries[Name]["value"]>;
};

export function admitted(maps: Maps, capacity: Capacity): Maps {
  const admissions = admissionsOf(capacity);
  const names = Object.keys(maps) as (keyof Maps)[];
  return Object.fromEntries(
    names.map((name) => [name, guard(maps[name] as never, admissions[name] as never)]),
  ) as unknown as Maps;
}

function guard<Key, Value>(
  map: NamedMap<Key, Value>,
  admission: Admission<Key, Value>,
): NamedMap<Key, Value> {
  const keyOf = (key: unknown) => admission.key(root(`${map.name}: key`, key));
  return {
    name: map.name,
    capacity: map.capacity,
    get length() {
      return map.length;
    },
    lookup: (key) => map.lookup(keyOf(key)),
    update(key, value) {
      const admittedKey = keyOf(key);
      map.update(admittedKey, admission.value(root(`${map.name}: value`, value), admittedKey));
    },
    delete: (key) => map.delete(keyOf(key)),
    entries: () => map.entries(),
  };
}

export function admissionsOf(capacity: Capacity): Admissions {
  return {
    services: { key: vipOf, value: (field, { family }) => serviceOf(field, family, capacity) },
    backends: { key: rowOf(1), value: (field) => backendOf(field, capacity) },
    rings: { key: ringKeyOf, value: (field) => ringOf(field, capacity) },
    endpoints: { key: endpointKeyOf, value: (field) => endpointOf(field, capacity) },
    addresses: {
      key: nodeAddressOf,
      value: (field) => ({ nodePorts: booleanOf(fieldOf(field, "nodePorts")) }),
    },
    interfaces: { key: rowOf(0), value: interfaceOf },
    config: { key: configKeyOf, value: configOf },
    affinity: { key: affinityKeyOf, value: (field) => affinityOf(field, capacity) },
    // Its engine refuses every value.
    conntrack: { key: tupleOf, value: ({ value }) => value as Entries["conntrack"]["value"] },
  };
}

function rowOf(lowest: number): (field: Field) => number {
  return (field) => integerOf(field, lowest, NUMBER_MAX);
}

function configKeyOf(field: Field): "config" {
  return wordOf(field, ["config"] as const);
}

function vipOf(field: Field): Entries["services"]["key"] {
  const family = familyOf(fieldOf(field, "family"));
  return {
    family,
    address: dialledOf(fieldOf(field, "address"), family),
    port: integerOf(fieldOf(field, "port"), 0, 65535),
    proto: wordOf(fieldOf(field, "proto"), PROTOS),
  };
}

/** "" is a nodePort; the unspecified address, which records hold in its place, is nobody's to dial. */
function dialledOf(field: Field, family: Family): string {
  const text = addressOf(field, family, "optional");
  if (text !== "0.0.0.0" && text !== "::") return text;
  throw bad(field, 'an address that can be dialled, or "" for a nodePort');
}

/** A backend's, whose address is never that of any. */
function endpointKeyOf(field: Field): Entries["endpoints"]["key"] {
  const vip = vipOf(field);
  if (vip.address !== "") return vip;
  throw bad(fieldOf(field, "address"), "the address of a backend");
}

function ringKeyOf(field: Field): Entries["rings"]["key"] {
  return {
    service: integerOf(fieldOf(field, "service"), 1, NUMBER_MAX),
    ring: wordOf(fieldOf(field, "ring"), RINGS),
  };
}

function nodeAddressOf(field: Field): Entries["addresses"]["key"] {
  const family = familyOf(fieldOf(field, "family"));
  return { family, address: addressOf(fieldOf(field, "address"), family) };
}

function affinityKeyOf(field: Field): Entries["affinity"]["key"] {
  return {
    service: integerOf(fieldOf(field, "service"), 1, NUMBER_MAX),
    address: addressOf(fieldOf(field, "address")),
  };
}

function tupleOf(field: Field): Entries["conntrack"]["key"] {
  const saddr = addressOf(fieldOf(field, "saddr"));
  const family = saddr.includes(":") ? "ipv6" : "ipv4";
  return {
    saddr,
    sport: integerOf(fieldOf(field, "sport"), 0, 65535),
    daddr: addressOf(fieldOf(field, "daddr"), family),
    dport: integerOf(fieldOf(field, "dport"), 0, 65535),
    proto: wordOf(fieldOf(field, "proto"), PROTOS),
  };
}
