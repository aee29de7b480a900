/**
 * Tables column by column: of each field one array with a number per row. In a snapshot a column is a byte string of
 * little-endian numbers, which is how these arrays lie in memory.
 */
import { damaged, type Place, placeOf } from "./damage.ts";

type Column = Uint8Array | Uint16Array | Uint32Array | Float64Array;

/** Of each column the kind of its numbers and, where it is not 1, how many of them a row has. */
export type Schema = Readonly<Record<string, readonly [kind: Kind, width?: number]>>;
export type Kind = keyof typeof KINDS;

const KINDS = { u8: Uint8Array, u16: Uint16Array, u32: Uint32Array, f64: Float64Array } as const;

export type Columns<Of extends Schema> = {
  readonly [Name in keyof Of]: InstanceType<(typeof KINDS)[Of[Name][0]]>;
};

export interface Table<Of extends Schema> {
  readonly length: number;
  readonly columns: Columns<Of>;
}

/** All zero. */
export function createTable<Of extends Schema>(schema: Of, length: number): Table<Of> {
  return tableOf(schema, length, (kind, width) => new KINDS[kind](length * width));
}

/** What a snapshot has of a table: its rows, and bytes by column. */
export interface PackedTable {
  readonly rows: number;
  readonly [column: string]: number | Uint8Array;
}

export function packTable<Of extends Schema>({ length, columns }: Table<Of>): PackedTable {
  const packed = Object.entries<Column>(columns).map(([name, column]) => {
    return [name, new Uint8Array(column.buffer, column.byteOffset, column.byteLength)] as const;
  });
  return { rows: length, ...Object.fromEntries(packed) };
}

/** Throws DataplaneError "bad-snapshot" unless every column is there with as many rows as the table says. */
export function unpackTable<Of extends Schema>(schema: Of, place: Place): Table<Of> {
  const rows = placeOf(place, "rows").value;
  if (!Number.isSafeInteger(rows) || (rows as number) < 0) throw damaged(place, "has no rows");
  const length = rows as number;
  return tableOf(schema, length, (kind, width, name) => {
    const at = placeOf(place, name);
    const size = length * width * KINDS[kind].BYTES_PER_ELEMENT;
    if (!(at.value instanceof Uint8Array) || at.value.length !== size)
      throw damaged(at, `is not ${size} bytes`);
    // A copy of its own: columns begin where they like in a snapshot, and numbers at multiples of their size.
    return new KINDS[kind](at.value.slice().buffer);
  });
}

function tableOf<Of extends Schema>(
  schema: Of,
  length: number,
  columnOf: (kind: Kind, width: number, name: string) => Column,
): Table<Of> {
  const columns = Object.entries(schema).map(([name, [kind, width = 1]]) => {
    return [name, columnOf(kind, width, name)];
  });
  return { length, columns: Object.fromEntries(columns) as Columns<Of> };
}
