/** Many entries in one call, as BPF_MAP_LOOKUP_BATCH and its like: generic_map_*_batch of kernel/bpf/syscall.c. */
import { MapError } from "./error.ts";
import type { MapBatch, UpdateOptions } from "./map.ts";
import { badValue } from "./scalar.ts";

/** What a batch does to its map, entry by entry. */
export interface BatchedMap {
  readonly name: string;
  /** Its entries, in its order; throws when it cannot be read. */
  keys(): Iterator<[Uint8Array, Uint8Array]>;
  /** Value of a key's bytes. */
  lookup(key: Uint8Array): unknown;
  decode(key: Uint8Array): unknown;
  remove(key: Uint8Array): boolean;
  update(key: unknown, value: unknown, options: UpdateOptions | undefined): void;
  delete(key: unknown): boolean;
}

type Page = ReturnType<MapBatch<unknown, unknown>["lookup"]>;

/** Where the next call goes on: it has seen that there is an entry. */
interface Cursor {
  readonly map: BatchedMap;
  readonly rest: Iterator<[Uint8Array, Uint8Array]>;
  readonly key: Uint8Array;
}

export function createBatch(map: BatchedMap): MapBatch<unknown, unknown> {
  /** Those that were given out and have not been used. */
  const cursors = new WeakSet<Cursor>();
  const take = (count: number, cursor: unknown, removes: boolean): Page => {
    checkCount(count);
    const page = readPage(map, count, open(map, cursors, cursor), removes);
    if (page.cursor !== undefined) cursors.add(page.cursor as Cursor);
    return page;
  };
  return {
    lookup: (count, cursor) => take(count, cursor, false),
    lookupAndDelete: (count, cursor) => take(count, cursor, true),
    update: (entries, options) =>
      doEach("entries", entries, (entry) => {
        if (!Array.isArray(entry)) throw badValue("an entry", entry, "an array [key, value]");
        map.update(entry[0], entry[1], options);
        return true;
      }),
    delete: (keys) => doEach("keys", keys, (key) => map.delete(key)),
  };
}

function checkCount(count: unknown): void {
  if (Number.isInteger(count) && (count as number) >= 1) return;
  throw badValue("count", count, "an integer from 1 on");
}

/** A cursor goes on once: it stands in an iteration that moves. */
function open(map: BatchedMap, cursors: WeakSet<Cursor>, cursor: unknown): Cursor | undefined {
  if (cursor !== undefined) {
    const known = cursor as Cursor;
    if (typeof cursor === "object" && cursor !== null && cursors.delete(known)) return known;
    throw new MapError(
      "EINVAL",
      `${map.name}: the cursor is not one of this map, or was used before`,
    );
  }
  return advance(map, map.keys());
}

function advance(map: BatchedMap, rest: Cursor["rest"]): Cursor | undefined {
  const { done, value } = rest.next();
  return done === true ? undefined : { map, rest, key: value[0] };
}

function readPage(
  map: BatchedMap,
  count: number,
  first: Cursor | undefined,
  removes: boolean,
): Page {
  const entries: [unknown, unknown][] = [];
  let cursor = first;
  while (cursor !== undefined && entries.length < count) {
    const { key, rest } = cursor;
    const value = map.lookup(key);
    if (value !== undefined) {
      if (removes) map.remove(key);
      entries.push([map.decode(key), value]);
    }
    cursor = advance(map, rest);
  }
  return { entries, cursor };
}

/** How many it was true for. What is thrown on the way says how many were done before. */
function doEach<Item>(name: string, items: Iterable<Item>, act: (item: Item) => boolean): number {
  if (typeof Object(items)[Symbol.iterator] !== "function") {
    throw badValue(name, items, "an array, or something else to iterate over");
  }
  let [done, count] = [0, 0];
  try {
    for (const item of items) {
      if (act(item)) count++;
      done++;
    }
  } catch (error) {
    if (!(error instanceof MapError)) throw error;
    const message = error.message.slice(error.code.length + 2);
    throw new MapError(error.code, `${message} (after ${done} done)`, done);
  }
  return count;
}
