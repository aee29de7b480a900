/** Programs in AssemblyScript: what compiles, what is said of what does not. */
import { describe, expect, test } from "vitest";
import { Program, ProgramError } from "../../src/index.ts";
import type { Diagnostic } from "../../src/program/program.ts";
import type { Source } from "../../src/program/sources.ts";

const HEAD = 'import { Context, DROP, NEXT } from "waxdp/program";\n';
const PASSING = `${HEAD}export function program(ctx: Context): i32 { return NEXT; }\n`;

async function refused(source: Source): Promise<ProgramError> {
  const error = await Program.compile(source).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(ProgramError);
  return error as ProgramError;
}

async function firstError(source: Source): Promise<Diagnostic> {
  const { code, diagnostics } = await refused(source);
  expect(code).toBe("compile");
  return diagnostics.find(({ severity }) => severity === "error")!;
}

describe("what compiles", () => {
  test("is a program with its name, tag, form and helpers", async () => {
    const program = await Program.compile(PASSING, { name: "pass-all" });
    expect(program).toMatchObject({
      ...{ name: "pass-all", form: "packet", helpers: [], functions: 0 },
      tag: expect.stringMatching(/^[0-9a-f]{16}$/),
    });
    expect(program.bytes.length).toBeLessThan(300);
    expect(Object.isFrozen(program)).toBe(true);
  });

  test("is named after its file when nobody says otherwise, and keeps the name in its bytes", async () => {
    const program = await Program.compile({ files: { "src/drop-list.ts": PASSING } });
    expect(program.name).toBe("drop-list");
    expect(Program.load(program.bytes).name).toBe("drop-list");
    expect((await Program.compile(PASSING)).name).toBe("program");
  });

  test("comes out the same each time", async () => {
    const [one, other] = [await Program.compile(PASSING), await Program.compile(PASSING)];
    expect(one.tag).toBe(other.tag);
  });

  test("may be in batch form", async () => {
    const program = await Program.compile(`
      import { Contexts, DROP } from "waxdp/program";
      export function batch(contexts: Contexts, count: u32): void {
        for (let index: u32 = 0; index < count; index++) contexts[index].end(DROP);
      }`);
    expect(program.form).toBe("batch");
  });

  test("may have several files, which import each other relatively", async () => {
    const files = {
      "a/main.ts": `${HEAD}import { limit } from "../lib/limit";
        export function program(ctx: Context): i32 { return ctx.length > limit() ? DROP : NEXT; }`,
      "lib/limit/index.ts":
        'import { LIMIT } from "./number"; export function limit(): u32 { return LIMIT; }',
      "lib/limit/number.ts": "export const LIMIT: u32 = 99;",
    };
    const program = await Program.compile({ files, entry: "a/main.ts" });
    expect(program.name).toBe("main");
  });

  test("may be read by the caller, each file once", async () => {
    const read: string[] = [];
    const files: Record<string, string> = {
      "/x/p.ts": `${HEAD}import { N } from "./n"; export function program(ctx: Context): i32 { return N; }`,
      "/x/n.ts": "export const N: i32 = -1;",
    };
    await Program.compile({
      entry: "/x/p.ts",
      readFile: async (path) => {
        read.push(path);
        return files[path] ?? null;
      },
    });
    expect(read).toEqual(["/x/p.ts", "/x/n.ts"]);
  });

  test("keeps the names of functions when it is to be debugged", async () => {
    const program = await Program.compile(
      `${HEAD}function helper(ctx: Context): i32 { return ctx.length > 5 ? DROP : NEXT; }
       export function program(ctx: Context): i32 { return helper(ctx); }`,
      { name: "named", debug: true },
    );
    expect(new TextDecoder().decode(program.bytes)).toContain("helper");
    expect(Program.load(program.bytes).name).toBe("named");
  });

  test("describes keys and values by the names the source has for them", async () => {
    const { types } = await Program.compile(`
      import { Addr16, array, Be16, Bytes8, Context, hash, Ipv4, Ipv6, lpmTrie, Mac, NEXT, Prefix4, Prefix6, ringbuf,
        Text16 } from "waxdp/program";
      import * as sdk from "waxdp/program";
      type Port = Be16;
      @unmanaged class Vector { byte: u8; all: v128; tail: u16 }
      @unmanaged class Pair<A, B> { first: A; second: B; }
      @unmanaged class Base { when: i64; }
      @unmanaged class Event extends Base {
        port: Port; ok: bool; mac: Mac; saddr: Addr16; name: Text16; raw: sdk.Bytes8; rate: f32; next: Event | null;
      }
      hash<Ipv4, u64>("a", 8);
      hash<Ipv6, Event>("b", 8);
      lpmTrie<Prefix4, i32>("c", 8);
      lpmTrie<Prefix6, Port>("d", 8);
      array<Pair<u8, f64>>("e", 8);
      ringbuf<Event>("f", 4096);
      hash<u32, Vector>("g", 8);
      export function program(ctx: Context): i32 { return NEXT; }`);
    expect(types).toEqual({
      ...{ Ipv4: "ipv4", Ipv6: "ipv6", Prefix4: "prefix4", Prefix6: "prefix6", Port: "be16" },
      ...{ u32: "u32", u64: "u64", i32: "i32" },
      Vector: { byte: "u8", _1: { bytes: 15 }, all: { bytes: 16 }, tail: "u16" },
      "Pair<u8,f64>": { first: "u8", second: "f64" },
      Event: {
        ...{ when: "i64", port: "be16", ok: "bool", mac: "mac" },
        ...{ saddr: "addr16", name: { text: 16 }, raw: { bytes: 8 }, rate: "f32", next: "u32" },
      },
    });
  });

  test("gives two types of one name two names", async () => {
    const { types } = await Program.compile({
      entry: "p.ts",
      files: {
        "p.ts": `${HEAD}import { hash } from "waxdp/program"; import { more } from "./more";
          @unmanaged class Value { a: u32; }
          hash<u32, Value>("one", 4); more();
          export function program(ctx: Context): i32 { return NEXT; }`,
        "more.ts": `import { hash } from "waxdp/program";
          @unmanaged class Value { b: u64; }
          export function more(): void { hash<u32, Value>("two", 4); }`,
      },
    });
    expect(types).toEqual({ u32: "u32", Value: { a: "u32" }, Value_2: { b: "u64" } });
  });
});

