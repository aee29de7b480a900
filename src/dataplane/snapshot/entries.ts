/**
 * Entries of the control plane's maps <-> rows of a snapshot. What is read is checked as what people write into the
 * maps is: no entry holds what a record has no room for.
 */
import { viewOf } from "../../packet/bytes.ts";
import { type Admissions, admissionsOf } from "../admission.ts";
import type { Maps } from "../dataplane.ts";
import type { Backend, Entries, Interface, Ring, Route, Service, Vip } from "../entries.ts";
import { DataplaneError } from "../error.ts";
import { root } from "../field.ts";
import { CAPACITY_MAX } from "../options.ts";
import {
  type ControlMap,
  createTransaction,
  type Operation,
  type Transaction,
} from "../transaction.ts";
import { badSnapshot, damaged, type Place, placeOf, placesOf } from "./damage.ts";

type Row = readonly unknown[];
type Key<Name extends ControlMap> = Entries[Name]["key"];
type Value<Name extends ControlMap> = Entries[Name]["value"];

interface Codec<Name extends ControlMap> {
  pack(key: Key<Name>, value: Value<Name>): Row;
  /** Of anything; it is checked afterwards. */
  unpack(row: Row): readonly [key: unknown, value: unknown];
}

/** In the order in which entries are written: what is pointed to before what points. */
const CODECS: { readonly [Name in ControlMap]: Codec<Name> } = {
  backends: {
    pack: (number, value) => [number, ...packBackend(value)],
    unpack: ([number, ...value]) => [number, unpackBackend(value)],
  },
  rings: {
    pack: ({ service, ring }, { scheduler, slots }) => [service, ring, scheduler, packSlots(slots)],
    unpack: ([service, ring, scheduler, slots]) => [
      { service, ring },
      { scheduler, slots: unpackSlots(slots) },
    ],
  },
  endpoints: {
    pack: (vip, { backend }) => [...packVip(vip), backend],
    unpack: ([family, address, port, proto, backend]) => [
      { family, address, port, proto },
      { backend },
    ],
  },
  interfaces: {
    pack: (row, value) => [row, ...packInterface(value)],
    unpack: ([row, ...value]) => [row, unpackInterface(value)],
  },
  addresses: {
    pack: ({ family, address }, { nodePorts }) => [family, address, nodePorts],
    unpack: ([family, address, nodePorts]) => [{ family, address }, { nodePorts }],
  },
  config: {
    pack: (_, value) => [value],
    unpack: ([value]) => ["config", value],
  },
  services: {
    pack: (vip, value) => [...packVip(vip), ...packService(value)],
    unpack: ([family, address, port, proto, ...value]) => [
      { family, address, port, proto },
      unpackService(value),
    ],
  },
};
const NAMES = Object.keys(CODECS) as ControlMap[];

export function packVip({ family, address, port, proto }: Vip): Row {
  return [family, address, port, proto];
}

export function packBackend(backend: Backend): Row {
  const { service, family, address, port, proto, rings, weight, masquerade } = backend;
  return [service, family, address, port, proto, rings, weight, masquerade];
}

function unpackBackend(row: Row): unknown {
  const [service, family, address, port, proto, rings, weight, masquerade] = row;
  return { service, family, address, port, proto, rings, weight, masquerade };
}

export function packInterface({ name, pod, ipv4, ipv6 }: Interface): Row {
  return [name, pod, ipv4, ipv6];
}

function unpackInterface([name, pod, ipv4, ipv6]: Row): unknown {
  return { name, pod, ipv4, ipv6 };
}

export function packService({ service, frontend, affinity, sourceRanges, routes }: Service): Row {
  const ranges = sourceRanges?.flatMap(({ first, last }) => [first, last]) ?? null;
  const { pod, local, other } = routes;
  return [service, frontend, affinity, ranges, ...[pod, local, other].map(packRoute)];
}

function packRoute(route: Route): Row {
  return route.action === "dnat"
    ? [route.action, route.ring, route.masquerade]
    : [route.action, route.reason];
}

function unpackService([service, frontend, affinity, ranges, ...routes]: Row): unknown {
  const [pod, local, other] = routes.map(unpackRoute);
  const sourceRanges = Array.isArray(ranges) ? unpackRanges(ranges) : ranges;
  return { service, frontend, affinity, sourceRanges, routes: { pod, local, other } };
}

