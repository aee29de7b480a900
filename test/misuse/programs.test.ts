/** Programs that do what none should: they are refused, or trap alone, and the dataplane goes on. */
import { describe, expect, test } from "vitest";
import { HookError, type LoadedProgram, MapError, Program, ProgramError } from "../../src/index.ts";
import { packet } from "../../src/testing.ts";
import { SCENES, type Scene } from "../program/scene.ts";

const HEAD = `import { Context, Contexts, adjustHead, adjustTail, array, conntrack, csumDiff, DROP, NEXT, PASS,
  progArray, random, reason, redirect, setBackend, Tuple } from "waxdp/program";\n`;
const EXTERNALS = ["map_lookup", "map_update", "map_delete", "ringbuf_reserve", "ringbuf_submit"];
const wrapped = (body: string) => `${HEAD}export function program(ctx: Context): i32 { ${body} }`;
const external = (name: string, takes: number) =>
  `@external("waxdp", "${name}") declare function ${name}(${Array.from(
    { length: takes },
    (_, index) => `a${index}: i32`,
  ).join(", ")}): ${name === "ringbuf_submit" ? "void" : "i32"};\n`;
const DECLARED = EXTERNALS.map((name, index) => external(name, [2, 4, 2, 2, 1][index] as number));

/** Each with what the trap says. */
const TRAPS: Readonly<Record<string, readonly [source: string, message: string]>> = {
  "a store outside memory": [wrapped("store<u32>(0xfffffff0, 1); return NEXT;"), "out of bounds"],
  "a division by zero": [wrapped("return 1 / <i32>ctx.mark;"), "divide by zero"],
  "an endless recursion": [
    `${HEAD}function down(n: i32): i32 { return n == -1 ? 0 : down(n + 1) + down(n + 2); }
export function program(ctx: Context): i32 { return down(<i32>ctx.mark); }`,
    "call stack",
  ],
  "an error that is thrown": [wrapped('throw new Error("boo");'), "boo (bad.ts:3:46)"],
  "a reason too late": [wrapped('return ctx.drop(reason("late"));'), "at the top of the file"],
  "a map too late": [wrapped('array<u32>("late", 1); return NEXT;'), "at the top of the file"],
  "a checksum of what is not there": [
    wrapped("return csumDiff(0xfffffff0, 64, 0, 64, 0);"),
    "out of bounds",
  ],
  "a tuple that is none": [
    wrapped("conntrack(changetype<Tuple>(<usize>0xfffffff0)); return NEXT;"),
    "out of bounds",
  ],
};

/** What they ask for is not done, and the packet goes its way. */
const NOTHING: Readonly<Record<string, string>> = {
  "a number that is no verdict": wrapped("return 0x7fffffff;"),
  "a tail call that was none": wrapped("return -2;"),
  "heads and tails all over the place": wrapped(`for (let i = 0; i < 300; i++) {
    adjustHead(ctx, <i32>random()); adjustTail(ctx, <i32>random()); adjustHead(ctx, i32.MIN_VALUE);
    adjustTail(ctx, i32.MAX_VALUE); adjustHead(ctx, -1); adjustTail(ctx, 1); } return NEXT;`),
  "a frame of zeros": wrapped("memory.fill(ctx.data, 0, ctx.dataEnd - ctx.data); return NEXT;"),
  "backends that are none": wrapped(
    "setBackend(ctx, 0xffffffff); setBackend(ctx, 0); return NEXT;",
  ),
  "a tail call to nobody": `${HEAD}const programs = progArray("programs", 4);
export function program(ctx: Context): i32 { return programs.tailCall(ctx, 99); }`,
  "handles of no maps": `${HEAD}${DECLARED.join("")}
export function program(ctx: Context): i32 {
  map_lookup(0, 0); map_lookup(-1, 0); map_lookup(64, -1); map_update(-64, 0, 0, 0); map_delete(-4, 0);
  ringbuf_reserve(-4, 8); ringbuf_submit(0); ringbuf_submit(-1); ringbuf_submit(8); return NEXT; }`,
  "verdicts that are none, in a batch": `${HEAD}export function batch(packets: Contexts, count: u32): void {
  for (let i: u32 = 0; i < count; i++) packets[i].end(-2); }`,
};

