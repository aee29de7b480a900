/**
 * Maps by number: what the host reaches through lookup, update, remove and next, as bpf(2) has
 * them.
 */
import {
  MAP_ADDRESSES,
  MAP_AFFINITY,
  MAP_BACKENDS,
  MAP_CONNTRACK4,
  MAP_CONNTRACK6,
  MAP_ENDPOINTS,
  MAP_INTERFACES,
  MAP_RANGES,
  MAP_RINGS,
  MAP_SERVICES,
  MAP_SERVICE_TRAFFIC,
  MAP_SLOTS,
  MAP_TRAFFIC,
} from "../../abi/layout";
import { Address, AddressKey } from "./addresses";
import * as addresses from "./addresses";
import { Affinity, Client } from "./affinity";
import * as affinity from "./affinity";
import { Rows, row } from "./array";
import { Backend } from "./backends";
import * as backends from "./backends";
import { TABLE4, TABLE6, Tuple4, Tuple6 } from "./connections";
import { Endpoint } from "./endpoints";
import * as endpoints from "./endpoints";
import { hash } from "./hash";
import * as index from "./index";
import { Interface } from "./interfaces";
import * as interfaces from "./interfaces";
import * as ports from "./ports";
import { Range } from "./ranges";
import * as ranges from "./ranges";
import * as records from "./records";
import { RINGS, Ring, SLOTS, Slot } from "./rings";
import { Service, Vip } from "./services";
import * as services from "./services";
import * as swiss from "./swiss";
import { ServiceTraffic, Traffic } from "./traffic";
import * as traffic from "./traffic";

/** Results of update. */
const UPDATED: u32 = 0;
/** The map is full: E2BIG in bpf(2). */
const FULL: u32 = 1;
/** The map is not written this way: EPERM in bpf(2). */
const REFUSED: u32 = 2;

/**
 * Address of the record of a key, 0 for none; the key of an array map is a u32 row. In conntrack it
 * has the direction in its lowest bit.
 */
export function lookup(map: u32, key: usize): usize {
  switch (map) {
    case MAP_SERVICES:
      return find<Vip, Service>(services.TABLE, key);
    case MAP_ENDPOINTS:
      return find<Vip, Endpoint>(endpoints.TABLE, key);
    case MAP_ADDRESSES:
      return find<AddressKey, Address>(addresses.TABLE, key);
    case MAP_AFFINITY:
      return find<Client, Affinity>(affinity.TABLE, key);
    case MAP_CONNTRACK4:
      return index.lookup<Tuple4>(TABLE4, key, hash<Tuple4>(key));
    case MAP_CONNTRACK6:
      return index.lookup<Tuple6>(TABLE6, key, hash<Tuple6>(key));
    default:
      return rowOf(map, load<u32>(key));
  }
}

/**
 * Writes a record of a hash map, key and value together; rows of array maps are written in place.
 */
export function update(map: u32, record: usize): u32 {
  switch (map) {
    case MAP_SERVICES:
      return open<Service>(services.TABLE, record);
    case MAP_ENDPOINTS:
      return open<Endpoint>(endpoints.TABLE, record);
    case MAP_ADDRESSES:
      return write<AddressKey, Address>(addresses.TABLE, record);
    case MAP_AFFINITY:
      return write<Client, Affinity>(affinity.TABLE, record);
    default:
      return REFUSED;
  }
}

/** Takes a record out of a hash map that the host writes; false when there was none. */
export function remove(map: u32, key: usize): bool {
  switch (map) {
    case MAP_SERVICES:
      return erase<Vip, Service>(services.TABLE, key);
    case MAP_ENDPOINTS:
      return erase<Vip, Endpoint>(endpoints.TABLE, key);
    case MAP_ADDRESSES:
      return erase<AddressKey, Address>(addresses.TABLE, key);
    case MAP_AFFINITY:
      return erase<Client, Affinity>(affinity.TABLE, key);
    default:
      return false;
  }
}

/** The next occupied slot after `slot`, -1 at the end; -1 asks for the first. */
export function next(map: u32, slot: i32): i32 {
  const connections = connectionsOf(map);
  if (connections != null) return records.next(connections, slot);
  const table = tableOf(map);
  if (table != null) return swiss.next(table, slot);
  return <u32>(slot + 1) < capacity(map) ? slot + 1 : -1;
}

