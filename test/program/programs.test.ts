/** `dataplane.programs` and `dataplane.hooks` as people use them, over real engines. */
import { describe, expect, test, vi } from "vitest";
import type { Dataplane } from "../../src/dataplane/dataplane.ts";
import { capacityOf } from "../../src/dataplane/options.ts";
import { createDataplane, createModel } from "../../src/index.ts";
import * as model from "../../src/model/model.ts";
import { createProgramming } from "../../src/programming.ts";
import { HITS, moduleOf, nexts, PASS } from "./module.ts";
import { FRAME, failure, SCENES, serviceObjects } from "./scene.ts";

describe.each(SCENES)("$engine", ({ create }) => {
  const fresh = async (options = {}): Promise<Dataplane> => (await create(options)).dataplane;

  test("a program has the maps it declares, and no other", async () => {
    const { programs } = await fresh();
    const program = await programs.load(moduleOf({ data: "hits", start: `(drop ${HITS})` }));
    for (const name of ["", "toString", "hist", undefined, null]) {
      expect(() => program.map(name as never)).toThrow(failure("bad-option", /declares are hits$/));
    }
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
