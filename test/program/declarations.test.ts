/** Maps that programs declare: made, found, shared, or given by the host. */
import { describe, expect, test } from "vitest";
import { MAP_TYPE_ARRAY, MAP_TYPE_ARRAY_OF_MAPS } from "../../abi/program.ts";
import { COUNTER, mapCreate, moduleOf, NEXT } from "./module.ts";
import { attach, FRAME, failure, SCENES } from "./scene.ts";

describe.each(SCENES)("$engine", ({ create }) => {
  test("no map, whoever makes it, has the name of one of the dataplane's own", async () => {
    const { dataplane, traces } = await create();
    const taken = Object.keys(dataplane.maps);
    expect(taken).toContain("conntrack");
    const before = traces();
    for (const name of taken) {
      const refusal = failure("EEXIST", new RegExp(`${name} is a map of the dataplane's own`));
      const spec = { name, type: "array", value: "u64", maxEntries: 16 } as const;
      expect(() => dataplane.maps.create(spec)).toThrow(refusal);
      const start = `(drop ${mapCreate({ at: 0, length: name.length, type: MAP_TYPE_ARRAY })})`;
      const bytes = moduleOf({ data: name, start });
      await expect(dataplane.programs.load(bytes, { name: "p" })).rejects.toThrow(refusal);
      expect(traces()).toEqual(before);
    }
    const [name = ""] = taken;
    const start = `(drop ${mapCreate({ at: 0, length: name.length, type: MAP_TYPE_ARRAY })})`;
    const mine = dataplane.maps.create({ name: "m", type: "array", value: "u64", maxEntries: 1 });
    const maps = { [name]: mine };
    const program = await dataplane.programs.load(moduleOf({ data: name, start }), { maps });
    expect(program.map(name)).toBe(mine);
  });

  test("a map that is there under its name and like it is shared", async () => {
    const scene = await create();
    const { maps, programs } = scene.dataplane;
    const own = maps.create({ name: "hits", type: "array", value: "u64", maxEntries: 16 });
    await attach(scene, COUNTER, "a");
    await attach(scene, COUNTER, "b");
    scene.dataplane.process(FRAME, { now: 0 });
    expect(own.lookup(0)).toBe(2n);
    expect(own.info().programs).toEqual(["a", "b"]);
    expect(programs.get("a")!.map("hits")).toBe(own);
    expect(() => own.close()).toThrow(failure("EBUSY"));
  });

  test("a map may be given in place of one that is declared", async () => {
    const { dataplane } = await create();
    const mine = dataplane.maps.create({
      name: "mine",
      type: "array",
      value: "u64",
      maxEntries: 16,
    });
    const options = { name: "a", maps: { hits: mine } };
    const program = await dataplane.programs.load(moduleOf(COUNTER), options);
    dataplane.hooks.egress.attach(program);
    dataplane.process(FRAME, { now: 0 });
    expect(mine.lookup(0)).toBe(1n);
    expect(program.map("hits")).toBe(mine);
    expect(program.info().maps).toEqual(["mine"]);
    expect(dataplane.maps.get("hits")).toBeUndefined();
  });

  test("a map of maps that a program declares takes maps of the kind it says, and the program finds them", async () => {
    const scene = await create();
    const { dataplane } = scene;
    const { maps } = dataplane;
    const numbers = [6, MAP_TYPE_ARRAY_OF_MAPS, 4, 2, 0, MAP_TYPE_ARRAY, 4, 8, 1, 0];
    await attach(scene, {
      data: "tables\0\0",
      others: "(global $map (mut i32) (i32.const 0))",
      start: `(global.set $map (call $map_create_inner (global.get $base) ${numbers.map((number) => `(i32.const ${number})`).join(" ")}))`,
      // The verdict is what stands in the inner map of index 0; NEXT without one.
      body: `(i32.store (global.get $base) (i32.const 0))
        (local.set $a (call $map_lookup (global.get $map) (global.get $base)))
        (if (result i32) (local.get $a)
          (then (i32.load (i32.load offset=20 (local.get $a)))) (else ${NEXT}))`,
    });
    expect(dataplane.process(FRAME, { now: 0 }).verdict).toBe("PASS");
    const inner = maps.create({ name: "drop", type: "array", value: "u64", maxEntries: 1 });
    inner.update(0, 1n);
    const outer = maps.get("tables")!;
    outer.update(0, inner);
    expect(dataplane.process(FRAME, { now: 0 }).verdict).toBe("DROP");
    const wrong = maps.create({ name: "wrong", type: "array", value: "u32", maxEntries: 1 });
    expect(() => outer.update(0, wrong)).toThrow(failure("EINVAL"));
    expect(() => inner.close()).toThrow(failure("EBUSY"));
  });
});