/** Address of the record in a slot. */
export function at(map: u32, slot: u32): usize {
  switch (map) {
    case MAP_SERVICES:
      return swiss.at<Service>(services.TABLE, slot);
    case MAP_ENDPOINTS:
      return swiss.at<Endpoint>(endpoints.TABLE, slot);
    case MAP_ADDRESSES:
      return swiss.at<Address>(addresses.TABLE, slot);
    case MAP_AFFINITY:
      return swiss.at<Affinity>(affinity.TABLE, slot);
    case MAP_CONNTRACK4:
      return records.at(TABLE4, slot);
    case MAP_CONNTRACK6:
      return records.at(TABLE6, slot);
    default:
      return rowOf(map, slot);
  }
}

/** Entries now: connections for conntrack, all rows for an array map. */
export function length(map: u32): u32 {
  const connections = connectionsOf(map);
  if (connections != null) return connections.length;
  const table = tableOf(map);
  return table == null ? capacity(map) : table.length;
}

/** Most entries. */
export function capacity(map: u32): u32 {
  const connections = connectionsOf(map);
  if (connections != null) return connections.capacity;
  const table = tableOf(map);
  if (table != null) return table.capacity;
  const rows = rowsOf(map);
  return rows == null ? 0 : rows.length;
}

function connectionsOf(map: u32): records.Table | null {
  switch (map) {
    case MAP_CONNTRACK4:
      return TABLE4;
    case MAP_CONNTRACK6:
      return TABLE6;
    default:
      return null;
  }
}

function tableOf(map: u32): swiss.Table | null {
  switch (map) {
    case MAP_SERVICES:
      return services.TABLE;
    case MAP_ENDPOINTS:
      return endpoints.TABLE;
    case MAP_ADDRESSES:
      return addresses.TABLE;
    case MAP_AFFINITY:
      return affinity.TABLE;
    default:
      return null;
  }
}

function rowsOf(map: u32): Rows | null {
  switch (map) {
    case MAP_BACKENDS:
      return backends.ROWS;
    case MAP_RINGS:
      return RINGS;
    case MAP_SLOTS:
      return SLOTS;
    case MAP_INTERFACES:
      return interfaces.ROWS;
    case MAP_RANGES:
      return ranges.ROWS;
    case MAP_TRAFFIC:
      return traffic.BACKENDS;
    case MAP_SERVICE_TRAFFIC:
      return traffic.SERVICES;
    default:
      return null;
  }
}

function rowOf(map: u32, index: u32): usize {
  switch (map) {
    case MAP_BACKENDS:
      return row<Backend>(backends.ROWS, index);
    case MAP_RINGS:
      return row<Ring>(RINGS, index);
    case MAP_SLOTS:
      return row<Slot>(SLOTS, index);
    case MAP_INTERFACES:
      return row<Interface>(interfaces.ROWS, index);
    case MAP_RANGES:
      return row<Range>(ranges.ROWS, index);
    case MAP_TRAFFIC:
      return row<Traffic>(traffic.BACKENDS, index);
    case MAP_SERVICE_TRAFFIC:
      return row<ServiceTraffic>(traffic.SERVICES, index);
    default:
      return 0;
  }
}

function find<K, E>(table: swiss.Table, key: usize): usize {
  return swiss.lookup<K, E>(table, key, hash<K>(key));
}

function write<K, E>(table: swiss.Table, record: usize): u32 {
  let entry = find<K, E>(table, record);
  if (entry == 0) entry = swiss.insert<K, E>(table, record, hash<K>(record));
  if (entry == 0) return FULL;
  memory.copy(entry, record, offsetof<E>());
  return UPDATED;
}

/** Writes an entry that answers at a port. */
function open<E>(table: swiss.Table, record: usize): u32 {
  ports.mark(changetype<Vip>(record).port);
  return write<Vip, E>(table, record);
}

function erase<K, E>(table: swiss.Table, key: usize): bool {
  const entry = find<K, E>(table, key);
  if (entry == 0) return false;
  swiss.remove<K, E>(table, entry);
  return true;
}