function unpackRanges(ends: Row): unknown[] {
  return Array.from({ length: Math.ceil(ends.length / 2) }, (_, index) => {
    return { first: ends[2 * index], last: ends[2 * index + 1] };
  });
}

function unpackRoute(route: unknown): unknown {
  const [action, ...rest] = Array.isArray(route) ? route : [];
  if (action !== "dnat") return { action, reason: rest[0] };
  return { action, ring: rest[0], masquerade: rest[1] };
}

const SLOT_SIZE = 4;

function packSlots(slots: Ring["slots"]): Uint8Array {
  const bytes = new Uint8Array(slots.length * SLOT_SIZE);
  const view = viewOf(bytes);
  slots.forEach((slot, index) => {
    view.setUint32(index * SLOT_SIZE, slot, true);
  });
  return bytes;
}

function unpackSlots(bytes: unknown): unknown {
  if (!(bytes instanceof Uint8Array) || bytes.length % SLOT_SIZE !== 0) return bytes;
  const view = viewOf(bytes);
  const length = bytes.length / SLOT_SIZE;
  return Array.from({ length }, (_, index) => view.getUint32(index * SLOT_SIZE, true));
}

/** Rows by map. */
export type PackedEntries = { readonly [Name in ControlMap]: readonly Row[] };

export function packEntries(maps: Maps): PackedEntries {
  return Object.fromEntries(
    NAMES.map((name) => [name, packMap(name, maps)]),
  ) as unknown as PackedEntries;
}

function packMap<Name extends ControlMap>(name: Name, maps: Maps): Row[] {
  const { pack } = CODECS[name];
  const entries = maps[name].entries() as IterableIterator<[Key<Name>, Value<Name>]>;
  return Array.from(entries, ([key, value]) => pack(key, value));
}

const ADMISSIONS: Admissions = admissionsOf(CAPACITY_MAX);

/** What writes them into empty maps. Throws DataplaneError "bad-snapshot". */
export function unpackEntries(place: Place): Transaction {
  return createTransaction(NAMES.flatMap((name) => unpackMap(name, placeOf(place, name))));
}

function unpackMap(name: ControlMap, place: Place): Operation[] {
  const seen = new Set<string>();
  return placesOf(place).map((row) => {
    const [key, value] = unpackEntry(name, row);
    const text = JSON.stringify(key);
    if (seen.has(text)) throw damaged(row, "has the key of another");
    seen.add(text);
    return { op: "update", map: name, key, value, create: true, label: "" } as Operation;
  });
}

function unpackEntry(name: ControlMap, row: Place): readonly [key: unknown, value: unknown] {
  const [rawKey, rawValue] = CODECS[name].unpack(itemsOf(row));
  return admit(() => {
    const key = ADMISSIONS[name].key(root(`${row.path}: key`, rawKey));
    const admission = ADMISSIONS[name] as { value(field: unknown, key: unknown): unknown };
    return [key, admission.value(root(`${row.path}: value`, rawValue), key)];
  });
}

export function itemsOf({ path, value }: Place): Row {
  if (Array.isArray(value)) return value;
  throw damaged({ path }, "is no row");
}

export const unpackVipOf = (row: Place, items: Row): Vip => {
  const [family, address, port, proto] = items;
  return admit(() => ADMISSIONS.services.key(root(row.path, { family, address, port, proto })));
};

export function unpackBackendOf(row: Place, items: Row): Backend {
  return admit(() => ADMISSIONS.backends.value(root(row.path, unpackBackend(items)), 1));
}

export function unpackInterfaceOf(row: Place, items: Row): Interface {
  return admit(() => ADMISSIONS.interfaces.value(root(row.path, unpackInterface(items)), 0));
}

export function unpackServiceOf(row: Place, vip: Vip, items: Row): Service {
  return admit(() => ADMISSIONS.services.value(root(row.path, unpackService(items)), vip));
}

export function unpackConfigOf(place: Place): Entries["config"]["value"] {
  return admit(() => ADMISSIONS.config.value(root(place.path, place.value), "config"));
}

export function unpackAddressOf(place: Place): readonly [Key<"addresses">, Value<"addresses">] {
  const [key, value] = unpackEntry("addresses", place);
  return [key as Key<"addresses">, value as Value<"addresses">];
}

/** What is wrong with an entry is wrong with the snapshot that it stands in. */
function admit<Result>(read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof DataplaneError)) throw error;
    throw badSnapshot(`the snapshot is damaged: ${error.message}`);
  }
}
