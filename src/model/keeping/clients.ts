/** Remembered clients as the model has them <-> columns. */
import type { RememberedBackend } from "../../dataplane/entries.ts";
import { type Columns, createTable, type Table } from "../../dataplane/snapshot/columns.ts";
import { CLIENTS } from "../../dataplane/snapshot/state.ts";
import * as address from "../../packet/address.ts";
import type { Store } from "../store.ts";

type Clients = Columns<typeof CLIENTS>;

const ADDRESS_SIZE = 16;
const IPV4_AT = 12;
/** What an IPv4 address is mapped with, RFC 4291 section 2.5.5.2. */
const MAPPED = [0xff, 0xff];

export function saveClients({ affinity }: Store): Table<typeof CLIENTS> {
  const all = [...affinity.entries()];
  const { columns, length } = createTable(CLIENTS, all.length);
  for (const [row, [key, { places, timeout }]] of all.entries()) {
    saveAddress(columns, row, key.address);
    columns.service[row] = key.service;
    columns.timeout[row] = timeout;
    for (const [index, place] of places.entries()) {
      columns.backend[2 * row + index] = place?.backend ?? 0;
      columns.used[2 * row + index] = place?.used ?? 0;
    }
  }
  return { columns, length };
}

function saveAddress(columns: Clients, row: number, text: string): void {
  const bytes = address.parse(text);
  const isIpv4 = bytes.length === 4;
  columns.family[row] = isIpv4 ? 4 : 6;
  const at = row * ADDRESS_SIZE;
  if (isIpv4) columns.address.set([...MAPPED, ...bytes], at + IPV4_AT - MAPPED.length);
  else columns.address.set(bytes, at);
}

/** Into a store that has none yet. */
export function loadClients({ affinity }: Store, { columns, length }: Table<typeof CLIENTS>): void {
  for (let row = 0; row < length; row++) {
    const key = { service: columns.service[row] as number, address: loadAddress(columns, row) };
    affinity.update(key, {
      places: [loadPlace(columns, 2 * row), loadPlace(columns, 2 * row + 1)],
      timeout: columns.timeout[row] as number,
    });
  }
}

function loadAddress(columns: Clients, row: number): string {
  const from = row * ADDRESS_SIZE + (columns.family[row] === 4 ? IPV4_AT : 0);
  return address.format(columns.address.subarray(from, (row + 1) * ADDRESS_SIZE));
}

function loadPlace(columns: Clients, at: number): RememberedBackend | null {
  const backend = columns.backend[at] as number;
  return backend === 0 ? null : { backend, used: columns.used[at] as number };
}