const REFUSED: Readonly<Record<string, readonly [source: string, message: RegExp]>> = {
  "two forms": [
    `${wrapped("return NEXT;")}\nexport function batch(p: Contexts, n: u32): void {}`,
    /not both/,
  ],
  "a constant for a function": [
    `${HEAD}export const program = (ctx: Context): i32 => NEXT;`,
    /:3:14: program is no function/,
  ],
  "an array": [wrapped("return [1, <i32>ctx.mark].length;"), /:3:\d+: programs have no heap/],
  "console.log": [
    wrapped('console.log("hi"); return NEXT;'),
    /:3:\d+: .*imports env\.console\.log/,
  ],
  "memory.grow": [wrapped("return memory.grow(1);"), /asks for more memory/],
  "a file that is not there": [
    `import { x } from "./x";\n${wrapped("return x;")}`,
    /x\.ts' not found/,
  ],
};

const FRAME = packet({ saddr: "10.0.0.1", sport: 1, daddr: "10.0.0.2", dport: 2, flags: "S" });
const compile = (source: string) => Program.compile(source, { name: "bad" });

/** What six packets meet on ingress and on egress. */
function play({ dataplane }: Scene, loaded: LoadedProgram) {
  return (["ingress", "egress"] as const).map((hook) => {
    const link = dataplane.hooks[hook].attach(loaded, { maxTraps: 4 });
    const said = Array.from({ length: 6 }, (_, now) => {
      const { verdict, event } = dataplane.process(FRAME, { now });
      return event.reason === null ? verdict : `${verdict} ${event.reason}`;
    });
    const info = link.info();
    link.detach();
    return { said, info };
  });
}

const used = ({ runtime: { arena } }: Scene) => arena.used;

describe.each(SCENES)("misuse of programs: $engine", ({ create }) => {
  test.each(Object.entries(TRAPS))("%s traps alone", async (_, [source, message]) => {
    const scene = await create();
    const before = used(scene);
    const loaded = await scene.dataplane.programs.load(await compile(source));
    for (const { said, info } of play(scene, loaded)) {
      expect(said).toEqual([...Array(4).fill("ABORTED trap"), "PASS", "PASS"]);
      expect(info).toMatchObject({ attached: false, traps: 4 });
      expect(info.lastTrap).toContain(message);
    }
    loaded.unload();
    expect(used(scene)).toBe(before);
  });

  test.each(Object.entries(NOTHING))("%s: nothing happens", async (_, source) => {
    const scene = await create();
    const before = used(scene);
    const loaded = await scene.dataplane.programs.load(await compile(source));
    for (const { said, info } of play(scene, loaded)) {
      expect(said).toEqual(Array(6).fill("PASS"));
      expect(info).toMatchObject({ traps: 0, runCount: 6 });
    }
    loaded.unload();
    for (const { name } of scene.dataplane.maps.list()) scene.dataplane.maps.get(name)?.close();
    expect(used(scene)).toBe(before);
  });

  test("what throws while it is loaded leaves nothing", async () => {
    const scene = await create();
    const before = scene.traces();
    for (const end of ['throw new Error("start");', "unreachable();"]) {
      const source = `const counts = array<u64>("counts", 4);\nconst why = reason("why");\n${end}\n`;
      const program = await compile(
        `${HEAD}${source}${wrapped("return NEXT;").slice(HEAD.length)}`,
      );
      await expect(scene.dataplane.programs.load(program)).rejects.toThrow(
        expect.objectContaining({ code: "load" }),
      );
      expect(scene.traces()).toEqual(before);
    }
  });

  test("no program, no options, no place, no link of this dataplane", async () => {
    const [{ dataplane }, other] = [await create(), await create()];
    const program = await compile(wrapped("return NEXT;"));
    const foreign = await other.dataplane.programs.load(program);
    const loaded = await dataplane.programs.load(program);
    const { programs, hooks } = dataplane;
    for (const given of [undefined, null, 1, "x", [], {}, { ...program }, Object.create(program)]) {
      await expect(programs.load(given as never)).rejects.toThrow(ProgramError);
    }
    for (const options of [null, 1, { name: 1 }, { maps: [] }, { maps: { x: 1 } }, { x: 1 }]) {
      await expect(programs.load(program, options as never)).rejects.toThrow(ProgramError);
    }
    for (const given of [undefined, null, "bad", program, foreign, { ...loaded }]) {
      expect(() => hooks.ingress.attach(given as never)).toThrow(HookError);
    }
    const link = other.dataplane.hooks.ingress.attach(foreign);
    for (const options of [
      null,
      1,
      { first: 1 },
      { before: null },
      { before: link },
      { revision: "1" },
    ]) {
      expect(() => hooks.ingress.attach(loaded, options as never)).toThrow(HookError);
    }
    expect(hooks.ingress.links()).toHaveLength(1);
    expect(hooks.ingress.revision).toBe(1);
  });

  test("many loads at once, of few names", async () => {
    const scene = await create();
    const program = await compile(wrapped("return NEXT;"));
    const before = scene.traces();
    const loads = Array.from({ length: 12 }, (_, index) =>
      scene.dataplane.programs.load(program, { name: `n${index % 4}` }),
    );
    const ended = await Promise.allSettled(loads);
    const loaded = ended.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
    expect(loaded.map(({ name }) => name)).toEqual(["n0", "n1", "n2", "n3"]);
    for (const each of [...loaded, ...loaded]) each.unload();
    expect(scene.traces()).toEqual(before);
  });

  test("bytes flipped: refused by name, or loaded and unloaded without a trace", async () => {
    const scene = await create();
    const source = `${HEAD}const counts = array<u64>("counts", 4);\nconst why = reason("why");
export function program(ctx: Context): i32 { counts.add(0, 1); return ctx.mark == 7 ? ctx.drop(why) : NEXT; }`;
    const { bytes } = await compile(source);
    const { used, functions, maps } = scene.traces() as Record<string, unknown>;
    for (let at = 8; at < bytes.length; at++) {
      const mutant = bytes.slice();
      mutant[at] = (mutant[at] as number) ^ (1 << (at % 8));
      await loadAndUnload(scene, mutant);
      expect(scene.traces()).toMatchObject({ used, functions, maps });
    }
  });
});

