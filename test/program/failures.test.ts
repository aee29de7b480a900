/** A load is whole or leaves nothing. */
import { describe, expect, test } from "vitest";
import { MAP_TYPE_ARRAY, MAP_TYPE_HASH, MAP_TYPE_HASH_OF_MAPS } from "../../abi/program.ts";
import { COUNTER, HITS, type ModuleText, mapCreate, moduleOf } from "./module.ts";
import { failure, SCENES, type Scene } from "./scene.ts";

describe.each(SCENES)("$engine", ({ create }) => {
  describe("a load that fails leaves nothing behind", () => {
    const zero = (count: number) => "(i32.const 0) ".repeat(count);
    const late = (text: string): ModuleText => ({
      ...COUNTER,
      start: `(global.set $map ${HITS}) (drop (call $reason (global.get $base) (i32.const 4))) ${text}`,
    });
    test.each<{ name: string; text: ModuleText; code: string; message?: RegExp }>([
      { name: "a trap", text: late("unreachable"), code: "load", message: /unreachable/ },
      {
        name: "a stack without end",
        text: { ...late("(call $again)"), others: `${COUNTER.others} (func $again (call $again))` },
        code: "load",
        message: /^p has thrown while it was loaded: /,
      },
      {
        name: "an abort",
        text: late(`(call $abort ${zero(2)} (i32.const 12) (i32.const 5))`),
        code: "load",
        message: /aborted \(\?:12:5\)$/,
      },
      {
        name: "a map that cannot be",
        text: late(`(drop ${mapCreate({ at: 0, length: 3, type: MAP_TYPE_HASH, entries: 0 })})`),
        code: "EINVAL",
      },
      {
        name: "a map of no type",
        text: late(`(drop ${mapCreate({ at: 0, length: 3, type: 99 })})`),
        code: "EINVAL",
      },
      {
        name: "a map that does not fit",
        text: late(
          `(drop ${mapCreate({ at: 0, length: 3, type: MAP_TYPE_ARRAY, entries: 2 ** 20 })})`,
        ),
        code: "ENOMEM",
      },
      {
        name: "a map that it declares twice, as two kinds",
        text: late(`(drop ${mapCreate({ at: 0, length: 4, type: MAP_TYPE_HASH })})`),
        code: "EINVAL",
      },
      {
        name: "a map that is there as another kind",
        text: late(`(drop ${mapCreate({ at: 4, length: 5, type: MAP_TYPE_HASH })})`),
        code: "EINVAL",
      },
      {
        name: "a map of maps of no kind",
        text: late(
          `(drop (call $map_create_inner (global.get $base) (i32.const 3) (i32.const ${MAP_TYPE_HASH_OF_MAPS}) (i32.const 4) ${zero(7)}))`,
        ),
        code: "EINVAL",
      },
      {
        name: "a map whose name is out of memory",
        text: late(`(drop (call $map_create (i32.const -16) (i32.const 64) ${zero(9)}))`),
        code: "load",
        message: /not in memory/,
      },
      {
        name: "a name of a gigabyte",
        text: late(`(drop (call $reason (i32.const 0) (i32.const 0x40000000)))`),
        code: "load",
      },
      {
        name: "another ABI",
        text: { ...late(""), version: 99 },
        code: "abi-mismatch",
        message: /99/,
      },
      { name: "more memory than there is", text: { memory: 1 << 21 }, code: "no-memory" },
    ])("$name", async ({ text, code, message }) => {
      const scene = await create();
      scene.dataplane.maps.create({ name: "there", type: "array", value: "u8", maxEntries: 1 });
      const before = scene.traces();
      const data = `${COUNTER.data}there`;
      const bytes = moduleOf({ ...text, data });
      const load = scene.dataplane.programs.load(bytes, { name: "p" });
      await expect(load).rejects.toThrow(failure(code, message));
      expect(scene.traces()).toEqual(before);
      await scene.dataplane.programs.load(moduleOf(COUNTER), { name: "p" });
    });

    test("a replacement for a map that it does not declare", async () => {
      const scene = await create();
      const { maps, programs } = scene.dataplane;
      const other = maps.create({ name: "other", type: "array", value: "u64", maxEntries: 16 });
      const before = scene.traces();
      const load = programs.load(moduleOf(COUNTER), { maps: { hist: other } as never });
      await expect(load).rejects.toThrow(
        failure("bad-option", /^maps.hist replaces nothing: .* declares are hits$/),
      );
      expect(scene.traces()).toEqual(before);
    });

    test.each([
      { name: "null", map: () => null },
      { name: "a look-alike", map: () => ({ name: "hits" }) },
      {
        name: "another kind",
        map: ({ dataplane }: Scene) =>
          dataplane.maps.create({ name: "x", type: "array", value: "u32", maxEntries: 16 }),
      },
      {
        name: "a closed one",
        map: ({ dataplane }: Scene) => {
          const map = dataplane.maps.create({
            name: "x",
            type: "array",
            value: "u64",
            maxEntries: 16,
          });
          map.close();
          return map;
        },
      },
    ])("a replacement that is $name", async ({ map }) => {
      const scene = await create();
      const hits = map(scene);
      const before = scene.traces();
      const load = scene.dataplane.programs.load(moduleOf(COUNTER), { maps: { hits } as never });
      await expect(load).rejects.toThrow(failure("EINVAL"));
      expect(scene.traces()).toEqual(before);
    });

    test("a replacement of another dataplane", async () => {
      const [scene, foreign] = [await create(), await create()];
      const hits = foreign.dataplane.maps.create({
        name: "hits",
        type: "array",
        value: "u64",
        maxEntries: 16,
      });
      const load = scene.dataplane.programs.load(moduleOf(COUNTER), { maps: { hits } as never });
      await expect(load).rejects.toThrow(failure("EINVAL"));
    });
  });
});
