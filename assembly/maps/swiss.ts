/**
 * The hash table of all maps but conntrack: groups of 15 slots with their tags side by side, so
 * that one v128 compare asks 15 slots at once. Entries lie in an array of their own and never move:
 * the slot number is a handle.
 *
 *  control, one group:   0                           15      16
 *                        | tags of 15 slots, 0: empty | over |
 *  entries, one group:   | 15 entries of class E             |
 *
 * A key goes to the first group with an empty slot from its home on. `over` counts the entries that
 * passed a group because it was full; a lookup ends at the first group nobody passed. Removing
 * undoes the counts, so there are no tombstones and a table does not age. A count that reached 255
 * is no longer exact and stays.
 *
 * K is the class of the key, E that of the entry, which begins with its key. Both are compile-time
 * only.
 */
import { hash, lastWord, tailOf } from "./hash";

@unmanaged
export class Table {
  /** Control bytes of group 0. */
  control: usize;
  /** Slot 0. */
  entries: usize;
  groups: u32;
  capacity: u32;
  length: u32;
}

export const GROUP_SLOTS: u32 = 15;
export const CONTROL_SIZE: u32 = 16;
const SLOT_BITS: u32 = 0x7fff;
/** Where a count stops being exact. */
const OVER_MAX: u32 = 255;
/** Share of the slots that may be taken: 7/8. */
const LOAD_NUMERATOR: u64 = 7;
const LOAD_DENOMINATOR: u64 = 8;

/** Groups for `capacity` entries at the highest load. */
export function groupsFor(capacity: u64): u64 {
  const perGroup = <u64>GROUP_SLOTS * LOAD_NUMERATOR;
  const groups = (capacity * LOAD_DENOMINATOR + perGroup - 1) / perGroup;
  return max<u64>(groups, 1);
}

/** The home group of a hash: its upper bits scaled to the number of groups. */
// @ts-ignore: decorator
@inline
export function home(hash: u32, groups: u32): u32 {
  return <u32>((<u64>hash * <u64>groups) >>> 32);
}

/** The tag of a hash: its lowest byte, 0 being taken for empty. */
// @ts-ignore: decorator
@inline
export function tagOf(hash: u32): u32 {
  const tag = hash & 0xff;
  return tag + u32(tag == 0);
}

/** A bit for every slot of the group at `control` that has the tag of `hash`. */
// @ts-ignore: decorator
@inline
export function matches(control: usize, hash: u32): u32 {
  return tagged(control, tagOf(hash));
}

// @ts-ignore: decorator
@inline
function tagged(control: usize, tag: u32): u32 {
  const equal = i8x16.eq(v128.load(control), i8x16.splat(<i8>tag));
  return <u32>i8x16.bitmask(equal) & SLOT_BITS;
}

// @ts-ignore: decorator
@inline
export function over(control: usize): u32 {
  return load<u8>(control, GROUP_SLOTS);
}

// @ts-ignore: decorator
@inline
export function after(group: u32, groups: u32): u32 {
  return group + 1 == groups ? 0 : group + 1;
}

/** Whether two keys of class K are the same. */
// @ts-ignore: decorator
@inline
export function equal<K>(a: usize, b: usize): bool {
  let difference = load<u64>(a) ^ load<u64>(b);
  if (tailOf<K>() > 8) difference |= load<u64>(a, 8) ^ load<u64>(b, 8);
  if (tailOf<K>() > 16) difference |= load<u64>(a, 16) ^ load<u64>(b, 16);
  if (tailOf<K>() > 24) difference |= load<u64>(a, 24) ^ load<u64>(b, 24);
  return (difference | (lastWord<K>(a) ^ lastWord<K>(b))) == 0;
}

/** The entry of a key, 0 when there is none. */
export function lookup<K, E>(table: Table, key: usize, hash: u32): usize {
  const groups = table.groups;
  let group = home(hash, groups);
  for (let probes: u32 = 0; probes < groups; probes++) {
    const control = table.control + group * CONTROL_SIZE;
    for (let match = matches(control, hash); match != 0; match &= match - 1) {
      const entry = at<E>(table, group * GROUP_SLOTS + ctz<u32>(match));
      if (equal<K>(entry, key)) return entry;
    }
    if (over(control) == 0) return 0;
    group = after(group, groups);
  }
  return 0;
}

