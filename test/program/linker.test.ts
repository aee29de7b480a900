/** Taking programs into a dataplane: their ranges, what they declare, and that a load is whole or leaves nothing. */
import { describe, expect, test } from "vitest";
import {
  CTX_MARK,
  CTX_REASON,
  MAP_TYPE_ARRAY,
  MAP_TYPE_ARRAY_OF_MAPS,
  MAP_TYPE_HASH,
  MAP_TYPE_HASH_OF_MAPS,
  MAP_TYPE_PROG_ARRAY,
  TAIL_CALL,
} from "../../abi/program.ts";
import { type LoadedProgram, Program } from "../../src/index.ts";
import { DROP, type ModuleText, mapCreate, moduleOf, NEXT } from "./module.ts";
import { FRAME, SCENES, type Scene } from "./scene.ts";

const HITS = mapCreate({ at: 0, length: 4, type: MAP_TYPE_ARRAY });
/** Counts packets in an array called hits. */
const COUNTER: ModuleText = {
  data: "hits",
  others: "(global $map (mut i32) (i32.const 0))",
  start: `(global.set $map ${HITS})`,
  body: `(local.set $a (i32.load offset=20 (global.get $map)))
    (i64.store (local.get $a) (i64.add (i64.load (local.get $a)) (i64.const 1)))
    ${NEXT}`,
};

const failure = (code: string, message?: RegExp) =>
  expect.objectContaining({ code, ...(message && { message: expect.stringMatching(message) }) });

async function attach({ dataplane }: Scene, text: ModuleText, name = "p") {
  const program = await dataplane.programs.load(moduleOf(text), { name });
  return dataplane.hooks.ingress.attach(program, { first: true });
}

