/**
 * Records of connections: they never move, so that an address is a handle. Those given back are
 * taken again first.
 */
import { CT_LAST_SEEN, CT_PROTO } from "../../abi/layout";
import { Index } from "./index";

/** The records of a family, and the index that finds them. */
@unmanaged
export class Table extends Index {
  records: usize;
  /** Bytes of a record. */
  size: u32;
  capacity: u32;
  length: u32;
  /** End of the records that are in use or free. */
  end: usize;
  /** The record given back last, 0 for none; each knows the one before. */
  free: usize;
}

/** Takes a record; what it holds is to be written anew. */
export function take(table: Table): usize {
  assert(table.length < table.capacity, "there is a record for it");
  table.length++;
  const record = table.free;
  if (record != 0) {
    table.free = load<u32>(record, CT_LAST_SEEN);
    return record;
  }
  const last = table.end;
  table.end += table.size;
  return last;
}

/**
 * The record that is taken next, and with such a record the one after it: for who only wants to
 * touch them.
 */
export function upcoming(table: Table, record: usize): usize {
  if (record >= table.end) return record + table.size;
  const free = record == 0 ? table.free : load<u32>(record, CT_LAST_SEEN);
  return free == 0 ? table.end : free;
}

/** Once all are back they are taken in order again, so that a walk over them is short. */
export function giveBack(table: Table, record: usize): void {
  table.length--;
  store<u8>(record, 0, CT_PROTO);
  store<u32>(record, <u32>table.free, CT_LAST_SEEN);
  table.free = record;
  if (table.length != 0) return;
  table.free = 0;
  table.end = table.records;
}

/** The record in use behind `record`, 0 at the end; 0 asks for the first. */
export function after(table: Table, record: usize): usize {
  record = record == 0 ? table.records : record + table.size;
  while (record < table.end && load<u8>(record, CT_PROTO) == 0) record += table.size;
  return record < table.end ? record : 0;
}

/** The same by number: -1 at the end, and to ask for the first. */
export function next(table: Table, number: i32): i32 {
  const record = after(table, number == -1 ? 0 : at(table, number));
  return record == 0 ? -1 : <i32>((record - table.records) / table.size);
}

export function at(table: Table, number: u32): usize {
  return table.records + number * table.size;
}
