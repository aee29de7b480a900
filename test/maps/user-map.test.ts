/** Maps as people have them: what each type does, in the words of bpf(2). */
import { describe, expect, test } from "vitest";
import type { UserMap } from "../../src/maps/map.ts";
import { engines, OTHER_PROGRAM, PROGRAM } from "./engines.ts";
import { codeOf } from "./refusal.ts";

/** Updates of a key that is there with "noexist" and "exist", and of one that is not with "exist" and "noexist". */
function flagsOn(map: UserMap, known: unknown, unknown: unknown, value: unknown): string[] {
  return [
    codeOf(() => map.update(known, value, { flag: "noexist" })),
    codeOf(() => map.update(known, value, { flag: "exist" })),
    codeOf(() => map.update(unknown, value, { flag: "exist" })),
    codeOf(() => map.update(unknown, value, { flag: "noexist" })),
  ];
}

describe.each(engines)("%s", (_name, create) => {
  test("hash: fields in, fields out", async () => {
    const { maps } = await create();
    const flows = maps.create({
      name: "flows",
      type: "hash",
      key: { saddr: "ipv4", dport: "be16", proto: "u8" },
      value: { packets: "u64", note: { text: 8 }, peer: { mac: "mac" } },
      maxEntries: 2,
    });
    const key = { saddr: "10.0.0.1", dport: 80, proto: 6 };
    const value = { packets: 3n, note: "seen", peer: { mac: "02:00:00:00:00:01" } };
    expect(flows.lookup(key)).toBeUndefined();
    flows.update(key, value);
    expect(flows.lookup(key)).toEqual(value);
    expect([...flows.entries()]).toEqual([[key, value]]);
    expect([flows.length, flows.capacity]).toEqual([1, 2]);
    expect(flagsOn(flows as UserMap, key, { ...key, proto: 17 }, value)).toEqual([
      "EEXIST",
      "nothing",
      "ENOENT",
      "nothing",
    ]);
    expect(codeOf(() => flows.update({ ...key, dport: 81 }, value))).toBe("E2BIG");
    flows.update(key, { ...value, packets: 4n });
    expect(flows.lookup(key)?.packets).toBe(4n);
    expect([flows.delete(key), flows.delete(key), flows.length]).toEqual([true, false, 1]);
  });

  test("array: all entries are there, zero, and stay", async () => {
    const { maps } = await create();
    const counters = maps.create({ name: "c", type: "array", value: "u64", maxEntries: 3 });
    expect([...counters.entries()]).toEqual([
      [0, 0n],
      [1, 0n],
      [2, 0n],
    ]);
    counters.update(2, 5n);
    expect([counters.lookup(2), counters.lookup(3), counters.length]).toEqual([5n, undefined, 3]);
    expect(codeOf(() => counters.update(3, 1n))).toBe("E2BIG");
    expect(codeOf(() => counters.update(2, 1n, { flag: "noexist" }))).toBe("EEXIST");
    expect(codeOf(() => counters.update(2, 6n, { flag: "exist" }))).toBe("nothing");
    expect(codeOf(() => counters.delete(2))).toBe("EINVAL");
    expect(codeOf(() => counters.delete(7))).toBe("EINVAL");
  });

  test.each(["percpu_array", "percpu_hash"] as const)("%s: a value for each CPU", async (type) => {
    const { maps } = await create({ cpus: 3 });
    const key = "u32";
    const map = maps.create({ name: "m", type, key, value: { hits: "u32" }, maxEntries: 2 });
    const values = [{ hits: 1 }, { hits: 2 }, { hits: 3 }];
    map.update(1, values);
    expect(map.lookup(1)).toEqual(values);
    expect(codeOf(() => map.update(1, values.slice(1)))).toBe("EINVAL");
    expect(codeOf(() => map.update(1, { hits: 1 } as never))).toBe("EINVAL");
    expect(map.lookup(1)).toEqual(values);
    const wrong = { hits: "3" as never };
    expect(() => map.update(1, [...values.slice(0, 2), wrong])).toThrow(
      'EINVAL: m: value[2].hits is "3": it must be an integer',
    );
    expect(map.lookup(1)).toEqual(values);
  });

  test("lru_hash: gives up what nobody has used", async () => {
    const engine = await create();
    const { maps, helpers, memory, spare } = engine;
    const map = maps.create({
      name: "m",
      type: "lru_hash",
      key: "u32",
      value: "u32",
      maxEntries: 3,
    });
    for (const key of [1, 2, 3]) map.update(key, key);
    // A program uses 1; what people look up does not count.
    new DataView(memory.buffer).setUint32(spare, 1, true);
    expect(helpers.map_lookup(maps.records()[0]?.bytes.handle ?? 0, spare)).not.toBe(0);
    map.lookup(2);
    map.update(4, 4);
    expect([...map.entries()].map(([key]) => key).sort()).toEqual([1, 3, 4]);
    // 3 is updated, 1 was used before the hand came by; it stands behind 4, at 3.
    map.update(3, 33);
    map.update(5, 5);
    expect([...map.entries()].map(([key]) => key).sort()).toEqual([3, 4, 5]);
    expect(map.length).toBe(3);
  });

  test("lpm_trie: the longest prefix wins", async () => {
    const { maps } = await create();
    const flags = ["no_prealloc"] as const;
    const spec = { type: "lpm_trie", maxEntries: 4, flags, value: { text: 12 } } as const;
    const routes = maps.create({ ...spec, name: "routes", key: "prefix4" });
    routes.update("0.0.0.0/0", "all");
    routes.update("10.0.0.0/8", "ten");
    routes.update("10.1.0.0/16", "ten one");
    const found = ["10.1.2.3", "10.2.0.1", "192.0.2.1", "10.1.0.0/12", "10.1.0.0/16"];
    expect(found.map((key) => routes.lookup(key))).toEqual([
      "ten one",
      "ten",
      "all",
      "ten",
      "ten one",
    ]);
    routes.update("10.1.2.3/32", "one");
    expect(codeOf(() => routes.update("172.16.0.0/12", "more"))).toBe("ENOSPC");
    expect(codeOf(() => routes.update("10.0.0.0/8", "more", { flag: "noexist" }))).toBe("EEXIST");
    expect(codeOf(() => routes.update("11.0.0.0/8", "more", { flag: "exist" }))).toBe("ENOENT");
    expect([routes.delete("10.1.0.0/16"), routes.delete("10.1.0.0/16")]).toEqual([true, false]);
    expect(routes.lookup("10.1.9.9")).toBe("ten");
    const routes6 = maps.create({ ...spec, name: "routes6", key: "prefix6" });
    routes6.update("2001:db8::/32", "doc");
    expect([routes6.lookup("2001:db8::1"), routes6.lookup("2001:db9::1")]).toEqual([
      "doc",
      undefined,
    ]);
    const bytes = maps.create({ ...spec, name: "bytes", key: 5 });
    expect(codeOf(() => bytes.update(Uint8Array.of(9, 0, 0, 0, 0), "x"))).toBe("EINVAL");
    expect(codeOf(() => bytes.delete(Uint8Array.of(9, 0, 0, 0, 0)))).toBe("EINVAL");
    expect(bytes.lookup(Uint8Array.of(9, 0, 0, 0, 0))).toBeUndefined();
  });

  test("prog_array: holds programs, and says who", async () => {
    const { maps } = await create();
    const calls = maps.create({ name: "calls", type: "prog_array", maxEntries: 4 });
    calls.update(1, PROGRAM);
    calls.update(3, PROGRAM);
    expect([calls.lookup(1), calls.lookup(2), calls.length]).toEqual([PROGRAM, undefined, 2]);
    expect([...calls.entries()]).toEqual([
      [1, PROGRAM],
      [3, PROGRAM],
    ]);
    for (const no of [OTHER_PROGRAM, null, 5, {}, calls]) {
      expect(codeOf(() => calls.update(1, no as never))).toBe("EINVAL");
    }
    expect(codeOf(() => calls.update(1, PROGRAM, { flag: "exist" }))).toBe("EINVAL");
    expect(codeOf(() => calls.update(4, PROGRAM))).toBe("E2BIG");
    expect(codeOf(() => calls.delete(4))).toBe("E2BIG");
    expect(maps.holders(5)).toEqual(["calls"]);
    expect([calls.delete(1), calls.delete(1)]).toEqual([true, false]);
    expect(maps.holders(5)).toEqual(["calls"]);
    calls.close();
    expect(maps.holders(5)).toEqual([]);
  });

  test.each(["array_of_maps", "hash_of_maps"] as const)("%s: holds maps", async (type) => {
    const { maps } = await create();
    const inner = { type: "array", value: "u32", maxEntries: 2 } as const;
    const one = maps.create({ ...inner, name: "one" });
    const two = maps.create({ ...inner, name: "two" });
    const larger = maps.create({ ...inner, name: "larger", maxEntries: 3 });
    const outer = maps.create({ name: "outer", type, key: "u32", maxEntries: 2, inner });
    outer.update(0, one);
    expect(outer.lookup(0)).toBe(one);
    expect([...outer.entries()]).toEqual([[0, one]]);
    expect(codeOf(() => outer.update(1, larger))).toBe("EINVAL");
    expect(codeOf(() => outer.update(1, outer))).toBe("EINVAL");
    expect(codeOf(() => outer.update(1, { name: "one" } as never))).toBe("EINVAL");
    expect(codeOf(() => one.close())).toBe("EBUSY");
    outer.update(0, two);
    one.close();
    expect(codeOf(() => outer.update(1, one))).toBe("EINVAL");
    expect(codeOf(() => two.close())).toBe("EBUSY");
    expect(outer.delete(0)).toBe(true);
    outer.update(1, two);
    outer.close();
    two.close();
    expect(maps.list().map(({ name }) => name)).toEqual(["larger"]);
  });

  test("rdonly and wronly keep people out", async () => {
    const { maps } = await create();
    const spec = { type: "hash", key: "u32", value: "u32", maxEntries: 2 } as const;
    const readable = maps.create({ ...spec, name: "r", flags: ["rdonly"] });
    expect(readable.lookup(1)).toBeUndefined();
    expect([...readable.entries()]).toEqual([]);
    const writable = maps.create({ ...spec, name: "w", flags: ["wronly"] });
    writable.update(1, 1);
    expect(writable.delete(1)).toBe(true);
    const refused = [
      () => readable.update(1, 1),
      () => readable.delete(1),
      () => readable.batch.update([[1, 1]]),
      () => readable.batch.delete([1]),
      () => writable.lookup(1),
      () => [...writable.entries()],
      () => writable.batch.lookup(1),
      () => writable.batch.lookupAndDelete(1),
    ];
    expect(refused.map(codeOf)).toEqual(refused.map(() => "EPERM"));
    readable.close();
  });

  test("entries: what is deleted on the way is gone, the rest comes once", async () => {
    const { maps } = await create();
    const spec = { type: "hash", key: "u32", value: "u32", maxEntries: 64 } as const;
    const map = maps.create({ ...spec, name: "map" });
    for (let key = 0; key < 64; key++) map.update(key, key);
    const met: number[] = [];
    for (const [key] of map.entries()) {
      met.push(key);
      map.delete(key);
      map.delete((key + 1) % 64);
    }
    expect(new Set(met).size).toBe(met.length);
    expect(map.length).toBe(0);
    map.update(1, 1);
    for (const _ of map.entries()) map.close();
    expect(map.length).toBe(0);
  });

  describe("batch", () => {
    const spec = { name: "m", type: "hash", key: "u32", value: "u32", maxEntries: 10 } as const;

    test("lookup goes on where it stopped", async () => {
      const { maps } = await create();
      const map = maps.create(spec);
      const wanted = Array.from({ length: 10 }, (_, key): [number, number] => [key, 2 * key]);
      expect(map.batch.update(wanted)).toBe(10);
      const first = map.batch.lookup(4);
      const second = map.batch.lookup(4, first.cursor);
      const third = map.batch.lookup(4, second.cursor);
      expect([first, second, third].map(({ entries }) => entries.length)).toEqual([4, 4, 2]);
      expect(third.cursor).toBeUndefined();
      const all = [first, second, third].flatMap(({ entries }) => entries);
      expect(all.sort(([a], [b]) => a - b)).toEqual(wanted);
      expect(map.batch.lookup(10).cursor).toBeUndefined();
      const used = first.cursor;
      expect(codeOf(() => map.batch.lookup(1, used))).toBe("EINVAL");
      for (const no of [null, {}, 1, "x"]) {
        expect(codeOf(() => map.batch.lookup(1, no))).toBe("EINVAL");
      }
      for (const no of [0, -1, 1.5, Number.NaN]) {
        expect(codeOf(() => map.batch.lookup(no))).toBe("EINVAL");
      }
    });

    test("a cursor shows what has changed meanwhile", async () => {
      const { maps } = await create();
      const map = maps.create(spec);
      map.batch.update([0, 1, 2, 3].map((key) => [key, key] as const));
      const { entries, cursor } = map.batch.lookup(1);
      const rest = [0, 1, 2, 3].filter((key) => key !== entries[0]?.[0]);
      map.delete(rest[0] as number);
      map.update(rest[1] as number, 9);
      const after = map.batch.lookup(10, cursor).entries;
      expect(after.sort(([a], [b]) => a - b)).toEqual([
        [rest[1], 9],
        [rest[2], rest[2]],
      ]);
    });

    test("lookupAndDelete empties it", async () => {
      const { maps } = await create();
      const map = maps.create(spec);
      map.batch.update([1, 2, 3].map((key) => [key, key] as const));
      const first = map.batch.lookupAndDelete(2);
      expect([first.entries.length, map.length]).toEqual([2, 1]);
      const second = map.batch.lookupAndDelete(2, first.cursor);
      expect([second.entries.length, second.cursor, map.length]).toEqual([1, undefined, 0]);
      const array = maps.create({ name: "a", type: "array", value: "u32", maxEntries: 1 });
      expect(codeOf(() => array.batch.lookupAndDelete(1))).toBe("EINVAL");
    });

    test("an error says how many were done", async () => {
      const { maps } = await create();
      const map = maps.create({ ...spec, maxEntries: 2 });
      const update = () => map.batch.update([1, 2, 3].map((key) => [key, key] as const));
      expect(update).toThrow(expect.objectContaining({ code: "E2BIG", count: 2, errno: 7 }));
      const wrong = () =>
        map.batch.update([
          [1, 5],
          [2, -1],
        ]);
      expect(wrong).toThrow(expect.objectContaining({ code: "EINVAL", count: 1 }));
      expect([map.lookup(1), map.lookup(2)]).toEqual([5, 2]);
      expect(map.batch.delete([1, 7, 2])).toBe(2);
      const own = new Error("of the caller");
      const items = (function* (): Generator<number> {
        yield 1;
        throw own;
      })();
      expect(() => map.batch.delete(items)).toThrow(own);
    });
  });

  test("many entries: filled, half emptied, filled again", async () => {
    const { maps } = await create({ capacity: 2 ** 22 });
    const count = 20_000;
    const value = { hits: "u32" } as const;
    const map = maps.create({ name: "m", type: "hash", key: "u64", value, maxEntries: count });
    const keyOf = (index: number) => BigInt(index) << 20n;
    for (let index = 0; index < count; index++) map.update(keyOf(index), { hits: index });
    expect(codeOf(() => map.update(-1n as never, { hits: 0 }))).toBe("EINVAL");
    expect(codeOf(() => map.update(1n, { hits: 0 }))).toBe("E2BIG");
    for (let index = 0; index < count; index += 2) expect(map.delete(keyOf(index))).toBe(true);
    for (let index = 0; index < count; index += 2) map.update(keyOf(index) + 1n, { hits: index });
    expect(map.length).toBe(count);
    const wrong = Array.from({ length: count }, (_, index) => index).filter((index) => {
      return map.lookup(keyOf(index) + BigInt(1 - (index % 2)))?.hits !== index;
    });
    expect(wrong).toEqual([]);
    expect(new Set([...map.entries()].map(([key]) => key)).size).toBe(count);
  });

  test("a value may ask the map that it is for", async () => {
    const { maps } = await create();
    const value = { hits: "u32" } as const;
    const map = maps.create({ name: "m", type: "hash", key: "u32", value, maxEntries: 2 });
    map.update(1, { hits: 41 });
    map.update(2, {
      get hits() {
        return (map.lookup(1)?.hits ?? 0) + 1;
      },
    });
    expect([map.lookup(1), map.lookup(2)]).toEqual([{ hits: 41 }, { hits: 42 }]);
  });

  test("arguments no type checker has seen", async () => {
    const { maps } = await create();
    const map = maps.create({ name: "m", type: "hash", key: "u32", value: "u32", maxEntries: 1 });
    const refused = [
      () => map.lookup("1" as never),
      () => map.update(1, undefined as never),
      () => map.update(1, 1, { flag: "maybe" as never }),
      () => map.update(1, 1, { flag: "toString" as never }),
      () => map.update(1, 1, null as never),
      () => map.delete({} as never),
    ];
    expect(refused.map(codeOf)).toEqual(refused.map(() => "EINVAL"));
    expect(map.length).toBe(0);
  });
});