describe.each(SCENES)("$engine", ({ create }) => {
  test("a program is given memory, places and the maps it declares", async () => {
    const { dataplane, runtime } = await create();
    const bytes = moduleOf({ ...COUNTER, elements: ["$start"] });
    const program = await dataplane.programs.load(bytes, { name: "counter" });
    const { memory } = Program.load(bytes);
    expect(program.info()).toEqual({
      id: 2,
      name: "counter",
      tag: program.program!.tag,
      form: "packet",
      builtin: false,
      size: bytes.length,
      memory: memory.size,
      functions: 2,
      loadedAt: 0,
      maps: ["hits"],
      links: [],
    });
    expect(dataplane.maps.list()).toMatchObject([
      { name: "hits", type: "array", keySize: 4, valueSize: 8, programs: ["counter"] },
    ]);
    expect(runtime.arena.used).toBeGreaterThanOrEqual(memory.size + 16 * 8);
    expect(program.map("hits")).toBe(dataplane.maps.get("hits"));
  });

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

  test("it runs where it is attached, with its map in common with the host", async () => {
    const scene = await create();
    const link = await attach(scene, COUNTER);
    for (let now = 0; now < 3; now++) scene.dataplane.process(FRAME, { now });
    const hits = scene.dataplane.maps.get<number | Uint8Array, Uint8Array>("hits")!;
    const [[, value]] = [...hits.entries()] as [[unknown, Uint8Array]];
    expect(new DataView(value.buffer, value.byteOffset).getBigUint64(0, true)).toBe(3n);
    expect(link.info()).toMatchObject({ runCount: 3, verdicts: { NEXT: 3 } });
  });

  test("data, functions and stack stand where it was told", async () => {
    const scene = await create();
    const { dataplane } = scene;
    // Room in front, so that no base is the first there is.
    dataplane.maps.create({ name: "first", type: "array", value: "u64", maxEntries: 3 });
    await attach(scene, { ...COUNTER, elements: ["$start"] }, "other");
    // DROP when the byte at the base, a call by place, and the stack's end are right; else ABORTED.
    await attach(scene, {
      data: "hits!",
      memory: 40,
      elements: ["$seven", "$eight"],
      others: `(type $number (func (result i32)))
        (func $seven (result i32) (i32.const 7)) (func $eight (result i32) (i32.const 8))`,
      body: `(i32.and
        (i32.and
          (i32.eq (i32.load8_u offset=4 (global.get $base)) (i32.const 33))
          (i32.eq (call_indirect (type $number) (i32.add (global.get $places) (i32.const 1))) (i32.const 8)))
        (i32.and
          (i32.eqz (i32.and (global.get $stack) (i32.const 15)))
          (i32.gt_u (global.get $stack) (i32.add (global.get $base) (i32.const 40)))))`,
    });
    // And behind, so that the last one is right only if nobody wrote over it.
    const behind = { ...COUNTER, data: "hits?", elements: ["$start", "$start", "$start"] };
    await dataplane.programs.load(moduleOf(behind), { name: "behind" });
    const { verdict, event } = dataplane.process(FRAME, { now: 0 });
    expect([verdict, event.program, event.reason]).toEqual(["DROP", "p", "program"]);
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

  test("constructors and relocations of a C compiler run before it is looked at", async () => {
    const scene = await create();
    const call = (name: string, number: number) =>
      `(func (export "${name}") (global.set $order (i32.add (i32.mul (global.get $order) (i32.const 10)) (i32.const ${number}))))`;
    await attach(scene, {
      others: `(global $order (mut i32) (i32.const 0))
        ${call("__wasm_call_ctors", 2)} ${call("__wasm_apply_data_relocs", 1)}`,
      body: "(i32.eq (global.get $order) (i32.const 12))",
    });
    expect(scene.dataplane.process(FRAME, { now: 0 }).verdict).toBe("DROP");
  });

  test("a program may stand in both hooks, and is one instance there", async () => {
    const scene = await create();
    const link = await attach(scene, {
      others: "(global $seen (mut i32) (i32.const 0))",
      // NEXT the first time, DROP the second.
      body: `(global.set $seen (i32.add (global.get $seen) (i32.const 1)))
        (select ${DROP} ${NEXT} (i32.eq (global.get $seen) (i32.const 2)))`,
    });
    const program = scene.dataplane.programs.get("p")!;
    scene.dataplane.hooks.egress.attach(program, { name: "again" });
    const { event } = scene.dataplane.process(FRAME, { now: 0 });
    expect(event).toMatchObject({ verdict: "DROP", program: "again" });
    expect(link.info().runCount).toBe(1);
    expect(program.info().links).toEqual(["p", "again"]);
  });

  test("a program goes on in another one that the host has put in its prog_array", async () => {
    const scene = await create();
    const { dataplane } = scene;
    const jumps = mapCreate({ at: 0, length: 5, type: MAP_TYPE_PROG_ARRAY, value: 4 });
    const link = await attach(scene, {
      data: "jumps",
      others: "(global $map (mut i32) (i32.const 0))",
      start: `(global.set $map ${jumps})`,
      body: `(select (i32.const ${TAIL_CALL}) (i32.const 2)
        (call $tail_call (local.get $ctx) (global.get $map) (i32.const 1)))`,
    });
    const target = await dataplane.programs.load(moduleOf({ body: DROP }), { name: "target" });
    const array = dataplane.programs.get("p")!.map<number, LoadedProgram>("jumps");
    const key = [...new Uint8Array(new Uint32Array([1]).buffer)];
    const one = array.info().key === undefined ? (new Uint8Array(key) as never) : 1;
    expect(dataplane.process(FRAME, { now: 0 }).verdict).toBe("PASS");
    array.update(one, target);
    expect(dataplane.process(FRAME, { now: 0 }).event).toMatchObject({
      verdict: "DROP",
      program: "p",
    });
    expect(link.info().verdicts).toMatchObject({ PASS: 1, DROP: 1 });
    array.delete(one);
    target.unload();
    expect(dataplane.process(FRAME, { now: 0 }).verdict).toBe("PASS");
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

  describe("reasons", () => {
    const because = (texts: readonly string[]): ModuleText => {
      const data = texts.join("");
      const number = (text: string) =>
        `(call $reason (i32.add (global.get $base) (i32.const ${data.indexOf(text)})) (i32.const ${text.length}))`;
      const start = `${texts.map((text) => `(drop ${number(text)})`).join("")} (global.set $why ${number(texts.at(-1)!)})`;
      return {
        data,
        others: "(global $why (mut i32) (i32.const 0))",
        start,
        body: `(i32.store offset=${CTX_REASON} (local.get $ctx) (global.get $why)) ${DROP}`,
      };
    };

    test("are told by events, by the same number whoever gives them", async () => {
      const scene = await create();
      const { dataplane } = scene;
      const link = await attach(scene, because(["too many", "syn flood"]), "a");
      expect(dataplane.process(FRAME, { now: 0 }).event.programReason).toBe("syn flood");
      link.detach();
      await attach(scene, because(["syn flood", "too many"]), "b");
      expect(dataplane.process(FRAME, { now: 0 }).event.programReason).toBe("too many");
      expect(scene.traces()).toMatchObject({ reasons: ["too many", "syn flood", undefined] });
    });

    test.each([
      { name: "of no bytes", text: "" },
      { name: "of 64 bytes", text: "a".repeat(64) },
      { name: "of two lines", text: "a\nb" },
      { name: "that are no UTF-8", text: "\xff" },
    ])("$name are refused", async ({ text }) => {
      const scene = await create();
      const before = scene.traces();
      const data = text === "" ? "x" : text;
      const start = `(drop (call $reason (global.get $base) (i32.const ${text.length})))`;
      await expect(scene.dataplane.programs.load(moduleOf({ data, start }))).rejects.toThrow(
        failure("load"),
      );
      expect(scene.traces()).toEqual(before);
    });
  });

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

  test("a dataplane without an arena takes no program that needs memory", async () => {
    const { dataplane } = await create({ capacity: { arena: 0 } });
    await expect(dataplane.programs.load(moduleOf(COUNTER))).rejects.toThrow(
      failure("no-memory", /has 0 of 0 left: create the dataplane with a larger capacity.arena/),
    );
  });

  test("what is for load time is a trap afterwards", async () => {
    const scene = await create();
    const link = await attach(scene, {
      data: "late",
      body: `(drop (call $reason (global.get $base) (i32.const 4))) ${NEXT}`,
    });
    const { event } = scene.dataplane.process(FRAME, { now: 0 });
    expect(event).toMatchObject({ verdict: "ABORTED", reason: "trap", program: "p" });
    expect(link.info()).toMatchObject({
      traps: 1,
      lastTrap: expect.stringMatching(/^reason is for when a program is loaded/),
    });
  });

  test("AssemblyScript's abort says what, where, in which line", async () => {
    const scene = await create();
    const { dataplane } = scene;
    const source = `export function program(ctx: usize): i32 {
  assert(load<u32>(ctx, ${CTX_MARK}) == 7, "the mark has to be seven");
  return -1;
}`;
    const program = await Program.compile(source, { name: "strict" });
    const link = dataplane.hooks.ingress.attach(await dataplane.programs.load(program));
    expect(dataplane.process(FRAME, { now: 0, mark: 7 }).verdict).toBe("PASS");
    expect(dataplane.process(FRAME, { now: 0, mark: 8 }).verdict).toBe("ABORTED");
    expect(link.info().lastTrap).toMatch(/^the mark has to be seven \(.+:2:\d+\)$/);
  });

  test("1,000 loads and unloads leave the arena and the table as they were", async () => {
    const scene = await create();
    const { programs, maps } = scene.dataplane;
    const program = Program.load(moduleOf({ ...COUNTER, elements: ["$start"] }));
    (await programs.load(program)).unload();
    const [before, length] = [scene.traces(), scene.runtime.table.length];
    for (let i = 0; i < 1000; i++) (await programs.load(program)).unload();
    expect(scene.traces()).toEqual(before);
    expect(scene.runtime.table.length).toBe(length);
    maps.get("hits")!.close();
    expect(scene.runtime.arena.used).toBe(0);
  });
});