async function loadAndUnload({ dataplane }: Scene, bytes: Uint8Array): Promise<void> {
  try {
    (await dataplane.programs.load(bytes, { name: "mutant" })).unload();
  } catch (error) {
    if (!(error instanceof ProgramError) && !(error instanceof MapError)) throw error;
  }
  for (const { name } of dataplane.maps.list()) dataplane.maps.get(name)?.close();
}

test.each(Object.entries(REFUSED))("%s is refused", async (_, [source, message]) => {
  const failure = await compile(source).catch((error) => error);
  expect(failure).toBeInstanceOf(ProgramError);
  expect(failure.message).toMatch(message);
});

test.each(["./a.ts", "../a.ts", "/tmp/a.ts", "b/../a.ts", "./b/./a.ts", "b//a.ts"])(
  "a source that is named %s",
  async (entry) => {
    const source = wrapped("return NEXT;");
    const readFile = (path: string) => (path === entry ? source : null);
    expect(await Program.compile({ entry, readFile })).toMatchObject({ name: "a", form: "packet" });
  },
);

test("what is no source, no module, and no option of either", async () => {
  for (const source of [undefined, null, 1, [], {}, { files: {} }, { entry: "x" }]) {
    await expect(Program.compile(source as never)).rejects.toThrow(ProgramError);
  }
  for (const bytes of [undefined, null, "x", [], {}, new Uint8Array(0), new Uint16Array(4)]) {
    expect(() => Program.load(bytes as never)).toThrow(ProgramError);
  }
  const source = wrapped("return NEXT;");
  for (const options of [
    null,
    1,
    { name: 1 },
    { name: "a b" },
    { debug: "yes" },
    { optimize: 3 },
  ]) {
    await expect(Program.compile(source, options as never)).rejects.toThrow(
      expect.objectContaining({ code: "bad-option" }),
    );
  }
  const { bytes } = await compile(source);
  for (const options of [null, "name", { name: "" }, { debug: true }]) {
    expect(() => Program.load(bytes, options as never)).toThrow(
      expect.objectContaining({ code: "bad-option" }),
    );
  }
});
