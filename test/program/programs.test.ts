/** `dataplane.programs` and `dataplane.hooks` as people use them, over real engines. */
import { describe, expect, test, vi } from "vitest";
import { CTX_INTERFACE, CTX_OUTCOME, MAP_TYPE_ARRAY } from "../../abi/program.ts";
import type { Dataplane } from "../../src/dataplane/dataplane.ts";
import { capacityOf } from "../../src/dataplane/options.ts";
import { createDataplane, createModel, Program } from "../../src/index.ts";
import * as model from "../../src/model/model.ts";
import { createProgramming } from "../../src/programming.ts";
import { DROP, mapCreate, moduleOf, NEXT, PASS } from "./module.ts";
import { FRAME, SCENES, serviceObjects } from "./scene.ts";

const failure = (code: string, message?: RegExp) =>
  expect.objectContaining({ code, ...(message && { message: expect.stringMatching(message) }) });
const HITS = mapCreate({ at: 0, length: 4, type: MAP_TYPE_ARRAY });
const nexts = () => moduleOf();
const drops = () => moduleOf({ body: DROP });
const traps = () => moduleOf({ body: "unreachable" });

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

  test("service NAT says what it is", async () => {
    const { programs } = await fresh();
    const serviceNat = programs.get("service-nat")!;
    expect(serviceNat.info()).toEqual({
      id: 1,
      name: "service-nat",
      tag: "0000000000000000",
      form: "batch",
      builtin: true,
      size: 0,
      memory: 0,
      functions: 0,
      loadedAt: 0,
      maps: expect.arrayContaining(["services", "backends", "conntrack"]),
      links: ["service-nat"],
    });
    expect(serviceNat.program).toBeUndefined();
    expect(() => serviceNat.map("services")).toThrow(failure("bad-option", /has no map/));
  });

  test("a program has the maps it declares, and no other", async () => {
    const { programs } = await fresh();
    const program = await programs.load(moduleOf({ data: "hits", start: `(drop ${HITS})` }));
    for (const name of ["", "toString", "hist", undefined, null]) {
      expect(() => program.map(name as never)).toThrow(failure("bad-option", /declares are hits$/));
    }
  });

  describe("service NAT", () => {
    test("detached, nothing is translated or tracked; attached again, it goes on where it was", async () => {
      const dataplane = await fresh();
      dataplane.apply(serviceObjects());
      const action = (now: number) => dataplane.process(FRAME, { now }).event;
      expect(action(0)).toMatchObject({ action: "dnat", conntrack: "new" });
      const [link] = dataplane.hooks.ingress.links();
      link!.detach();
      expect(dataplane.hooks.active).toBe(true);
      const passed = dataplane.process(FRAME, { now: 1 });
      expect(passed.event).toMatchObject({
        action: "pass",
        conntrack: "none",
        service: null,
        program: null,
      });
      expect(passed.packet).toEqual(FRAME);
      dataplane.hooks.ingress.attach(dataplane.programs.get("service-nat")!);
      expect(dataplane.hooks.active).toBe(false);
      expect(action(2)).toMatchObject({
        action: "dnat",
        conntrack: "established",
        backend: "10.1.0.1:8080",
      });
      expect(dataplane.maps.conntrack.length).toBe(1);
    });

    test("comes after what stands before it, and before what stands after it", async () => {
      const { hooks, programs, apply, process } = await fresh();
      apply(serviceObjects());
      // Drops what service NAT has seen.
      const seen = moduleOf({
        body: `(select ${DROP} ${NEXT} (i32.load offset=${CTX_OUTCOME} (local.get $ctx)))`,
      });
      const program = await programs.load(seen, { name: "seen" });
      const before = hooks.ingress.attach(program, { before: "service-nat" });
      expect(process(FRAME, { now: 0 }).event).toMatchObject({ verdict: "PASS", action: "dnat" });
      hooks.ingress.attach(program, { replace: before, name: "early" });
      const after = hooks.ingress.attach(program, { after: "service-nat", name: "late" });
      expect(process(FRAME, { now: 1 }).event).toMatchObject({ verdict: "DROP", program: "late" });
      expect(after.info()).toMatchObject({ runCount: 1, verdicts: { DROP: 1 } });
    });
  });

  describe("traps", () => {
    test("abort the packet, and take the link out when there were too many", async () => {
      const { hooks, programs, process } = await fresh();
      const program = await programs.load(traps(), { name: "bad" });
      const link = hooks.ingress.attach(program, { maxTraps: 3 });
      const verdicts = Array.from({ length: 5 }, (_, now) => process(FRAME, { now }).verdict);
      expect(verdicts).toEqual(["ABORTED", "ABORTED", "ABORTED", "PASS", "PASS"]);
      expect(link.info()).toMatchObject({ attached: false, traps: 3, runCount: 3 });
      expect(hooks.active).toBe(false);
      program.unload();
    });

    test("in one batch leave the link for the packets that are left", async () => {
      const { hooks, programs, batch } = await fresh();
      const bad = await programs.load(traps(), { name: "bad" });
      const link = hooks.ingress.attach(bad, { maxTraps: 2 });
      const behind = hooks.egress.attach(await programs.load(drops(), { name: "behind" }));
      for (let i = 0; i < 4; i++) batch.push(FRAME);
      batch.process(0, { events: true });
      const events = [0, 1, 2, 3].map((index) => batch.event(index));
      expect(events.map(({ verdict }) => verdict)).toEqual(["ABORTED", "ABORTED", "DROP", "DROP"]);
      expect(events.map(({ program }) => program)).toEqual(["bad", "bad", "behind", "behind"]);
      expect(link.info()).toMatchObject({ attached: false, traps: 2 });
      expect(hooks.ingress.links().length).toBe(1);
      expect(behind.info().runCount).toBe(2);
    });

    test("for ever, where that is asked for", async () => {
      const { hooks, programs, process } = await fresh();
      const link = hooks.ingress.attach(await programs.load(traps()), { maxTraps: Infinity });
      for (let now = 0; now < 100; now++) expect(process(FRAME, { now }).verdict).toBe("ABORTED");
      expect(link.info()).toMatchObject({ attached: true, traps: 100 });
    });
  });

  test("a program that is replaced between batches loses no packet and no flow", async () => {
    const dataplane = await fresh();
    const { hooks, programs, batch, counters, maps } = dataplane;
    dataplane.apply(serviceObjects());
    const link = hooks.ingress.attach(await programs.load(nexts(), { name: "v0" }), {
      first: true,
    });
    for (let round = 1; round <= 20; round++) {
      batch.clear();
      for (let i = 0; i < 8; i++) batch.push(FRAME);
      batch.process(round, { events: true });
      for (let i = 0; i < 8; i++) {
        expect(batch.event(i)).toMatchObject({ verdict: "PASS", action: "dnat" });
      }
      const before = programs.get(`v${round - 1}`)!;
      link.update(await programs.load(nexts(), { name: `v${round}` }));
      before.unload();
    }
    expect(link.info()).toMatchObject({ runCount: 160, verdicts: { NEXT: 160 } });
    expect(counters().verdicts.PASS).toBe(160);
    expect(maps.conntrack.length).toBe(1);
    expect(programs.list().map(({ name }) => name)).toEqual(["service-nat", "v20"]);
  });

  test("links say when they were attached, and programs when they were loaded, by the dataplane's clock", async () => {
    const { hooks, programs, process } = await fresh();
    process(FRAME, { now: 1000 });
    process(FRAME, { now: 1250.75 });
    const program = await programs.load(nexts());
    process(FRAME, { now: 1300 });
    expect(program.info().loadedAt).toBe(250);
    expect(hooks.egress.attach(program).info().attachedAt).toBe(300);
  });

  test("a program that is loaded late knows the time", async () => {
    const { programs, process } = await fresh();
    process(FRAME, { now: 1000 });
    process(FRAME, { now: 1002.5 });
    const start = "(if (i64.ne (call $time) (i64.const 2500000)) (then unreachable))";
    await programs.load(moduleOf({ start }));
  });

  test("run times are noted when kernel.bpf_stats_enabled says so", async () => {
    const slow = moduleOf({
      body: `(local.set $a (i32.const 300000))
        (loop $on (br_if $on (local.tee $a (i32.sub (local.get $a) (i32.const 1))))) ${PASS}`,
    });
    for (const [sysctls, isNoted] of [
      [{ "kernel.bpf_stats_enabled": 1 }, true],
      [{}, false],
    ] as const) {
      const { hooks, programs, process } = await fresh({ sysctls });
      const link = hooks.ingress.attach(await programs.load(slow));
      process(FRAME, { now: 0 });
      expect(link.info().runTime > 10_000).toBe(isNoted);
      if (!isNoted) expect(link.info().runTime).toBe(0);
    }
  });

  describe("interface", () => {
    test("gives a name a number, and the same one again", async () => {
      const { interface: row, maps, apply } = await fresh();
      expect([row("eth0"), row("eth1"), row("eth0")]).toEqual([1, 2, 1]);
      expect(maps.interfaces.lookup(2)).toMatchObject({ name: "eth1", pod: false });
      apply(serviceObjects());
      expect([row("eth1"), row("eth2")]).toEqual([2, 3]);
      expect(maps.interfaces.length).toBe(4);
    });

    test("that frames came in on before, and one that they do not need a row for", async () => {
      const dataplane = await fresh();
      dataplane.apply(serviceObjects());
      dataplane.process(FRAME, { now: 0, interface: "eth9" });
      expect(dataplane.maps.interfaces.length).toBe(1);
      expect(dataplane.interface("eth9")).toBe(1);
      const program = await dataplane.programs.load(
        moduleOf({
          body: `(select ${DROP} ${NEXT} (i32.eq (i32.load16_u offset=${CTX_INTERFACE} (local.get $ctx)) (i32.const 1)))`,
        }),
      );
      dataplane.hooks.ingress.attach(program);
      expect(dataplane.process(FRAME, { now: 0, interface: "eth9" }).verdict).toBe("DROP");
      expect(dataplane.process(FRAME, { now: 0, interface: "eth8" }).verdict).toBe("PASS");
    });

    test.each([undefined, null, 1, "", {}])("is no %s", async (name) => {
      const dataplane = await fresh();
      expect(() => dataplane.interface(name as never)).toThrow(
        failure("bad-option", /^interface is/),
      );
    });

    test("has its limit", async () => {
      const dataplane = await fresh({ capacity: { interfaces: 2 } });
      dataplane.interface("a");
      const [a] = [...dataplane.maps.interfaces.entries()].slice(1);
      expect(() => ["b", "c", "d"].map(dataplane.interface)).toThrow(failure("capacity"));
      expect([...dataplane.maps.interfaces.entries()][1]).toEqual(a);
    });
  });
});