/**
 * Takes a slot for a key that is not in the table; 0 when the table is full. All but the key is
 * zero.
 */
export function insert<K, E>(table: Table, key: usize, hash: u32): usize {
  if (table.length >= table.capacity) return 0;
  assert(lookup<K, E>(table, key, hash) == 0, "a key is inserted once");
  const groups = table.groups;
  let group = home(hash, groups);
  let control = table.control + group * CONTROL_SIZE;
  let empty = tagged(control, 0);
  while (empty == 0) {
    if (over(control) < OVER_MAX) store<u8>(control, <u8>(over(control) + 1), GROUP_SLOTS);
    group = after(group, groups);
    control = table.control + group * CONTROL_SIZE;
    empty = tagged(control, 0);
  }
  const slot = ctz<u32>(empty);
  store<u8>(control + slot, <u8>tagOf(hash));
  table.length++;
  const entry = at<E>(table, group * GROUP_SLOTS + slot);
  copy<K>(entry, key);
  return entry;
}

/** Copies a key word by word: a call of memory.copy costs more than the key. */
// @ts-ignore: decorator
@inline
export function copy<K>(to: usize, key: usize): void {
  store<u64>(to, load<u64>(key));
  if (tailOf<K>() > 8) store<u64>(to, load<u64>(key, 8), 8);
  if (tailOf<K>() > 16) store<u64>(to, load<u64>(key, 16), 16);
  if (tailOf<K>() > 24) store<u64>(to, load<u64>(key, 24), 24);
  store<u64>(to, lastWord<K>(key), tailOf<K>());
}

// @ts-ignore: decorator
@inline
export function clear<E>(entry: usize): void {
  if (offsetof<E>() % 16 != 0) ERROR("entries are cleared 16 bytes at a time");
  for (let at: usize = 0; at < offsetof<E>(); at += 16) v128.store(entry + at, i64x2.splat(0));
}

function tagAt(table: Table, slot: u32): u32 {
  return load<u8>(table.control + (slot / GROUP_SLOTS) * CONTROL_SIZE + (slot % GROUP_SLOTS));
}

/** Gives the slot of an entry back, zeroed: who still holds its address finds no key there. */
export function remove<K, E>(table: Table, entry: usize): void {
  const slot = slotOf<E>(table, entry);
  const target = slot / GROUP_SLOTS;
  assert(tagAt(table, slot) != 0, "an entry is removed once");
  let group = home(hash<K>(entry), table.groups);
  for (; group != target; group = after(group, table.groups)) {
    const control = table.control + group * CONTROL_SIZE;
    assert(over(control) != 0, "every group passed has counted the entry");
    if (over(control) < OVER_MAX) store<u8>(control, <u8>(over(control) - 1), GROUP_SLOTS);
  }
  store<u8>(table.control + target * CONTROL_SIZE + (slot % GROUP_SLOTS), 0);
  clear<E>(entry);
  table.length--;
}

// @ts-ignore: decorator
@inline
export function at<E>(table: Table, slot: u32): usize {
  assert(slot < table.groups * GROUP_SLOTS, "a slot of the table");
  return table.entries + slot * offsetof<E>();
}

// @ts-ignore: decorator
@inline
export function slotOf<E>(table: Table, entry: usize): u32 {
  return <u32>((entry - table.entries) / offsetof<E>());
}

/** The next taken slot after `slot`, -1 at the end; -1 asks for the first. */
export function next(table: Table, slot: i32): i32 {
  const first = <u32>(slot + 1);
  let skip = first % GROUP_SLOTS;
  for (let group = first / GROUP_SLOTS; group < table.groups; group++) {
    const empty = tagged(table.control + group * CONTROL_SIZE, 0);
    const taken = ~empty & SLOT_BITS & (~0 << skip);
    if (taken != 0) return group * GROUP_SLOTS + ctz<u32>(taken);
    skip = 0;
  }
  return -1;
}
