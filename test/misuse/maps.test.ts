/** What JavaScript lets people hand to maps: it is refused with a MapError, and nothing is left of it. */
import { describe, expect, test } from "vitest";
import { MapError } from "../../src/index.ts";
import { SCENES } from "../program/scene.ts";

const HASH = { name: "m", type: "hash", key: "u32", value: "u32", maxEntries: 4 } as const;
const NO_SPECS: Readonly<Record<string, unknown>> = {
  nothing: undefined,
  null: null,
  "a number": 1,
  "an array": [],
  "no name": {},
  "a name of 64": { ...HASH, name: "a".repeat(64) },
  "a name beyond ASCII": { ...HASH, name: "é" },
  "a type of Object.prototype": { ...HASH, type: "constructor" },
  "__proto__ for a type": { ...HASH, type: "__proto__" },
  "a symbol for a layout": { ...HASH, key: Symbol("u32") },
  "a function for a layout": { ...HASH, value: () => "u32" },
  "a layout that holds itself": { ...HASH, value: loop() },
  "a field __proto__": { ...HASH, value: JSON.parse('{"__proto__":"u32"}') },
  "a struct of 72,000 bytes": { ...HASH, value: fields(9000) },
  "a text for flags": { ...HASH, flags: "rdonly" },
  "null among flags": { ...HASH, flags: [null] },
  "a bigint of entries": { ...HASH, maxEntries: 4n },
  "NaN entries": { ...HASH, maxEntries: Number.NaN },
  "2 ** 32 entries": { ...HASH, maxEntries: 2 ** 32 },
  "more than there is room for": { ...HASH, maxEntries: 2 ** 32 - 1 },
  "an option that nobody knows": { ...HASH, size: 4 },
  "a map of maps of nothing": { name: "m", type: "hash_of_maps", key: "u32", maxEntries: 1 },
};

function loop(): object {
  const layout: Record<string, unknown> = {};
  layout.self = layout;
  return layout;
}

function fields(count: number): object {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`f${index}`, "u64"]));
}

const RECORD = {
  count: "u32",
  name: { text: 8 },
  raw: { bytes: 4 },
  sum: "u64",
  on: "bool",
} as const;
const VALUE = { count: 1, name: "x", raw: new Uint8Array(4), sum: 1n, on: true };
const NO_KEYS = [
  undefined,
  null,
  "1",
  1n,
  1.5,
  Number.NaN,
  -1,
  2 ** 32,
  {},
  [1],
  Symbol("1"),
  true,
];
const NO_VALUES: Readonly<Record<string, unknown>> = {
  nothing: undefined,
  "a number": 1,
  "no fields": {},
  "a bigint for 32 bits": { ...VALUE, count: 1n },
  "a number for 64 bits": { ...VALUE, sum: 1 },
  "1 for true": { ...VALUE, on: 1 },
  "nine bytes of text": { ...VALUE, name: "ééééé" },
  "text with a zero": { ...VALUE, name: "a\0" },
  "half a surrogate pair": { ...VALUE, name: "\ud800" },
  "an array for bytes": { ...VALUE, raw: [1, 2, 3, 4] },
  "five bytes for four": { ...VALUE, raw: new Uint8Array(5) },
  "a field too many": { ...VALUE, more: 1 },
  "a field too many, inherited": Object.assign(Object.create({ more: 1 }), VALUE),
};
const NO_OPTIONS = [null, 1, "noexist", { flag: "x" }, { flag: null }, { flag: Symbol("any") }];
const NO_ENTRIES = [null, undefined, 1, {}, "ab", [1], [null], ["ab"]];
const NO_LISTS = [null, undefined, 1, {}, "ab", [[1]], [null], ["ab"]];