describe.each([
  { engine: "wasm", create: createDataplane },
  { engine: "model", create: createModel },
])("$engine", ({ create }) => {
  test("the control plane's maps stand by name, and nothing else does", async () => {
    const { maps } = await create({ capacity: { batch: 4 } });
    expect(Object.keys(maps)).toEqual([
      "services",
      "backends",
      "rings",
      "endpoints",
      "addresses",
      "interfaces",
      "config",
      "affinity",
      "conntrack",
    ]);
    const names: string[] = [];
    for (const name in maps) names.push(name);
    expect(names).toEqual(Object.keys(maps));
    const { create: make, get, list } = maps;
    const map = make({ name: "mine", type: "hash", key: "u32", value: "u32", maxEntries: 4 });
    expect(get("mine")).toBe(map);
    expect(list().map(({ name }) => name)).toEqual(["mine"]);
    expect(get("services")).toBeUndefined();
  });
});

test("a dataplane that nobody programs leaves its runtime asleep", () => {
  const engine = model.createEngine({ capacity: capacityOf({}), seed: 0 });
  const runtime = vi.fn(() => engine.runtime);
  const { maps, capacity } = engine;
  const host = Object.defineProperty({ maps, capacity }, "runtime", { get: runtime });
  const programming = createProgramming(host as never, {});
  programming.begin(5, 5e6, 0);
  programming.settle();
  programming.hooks.ingress.list();
  programming.programs.list();
  programming.maps.list();
  programming.maps.get("x");
  expect(runtime).not.toHaveBeenCalled();
  programming.hooks.ingress.links()[0]!.detach();
  expect(runtime).toHaveBeenCalledTimes(1);
});
