/** Remembered clients in the memory of the Wasm packet path <-> columns. */
import * as layout from "../../../abi/layout.ts";
import type { Memory } from "../codec.ts";
import { type Access, occupied } from "../maps/access.ts";
import { type Columns, createTable, type Table } from "../snapshot/columns.ts";
import { CLIENTS } from "../snapshot/state.ts";

type Clients = Columns<typeof CLIENTS>;

const ADDRESS_SIZE = 16;
const PLACES = [
  { backend: layout.AFFINITY_BACKEND0, used: layout.AFFINITY_USED0 },
  { backend: layout.AFFINITY_BACKEND1, used: layout.AFFINITY_USED1 },
] as const;
const TIME_MAX = 2 ** 32 - 1;

/** `epoch` is added to the times of the records. */
export function readClients(access: Access, epoch: number): Table<typeof CLIENTS> {
  const records = Float64Array.from(occupied(access, layout.MAP_AFFINITY));
  const table = createTable(CLIENTS, records.length);
  records.forEach((at, row) => {
    readClient(access.memory, at, table.columns, row, epoch);
  });
  return table;
}

function readClient(
  { bytes, view }: Memory,
  at: number,
  columns: Clients,
  row: number,
  epoch: number,
): void {
  const address = at + layout.AFFINITY_ADDRESS;
  columns.family[row] = bytes[at + layout.AFFINITY_FAMILY] as number;
  columns.address.set(bytes.subarray(address, address + ADDRESS_SIZE), row * ADDRESS_SIZE);
  columns.service[row] = view.getUint32(at + layout.AFFINITY_SERVICE, true);
  columns.timeout[row] = view.getUint32(at + layout.AFFINITY_TIMEOUT, true);
  PLACES.forEach((place, index) => {
    const backend = view.getUint32(at + place.backend, true);
    columns.backend[2 * row + index] = backend;
    if (backend === 0) return;
    columns.used[2 * row + index] = view.getUint32(at + place.used, true) + epoch;
  });
}

/** Into a map that has none yet and room for all. `epoch` is taken from their times. */
export function writeClients(access: Access, epoch: number, clients: Table<typeof CLIENTS>): void {
  const { exports, memory, scratch } = access;
  for (let row = 0; row < clients.length; row++) {
    memory.bytes.fill(0, scratch, scratch + layout.AFFINITY_SIZE);
    writeClient(memory, scratch, clients.columns, row, epoch);
    exports.update(layout.MAP_AFFINITY, scratch);
  }
}

function writeClient(
  { bytes, view }: Memory,
  at: number,
  columns: Clients,
  row: number,
  epoch: number,
): void {
  const address = columns.address.subarray(row * ADDRESS_SIZE, (row + 1) * ADDRESS_SIZE);
  bytes.set(address, at + layout.AFFINITY_ADDRESS);
  bytes[at + layout.AFFINITY_FAMILY] = columns.family[row] as number;
  view.setUint32(at + layout.AFFINITY_SERVICE, columns.service[row] as number, true);
  view.setUint32(at + layout.AFFINITY_TIMEOUT, columns.timeout[row] as number, true);
  PLACES.forEach((place, index) => {
    const used = Math.max(0, (columns.used[2 * row + index] as number) - epoch);
    view.setUint32(at + place.backend, columns.backend[2 * row + index] as number, true);
    view.setUint32(at + place.used, Math.min(used, TIME_MAX), true);
  });
}