describe.each(SCENES)("misuse of maps: $engine", ({ create }) => {
  test.each(Object.entries(NO_SPECS))("create: %s", async (_, spec) => {
    const { dataplane, traces } = await create();
    const before = traces();
    expect(() => dataplane.maps.create(spec as never)).toThrow(MapError);
    expect(traces()).toEqual(before);
  });

  test.each(NO_KEYS)("key %s", async (key) => {
    const { maps } = (await create()).dataplane;
    const map = maps.create(HASH);
    expect(() => map.lookup(key as never)).toThrow(MapError);
    expect(() => map.update(key as never, 1)).toThrow(MapError);
    expect(() => map.delete(key as never)).toThrow(MapError);
    expect(map.length).toBe(0);
  });

  test.each(Object.entries(NO_VALUES))("value: %s", async (_, value) => {
    const { maps } = (await create()).dataplane;
    const map = maps.create({ ...HASH, value: RECORD });
    map.update(1, VALUE);
    expect(() => map.update(1, value as never)).toThrow(MapError);
    expect(() => map.update(2, value as never)).toThrow(/^EINVAL: m: value.* must be|is not known/);
    expect([...map.entries()]).toEqual([[1, VALUE]]);
  });

  test("a field too many is named, where ever it comes from", async () => {
    const { maps } = (await create()).dataplane;
    const map = maps.create({ ...HASH, value: RECORD });
    const value = Object.assign(Object.create({ more: 1 }), VALUE);
    expect(() => map.update(1, value)).toThrow('m: value."more" is not known');
  });

  test("a getter that closes the map it is read for", async () => {
    const { dataplane, traces } = await create();
    const before = traces();
    const map = dataplane.maps.create({ ...HASH, value: { count: "u32" } });
    const count = () => {
      map.close();
      return 1;
    };
    expect(() =>
      map.update(1, Object.defineProperty({ count: 0 }, "count", { get: count })),
    ).toThrow(expect.objectContaining({ code: "EBADF" }));
    expect(traces()).toEqual(before);
  });

  test("a getter of a key that closes the map that is to be the value", async () => {
    const { maps } = (await create()).dataplane;
    const inner = { type: "array", value: "u32", maxEntries: 2 } as const;
    const key = { number: "u32" } as const;
    const outer = maps.create({ name: "outer", type: "hash_of_maps", key, maxEntries: 2, inner });
    const map = maps.create({ name: "inner", ...inner });
    const number = () => {
      map.close();
      return 1;
    };
    const closing = Object.defineProperty({ number: 0 }, "number", {
      get: number,
      enumerable: true,
    });
    expect(() => outer.update(closing, map)).toThrow(MapError);
    expect([...outer.entries()]).toEqual([]);
  });

  test("options of update, entries and keys of a batch, cursors", async () => {
    const { maps } = (await create()).dataplane;
    const map = maps.create(HASH);
    for (const options of NO_OPTIONS) {
      expect(() => map.update(1, 1, options as never)).toThrow(MapError);
    }
    for (const entries of NO_ENTRIES) {
      expect(() => map.batch.update(entries as never)).toThrow(MapError);
    }
    for (const keys of NO_LISTS) {
      expect(() => map.batch.delete(keys as never)).toThrow(MapError);
    }
    for (const count of [0, -1, "1", null, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => map.batch.lookup(count as never)).toThrow(MapError);
    }
    for (const cursor of [null, 1, {}, "x", Symbol("x")]) {
      expect(() => map.batch.lookup(1, cursor)).toThrow(MapError);
    }
    expect(map.length).toBe(0);
  });

  test("iterators and cursors of a map that is closed, and whose room another has", async () => {
    const { maps } = (await create()).dataplane;
    const map = maps.create(HASH);
    map.batch.update([1, 2, 3].map((key) => [key, key]));
    const [entries, page] = [map.entries(), map.batch.lookup(1)];
    entries.next();
    map.close();
    maps.create({ ...HASH, key: 8, value: 4 }).update(new Uint8Array(8), new Uint8Array(4));
    expect(entries.next().done).toBe(true);
    expect(() => map.batch.lookup(1, page.cursor)).toThrow(
      expect.objectContaining({ code: "EBADF" }),
    );
  });

  test("entries that are deleted and put in while somebody goes over them", async () => {
    const { maps } = (await create()).dataplane;
    const map = maps.create(HASH);
    map.batch.update([1, 2, 3, 4].map((key) => [key, key]));
    const met: number[] = [];
    for (const [key] of map.entries()) {
      met.push(key);
      map.delete(key);
    }
    expect(met.sort()).toEqual([1, 2, 3, 4]);
    expect(map.length).toBe(0);
  });
});
