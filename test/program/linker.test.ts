/** Taking programs into a dataplane: their ranges and their places. */
import { describe, expect, test } from "vitest";
import { CTX_MARK, CTX_REASON, MAP_TYPE_PROG_ARRAY, TAIL_CALL } from "../../abi/program.ts";
import { type LoadedProgram, Program } from "../../src/index.ts";
import { COUNTER, DROP, type ModuleText, mapCreate, moduleOf, NEXT } from "./module.ts";
import { attach, FRAME, failure, SCENES } from "./scene.ts";

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
