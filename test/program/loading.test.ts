/** Programs loaded, and unloaded. */
import { describe, expect, test } from "vitest";
import type { Dataplane } from "../../src/dataplane/dataplane.ts";
import { Program } from "../../src/index.ts";
import { drops, HITS, moduleOf, nexts } from "./module.ts";
import { failure, SCENES } from "./scene.ts";

describe.each(SCENES)("$engine", ({ create }) => {
  const fresh = async (options = {}): Promise<Dataplane> => (await create(options)).dataplane;

  describe("load", () => {
    test("takes checked programs and bytes, named by the option, else by themselves", async () => {
      const { programs } = await fresh();
      const program = Program.load(nexts(), { name: "guard" });
      const loaded = await Promise.all([
        programs.load(program),
        programs.load(program, { name: "guard-2" }),
        programs.load(nexts(), { name: "bare" }),
        programs.load(nexts()),
      ]);
      expect(loaded.map(({ name }) => name)).toEqual(["guard", "guard-2", "bare", "program"]);
      expect(loaded.map(({ id }) => id)).toEqual([2, 3, 4, 5]);
      expect(loaded[0]!.program).toBe(program);
      expect(programs.get("guard")).toBe(loaded[0]);
      expect(programs.list().map(({ name }) => name)).toEqual([
        "service-nat",
        "guard",
        "guard-2",
        "bare",
        "program",
      ]);
    });

    test("two at once with one name: the first has it, the second is told", async () => {
      const { programs } = await fresh();
      const both = await Promise.allSettled(
        [drops(), nexts()].map((bytes) => programs.load(bytes, { name: "p" })),
      );
      expect(both.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
      expect(both[1]).toMatchObject({ reason: failure("name-taken") });
      expect(programs.get("p")!.info().tag).toBe(Program.load(drops()).tag);
    });

    test("one that fails does not hold up those behind it", async () => {
      const { programs } = await fresh();
      const start = "unreachable";
      const [failed, loaded] = await Promise.allSettled([
        programs.load(moduleOf({ start }), { name: "p" }),
        programs.load(nexts(), { name: "p" }),
      ]);
      expect(failed).toMatchObject({ reason: failure("load") });
      expect(loaded).toMatchObject({ value: { name: "p", id: 2 } });
    });

    test("bytes that are changed meanwhile are those that were given", async () => {
      const { programs } = await fresh();
      const bytes = drops();
      const loading = programs.load(bytes);
      bytes.fill(0);
      expect((await loading).info().tag).toBe(Program.load(drops()).tag);
    });

    test.each<{ name: string; given: unknown; options?: unknown; code: string }>([
      { name: "nothing", given: undefined, code: "bad-option" },
      { name: "null", given: null, code: "bad-option" },
      { name: "a text", given: "export function program", code: "bad-option" },
      { name: "a look-alike", given: { ...Program.load(nexts()) }, code: "bad-option" },
      { name: "bytes of nothing", given: new Uint8Array(), code: "bad-program" },
      { name: "bytes that are none", given: new Uint8Array([1, 2, 3]), code: "bad-program" },
      { name: "half a program", given: nexts().slice(0, 200), code: "bad-program" },
      { name: "null for options", given: nexts(), options: null, code: "bad-option" },
      { name: "an unknown option", given: nexts(), options: { nam: "x" }, code: "bad-option" },
      { name: "an empty name", given: nexts(), options: { name: "" }, code: "bad-option" },
      {
        name: "a name that is a path",
        given: nexts(),
        options: { name: "a/b" },
        code: "bad-option",
      },
      { name: "a list of maps", given: nexts(), options: { maps: [] }, code: "bad-option" },
      { name: "maps that are null", given: nexts(), options: { maps: null }, code: "bad-option" },
      {
        name: "service NAT's name",
        given: nexts(),
        options: { name: "service-nat" },
        code: "name-taken",
      },
    ])("refuses $name", async ({ given, options, code }) => {
      const scene = await create();
      const before = scene.traces();
      const load = scene.dataplane.programs.load(given as never, options as never);
      await expect(load).rejects.toThrow(failure(code));
      await expect(load).rejects.toMatchObject({ name: "ProgramError" });
      expect(scene.traces()).toEqual(before);
    });
  });

  describe("unload", () => {
    test("gives everything back, and is nothing the second time", async () => {
      const scene = await create();
      const { programs, maps } = scene.dataplane;
      const before = scene.traces();
      const bytes = moduleOf({ data: "hits", start: `(drop ${HITS})`, elements: ["$start"] });
      const program = await programs.load(bytes);
      program.unload();
      program.unload();
      expect(programs.get("program")).toBeUndefined();
      expect(maps.get("hits")!.info().programs).toEqual([]);
      maps.get("hits")!.close();
      expect(scene.traces()).toEqual(before);
      expect(() => program.map("hits")).toThrow(failure("unloaded"));
      expect(program.info()).toMatchObject({ name: "program", links: [] });
    });

    test("is refused while it is attached", async () => {
      const { programs, hooks } = await fresh();
      const program = await programs.load(nexts(), { name: "p" });
      const link = hooks.egress.attach(program, { name: "out" });
      expect(() => program.unload()).toThrow(failure("in-use", /^p stands at out: detach it/));
      link.detach();
      program.unload();
      expect(() => hooks.egress.attach(program)).toThrow(failure("unloaded"));
      expect(() => link.update(program)).toThrow(failure("unloaded"));
    });

    test("is refused while it is in a prog_array", async () => {
      const { programs, maps } = await fresh();
      const array = maps.create({ name: "jumps", type: "prog_array", maxEntries: 4 });
      const program = await programs.load(nexts(), { name: "p" });
      array.update(2 as never, program as never);
      expect(array.lookup(2 as never)).toBe(program);
      expect(() => program.unload()).toThrow(failure("in-use", /^p is in jumps: delete it there/));
      array.delete(2 as never);
      program.unload();
    });

    test("of service NAT is refused", async () => {
      const { programs } = await fresh();
      expect(() => programs.get("service-nat")!.unload()).toThrow(failure("in-use", /detach/));
    });

    test("leaves room that the next one takes", async () => {
      const scene = await create();
      const { programs } = scene.dataplane;
      const load = (name: string) =>
        programs.load(moduleOf({ memory: 4096, elements: ["$start"] }), { name });
      const [a] = [await load("a"), await load("b"), await load("c")];
      const [used, length] = [scene.runtime.arena.used, scene.runtime.table.length];
      a.unload();
      await load("d");
      expect([scene.runtime.arena.used, scene.runtime.table.length]).toEqual([used, length]);
    });
  });

  test.each([
    { what: "service NAT", make: (dataplane: Dataplane) => dataplane.programs.get("service-nat") },
    {
      what: "a program in batch form",
      make: ({ programs }: Dataplane) => programs.load(moduleOf({ batch: "" })),
    },
    {
      what: "an unloaded one",
      make: async ({ programs }: Dataplane) => {
        const program = await programs.load(nexts());
        program.unload();
        return program;
      },
    },
    { what: "another dataplane's", make: async () => (await fresh()).programs.load(nexts()) },
    { what: "null", make: () => null },
  ])("no prog_array takes $what", async ({ make }) => {
    const dataplane = await fresh();
    const array = dataplane.maps.create({ name: "jumps", type: "prog_array", maxEntries: 4 });
    const program = await make(dataplane);
    expect(() => array.update(0 as never, program as never)).toThrow(failure("EINVAL"));
    expect(array.length).toBe(0);
  });
});