describe("what does not compile", () => {
  test("is told of with file, line, column and the line itself", async () => {
    const source = `${HEAD}export function program(ctx: Context): i32 {\n  return ctx.lenght;\n}\n`;
    const error = await refused({ files: { "bad.ts": source } });
    expect(error.message).toMatch(/^bad\.ts:3:14: Property 'lenght' does not exist/);
    expect(error.diagnostics[0]).toMatchObject({
      ...{ severity: "error", file: "bad.ts", line: 3, column: 14, source: "  return ctx.lenght;" },
    });
  });

  test.each([
    [
      "a syntax error",
      `${HEAD}export function program(ctx: Context): i32 { return NEXT }}`,
      2,
      /expected/,
    ],
    ["a missing file", `import { x } from "./x";\n${PASSING}`, 1, /'x\.ts' not found/],
    ["the package", `import { Context } from "waxdp";\n${PASSING}`, 1, /from "waxdp\/program"/],
    ["a door of it", `import { x } from "waxdp/testing";\n${PASSING}`, 1, /from "waxdp\/program"/],
    ["another package", `import { x } from "left-pad";\n${PASSING}`, 1, /left-pad.*not found/],
    [
      "a misspelt name",
      `${HEAD}\nexport function progam(ctx: Context): i32 { return NEXT; }`,
      3,
      /meant to be program/,
    ],
    [
      "a name not exported",
      `${HEAD}function program(ctx: Context): i32 { return NEXT; }\n`,
      2,
      /write export/,
    ],
    [
      "no entry at all",
      `${HEAD}export function other(): void {}`,
      1,
      /exports function program\(ctx/,
    ],
    [
      "two entries",
      `${PASSING}export function batch(at: usize, count: u32): void {}`,
      3,
      /not both/,
    ],
    [
      "no result",
      `${HEAD}export function program(ctx: Context): void {}`,
      2,
      /has to be program\(ctx/,
    ],
    [
      "too many parameters",
      `${HEAD}export function program(ctx: Context, x: i32): i32 { return 0; }`,
      2,
      /has to be/,
    ],
    [
      "a parameter of 64 bits",
      `${HEAD}export function program(ctx: u64): i32 { return 0; }`,
      2,
      /has to be/,
    ],
    [
      "a result of batch",
      `export function batch(at: usize, count: u32): i32 { return 0; }`,
      1,
      /has to be batch/,
    ],
    ["what is no function", `export const program: i32 = 5;`, 1, /no function/],
    [
      "new of a managed class",
      `${HEAD}class Box { x: i32 = 1; }\nexport function program(ctx: Context): i32 { return new Box().x; }`,
      3,
      /no heap/,
    ],
    [
      "strings put together",
      `${HEAD}export function program(ctx: Context): i32 {\n  const text = "a" + ctx.length.toString();\n  return text.length; }`,
      3,
      /no heap/,
    ],
    [
      "an array that grows",
      `${HEAD}const all: i32[] = [];\nexport function program(ctx: Context): i32 {\n  all.push(1); return NEXT; }`,
      4,
      /no heap/,
    ],
  ])("%s", async (_, source, line, message) => {
    expect(await firstError(source)).toMatchObject({
      line,
      message: expect.stringMatching(message),
    });
  });

  test("is pointed at in the program when the SDK is where it shows", async () => {
    const error = await firstError(
      `${HEAD}import { hash } from "waxdp/program";\nconst map = hash<u32, u64>("m", 4);\n` +
        "export function program(ctx: Context): i32 {\n  return map.lookup(1) ? DROP : NEXT;\n}",
    );
    expect(error).toMatchObject({ file: "program.ts", line: 5 });
    expect(error.message).toMatch(/u64.*\(in waxdp\/program\/maps\.ts:\d+\)/);
  });

  test.each([
    ["lookup(1)", 'hash<u32, u64>("m", 4)'],
    ["lookupOrInit(1)", 'lruHash<u32, u64>("m", 4)'],
    ["lookup(1)", 'array<u64>("m", 4)'],
    ["match(<u32>1)", 'lpmTrie<Prefix4, u64>("m", 4)'],
    ["reserve()", 'ringbuf<u64>("m", 4096)'],
  ])("says once that %s of %s has numbers, and what they have", async (call, map) => {
    const { message, diagnostics } = await refused(
      `import { array, Context, hash, lpmTrie, lruHash, Prefix4, ringbuf } from "waxdp/program";
        const map = ${map};
        export function program(ctx: Context): i32 { return map.${call} ? 1 : 2; }`,
    );
    expect(message).toMatch(/^program\.ts:3:\d+: u64 is a number, .* get\(key, otherwise\)/);
    expect(diagnostics).toHaveLength(1);
  });

  test.each([
    ['console.log("x")', "console.log", "ringbuf"],
    ["mark(Math.random())", "seed", "random()"],
    ["mark(<f64>Date.now())", "Date.now", "time()"],
    ["foreign()", "foreign", "helpers of module waxdp"],
  ])("says where %s is, which no dataplane gives, and what it gives", async (call, name, mend) => {
    const error = await refused(
      `declare function foreign(): i32;
function mark(value: f64): void { store<f64>(8, value); }
export function program(ctx: usize): i32 {
  ${call};
  return 0;
}`,
    );
    expect(error).toMatchObject({
      code: "compile",
      message: expect.stringMatching(/^program\.ts:4:\d+: the program imports /),
      diagnostics: [{ line: 4, source: `  ${call};` }],
    });
    expect(error.message).toContain(`.${name} as (`);
    expect(error.message).toContain(mend);
  });

  test("an import that is optimized away is none", async () => {
    const source = `function never(): bool { return false; }
export function program(ctx: usize): i32 { if (never()) console.log("x"); return 0; }`;
    expect((await Program.compile(source)).form).toBe("packet");
    await expect(Program.compile(source, { debug: true })).rejects.toThrow(/^program\.ts:2:/);
  });

  test("stands nowhere when it computes with addresses", async () => {
    const error = await refused(
      `const AT = memory.data(8);\nexport function program(ctx: usize): i32 { return <i32>(AT >> 4); }`,
    );
    expect(error).toMatchObject({ code: "compile", message: expect.stringContaining("address") });
  });
});

describe("hostile sources", () => {
  test("that import without end are stopped", async () => {
    let count = 0;
    const error = await refused({
      entry: "0.ts",
      readFile: () => `import "./${++count}";\n${PASSING}`,
    });
    expect(error).toMatchObject({ code: "compile", message: expect.stringContaining("files") });
    expect(count).toBeLessThan(2000);
  });

  test("that are too long are refused", async () => {
    const error = await refused(PASSING + " ".repeat(2 ** 21));
    expect(error).toMatchObject({
      code: "compile",
      message: expect.stringContaining("characters"),
    });
  });

  test.each([
    [
      "parentheses",
      `${HEAD}export function program(ctx: Context): i32 { return ${"(".repeat(50_000)}1${")".repeat(50_000)}; }`,
    ],
    [
      "blocks",
      `${HEAD}export function program(ctx: Context): i32 { ${"{".repeat(50_000)}${"}".repeat(50_000)} return 1; }`,
    ],
    [
      "a sum",
      `${HEAD}export function program(ctx: Context): i32 { return 1${"+ctx.mark".repeat(20_000)}; }`,
    ],
    ["nonsense", "\u0000\uffff{[(<".repeat(1000)],
  ])("that nest %s deeply end with a typed error or a program", async (_, source) => {
    const result = await Program.compile(source).catch((error: unknown) => error);
    if (result instanceof Error) expect(result).toBeInstanceOf(ProgramError);
  });

  test("readers that fail are their owner's affair", async () => {
    const failing = { entry: "p.ts", readFile: () => Promise.reject(new Error("disk")) };
    await expect(Program.compile(failing)).rejects.toThrow("disk");
    const missing = { entry: "p.ts", readFile: () => null };
    await expect(Program.compile(missing)).rejects.toMatchObject({ code: "bad-option" });
  });

  test.each([
    [undefined],
    [null],
    [5],
    [{}],
    [{ files: null }],
    [{ files: {} }],
    [{ entry: 5, readFile: 5 }],
  ])("%j is no source", async (source) => {
    await expect(Program.compile(source as never)).rejects.toMatchObject({ code: "bad-option" });
  });
});

describe("options", () => {
  test.each([[""], ["a b"], ["é"], ["x".repeat(64)], [5]])("%j is no name", async (name) => {
    await expect(Program.compile(PASSING, { name: name as string })).rejects.toMatchObject({
      code: "bad-option",
    });
  });

  test("the compiler may be handed in", async () => {
    const compiler = {
      assemblyscript: await import("assemblyscript"),
      asc: await import("assemblyscript/asc"),
    };
    expect((await Program.compile(PASSING, { compiler })).form).toBe("packet");
  });

  test.each([[{}], [{ assemblyscript: {}, asc: {} }]])("%j is no compiler", async (compiler) => {
    await expect(Program.compile(PASSING, { compiler: compiler as never })).rejects.toMatchObject({
      code: "no-compiler",
    });
  });
});
