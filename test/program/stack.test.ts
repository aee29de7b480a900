/** Stacks that programs have in memory, as C compilers lay them out: a trap ends calls that had room on them. */
import { beforeAll, describe, expect, test } from "vitest";
import { CTX_MARK, CTX_SLOT, MAP_TYPE_PROG_ARRAY, TAIL_CALL } from "../../abi/program.ts";
import { Program } from "../../src/index.ts";
import { compileC, HAS_CLANG } from "./clang.ts";
import { type ModuleText, mapCreate, moduleOf, NEXT } from "./module.ts";
import { FRAME, failure, SCENES, type Scene } from "./scene.ts";

/** Whom a program hands its packet on to. */
const JUMPS = { name: "programs", type: "prog_array", maxEntries: 1 } as const;
const FOREVER = { first: true, maxTraps: Number.POSITIVE_INFINITY };

function sink(bytes: number): string {
  return `(global.set $stack (i32.sub (global.get $stack) (i32.const ${bytes})))`;
}

const MARK = `offset=${CTX_MARK} (local.get $ctx)`;
/** What packets ask for by their marks. */
const [TRAP, WRECK, HAND_ON, HAND_ON_AND_TRAP] = [7, 8, 9, 10] as const;
const when = (mark: number, code: string) =>
  `(if (i32.eq (i32.load ${MARK}) (i32.const ${mark})) (then ${code}))`;
const handOn = (mark: number) => `(i32.store ${MARK} (i32.const ${mark}))
  (drop (call $tail_call (local.get $ctx) (global.get $programs) (i32.const 0)))
  (return (i32.const ${TAIL_CALL}))`;

/** Says in the mark where its stack is when it is called, or takes some of it and traps. */
const TELLER: ModuleText = {
  data: "programs",
  others: "(global $programs (mut i32) (i32.const 0))",
  start: `(global.set $programs ${mapCreate({
    at: 0,
    length: 8,
    type: MAP_TYPE_PROG_ARRAY,
    value: 4,
    entries: 1,
  })})`,
  body: `${when(TRAP, `${sink(256)} unreachable`)}
    ${when(WRECK, `${sink(256)} (i32.store offset=${CTX_SLOT} (local.get $ctx) (i32.const 0x3fffffff)) unreachable`)}
    ${when(HAND_ON, handOn(0))}
    ${when(HAND_ON_AND_TRAP, handOn(TRAP))}
    (i32.store ${MARK} (global.get $stack))
    ${NEXT}`,
};

describe.each(SCENES)("$engine: the stack of a program", ({ create }) => {
  async function tellers(text: ModuleText = TELLER) {
    const scene = await create();
    const { maps, programs, hooks, process, batch } = scene.dataplane;
    const jumps = maps.create(JUMPS);
    /** One more program, which is called from now on. */
    const call = async (name: string) =>
      jumps.update(0, await programs.load(moduleOf(text), { name }));
    hooks.ingress.attach(await programs.load(moduleOf(text), { name: "caller" }), FOREVER);
    await call("called");
    let now = 0;
    const run = (mark: number) => process(FRAME, { now: now++, mark }).event;
    /** Where the stacks of both are when they are called. */
    const stacks = () => [run(0).mark, run(HAND_ON).mark];
    return { scene, run, stacks, batch, call };
  }

  test("is after a trap where it was before", async () => {
    const { run, stacks } = await tellers();
    const before = stacks();
    expect(run(TRAP)).toMatchObject({ verdict: "ABORTED", reason: "trap" });
    expect(stacks()).toEqual(before);
  });

  test("is after a trap in a tail call where it was before, though that program has no link", async () => {
    const { run, stacks } = await tellers();
    const before = stacks();
    expect(before[0]).not.toBe(before[1]);
    for (let i = 0; i < 3; i++) expect(run(HAND_ON_AND_TRAP).reason).toBe("trap");
    expect(stacks()).toEqual(before);
  });

  test("is where it was for the packets behind in the batch", async () => {
    const { stacks, batch } = await tellers();
    const [before] = stacks();
    for (const mark of [0, TRAP, 0, TRAP, TRAP, 0]) batch.push(FRAME, { mark });
    batch.process(10, { events: true });
    const events = [0, 2, 5].map((index) => batch.event(index));
    expect(events.map(({ mark }) => mark)).toEqual([before, before, before]);
  });

  test("is where it was when the trap left a wrecked context, too", async () => {
    const { run, stacks } = await tellers();
    const before = stacks();
    try {
      expect(run(WRECK).verdict).toBe("ABORTED");
    } catch (error) {
      expect(error).toEqual(failure("wrecked-context"));
    }
    expect(stacks()).toEqual(before);
  });

  test("is put back to where the program has set it when it was loaded", async () => {
    const plain = await tellers();
    const { run, stacks } = await tellers({ ...TELLER, start: `${sink(512)} ${TELLER.start}` });
    const before = stacks();
    expect(before).toEqual(plain.stacks().map((stack) => stack! - 512));
    run(TRAP);
    expect(stacks()).toEqual(before);
  });

  test("begins anew after a load that has trapped, and others' stay where they were", async () => {
    const [{ scene, stacks, call }, plain] = [await tellers(), await tellers()];
    const { programs } = scene.dataplane;
    const [before, traces] = [stacks(), scene.traces()];
    const bad = moduleOf({ ...TELLER, start: `${sink(256)} unreachable` });
    for (let i = 0; i < 3; i++) {
      await expect(programs.load(bad, { name: "bad" })).rejects.toThrow(failure("load"));
    }
    expect(scene.traces()).toEqual(traces);
    expect(stacks()).toEqual(before);
    await Promise.all([call("third"), plain.call("third")]);
    expect(stacks()[1]).not.toBe(before[1]);
    expect(stacks()).toEqual(plain.stacks());
  });

  describe.skipIf(!HAS_CLANG)("in C", () => {
    const [C_TRAP, C_HAND_ON, C_HAND_ON_AND_TRAP] = [7, 8, 9] as const;
    let program: Program;

    beforeAll(() => {
      program = Program.load(compileC("test/program/deep.c"), { name: "deep" });
    });

    /** Below both programs lies a map. */
    async function prepare({ dataplane }: Scene) {
      const { maps, programs, hooks, process } = dataplane;
      const map = maps.create({
        name: "m",
        type: "array",
        key: "u32",
        value: "u64",
        maxEntries: 1024,
      });
      const jumps = maps.create(JUMPS);
      const deep = await programs.load(program);
      const called = await programs.load(program, { name: "called" });
      jumps.update(0, called);
      hooks.ingress.attach(deep, FOREVER);
      let now = 0;
      const run = (mark: number) => process(FRAME, { now: now++, mark }).event.verdict;
      return { run, written: () => [...map.entries()].filter(([, value]) => value !== 0n) };
    }

    test.each([
      { how: "a program", trap: C_TRAP },
      { how: "a program that was called by another", trap: C_HAND_ON_AND_TRAP },
    ])("does not go down over static data and maps with traps of $how", async ({ trap }) => {
      const { run, written } = await prepare(await create());
      for (let i = 0; i < 200; i++) {
        expect(run(trap)).toBe("ABORTED");
        expect([run(0), run(C_HAND_ON)]).toEqual(["PASS", "PASS"]);
      }
      expect(written()).toEqual([]);
    });
  });
});
