/** PROGRAMS.md: its snippets are compiled and run, its commands print what is shown, its tables are those of the ABI. */
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import * as abi from "../../abi/program.ts";
import { capacityOf } from "../../src/dataplane/options.ts";
import { createDataplane, createModel, Program, replay } from "../../src/index.ts";
import * as model from "../../src/model/model.ts";
import { packet, readBytes } from "../../src/testing.ts";

const GUIDE = readFileSync("PROGRAMS.md", "utf8");

function blocks(language: string): string[] {
  const fence = new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, "gm");
  return [...GUIDE.matchAll(fence)].map(([, body]) => body as string);
}

/** The one block of a language with a text in it. */
function block(language: string, text: string): string {
  const found = blocks(language).filter((each) => each.includes(text));
  expect(found).toHaveLength(1);
  return found[0]!;
}

const FILES = {
  "telnet.ts": block("ts", "telnet"),
  "telnet.mjs": block(
    "js",
    'readFileSync("telnet.ts", "utf8"), { name: "telnet" });\nconst telnet',
  ),
  "telnet.test.mjs": block("js", "node:test"),
  "wrong.ts": block("ts", "ctx.size"),
};
const CLI = resolve("dist/src/cli/main.js");

/** A folder as a reader has it: the package installed, the files saved. */
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "waxdp-"));
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(resolve("."), join(folder, "node_modules/waxdp"));
  symlinkSync(resolve("examples"), join(folder, "examples"));
  for (const [name, text] of Object.entries(FILES)) writeFileSync(join(folder, name), text);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function run(line: string) {
  const command = line.replace(/^npx waxdp /, `node ${CLI} `);
  return spawnSync("sh", ["-c", command], { cwd: folder, encoding: "utf8" });
}

describe("the first program", () => {
  const [, command, shown] = /\$ (node telnet\.mjs)\n([\s\S]*)/.exec(
    block("console", "telnet.mjs"),
  )!;

  it("prints what is shown", () => {
    const { stdout, stderr } = run(command!);
    expect(stderr).toBe("");
    expect(stdout).toBe(shown);
  });

  it("passes its test", () => {
    const { stdout, status } = run("node --test telnet.test.mjs");
    expect(status).toBe(0);
    expect(stdout).toContain("# pass 2");
  });

  it("is built and replayed by the command", () => {
    const lines = block("sh", "program build").trimEnd().split("\n");
    expect(lines).toHaveLength(2);
    for (const line of lines) {
      const { status, stderr } = run(line);
      expect(stderr).toBe("");
      expect(status).toBe(0);
    }
    expect(run(lines[1]!).stdout).toMatch(/^ingress +telnet +telnet /m);
  });

  it("is taken for AssemblyScript by tsc, with the tsconfig.json that is shown", () => {
    writeFileSync(join(folder, "tsconfig.json"), block("json", "extends"));
    const tsc = resolve("node_modules/typescript/bin/tsc");
    expect(run(`node ${tsc} --listFilesOnly`).stdout).toMatch(/\/telnet\.ts$/m);
    const { stdout, status } = run(`node ${tsc}`);
    expect(stdout).toMatch(/^wrong\.ts\(5,39\): error TS2339: .*'size'.*\n$/);
    expect(status).not.toBe(0);
  });

  it("is as large as is said", async () => {
    const { bytes } = await Program.compile(FILES["telnet.ts"]);
    expect(Math.round(bytes.length / 1000)).toBe(2);
  });
});

it("a program that does not compile is told off as shown", () => {
  const shown = block("console", "wrong.ts").trimEnd().split("\n").slice(1);
  const { stderr, status } = run("npx waxdp program build wrong.ts");
  expect(status).not.toBe(0);
  const found = stderr.split("\n").slice(0, shown.length);
  for (const [at, line] of shown.entries()) {
    expect(found[at]).toContain(line.replace(/ \.\.\.$/, ""));
  }
});

describe("other snippets of programs", () => {
  it("the batch form drops runts", async () => {
    const dataplane = await createDataplane();
    const program = await Program.compile(block("ts", "RUNT"));
    expect(program.form).toBe("batch");
    dataplane.hooks.ingress.attach(await dataplane.programs.load(program));
    const flow = { saddr: "10.0.0.1", sport: 1, daddr: "10.0.0.2", dport: 2 } as const;
    const verdictOf = (frame: Uint8Array) => dataplane.process(frame, { now: 0 }).verdict;
    expect(verdictOf(packet({ ...flow, payload: "1" }))).toBe("DROP");
    expect(verdictOf(packet({ ...flow, payload: "123456" }))).toBe("PASS");
  });

  it("the layout of a record is what its comments say", async () => {
    const record = block("ts", "class Seen");
    const program = await Program.compile(`
      import { Be16, Context, hash, Mac, NEXT } from "waxdp/program";
      ${record}
      const seen = hash<u32, Seen>("seen", 1);
      export function program(ctx: Context): i32 { return seen.has(0) ? 0 : NEXT; }`);
    const commented = record.matchAll(/^ {2}(\w+): \w+; \/\/ "(\w+)"/gm);
    expect(program.types.Seen).toMatchObject(
      Object.fromEntries(Array.from(commented, ([, field, type]) => [field, type])),
    );
  });
});

describe.each(Object.entries({ createDataplane, createModel }))("snippets on %s", (_, create) => {
  const AsyncFunction = (async () => {}).constructor as new (
    ...parts: string[]
  ) => (...values: unknown[]) => Promise<unknown>;

  /** Runs a snippet with what it takes for granted. */
  async function runSnippet(body: string, given: Record<string, unknown>) {
    const printed: unknown[][] = [];
    const console = { log: (...values: unknown[]) => printed.push(values) };
    const names = [...Object.keys(given), "console"];
    await new AsyncFunction(...names, body)(...Object.values(given), console);
    return printed;
  }

  async function load(dataplane: Awaited<ReturnType<typeof create>>, name: string) {
    return dataplane.programs.load(await Program.compile(FILES["telnet.ts"], { name }));
  }

  test("links", async () => {
    const dataplane = await create();
    const [loaded, other, better] = await Promise.all(
      ["loaded", "other", "better"].map((name) => load(dataplane, name)),
    );
    await runSnippet(block("js", "const { ingress, egress }"), {
      dataplane,
      loaded,
      other,
      better,
    });
    expect(dataplane.hooks.ingress.list().map(({ name }) => name)).toEqual(["better"]);
  });

  test("maps", async () => {
    const dataplane = await create();
    const printed = await runSnippet(block("js", "seen.close()"), { dataplane });
    expect(printed).toEqual([]);
    expect(dataplane.maps.get("seen")).toBeUndefined();
  });

  test("ring buffers", async () => {
    const dataplane = await create();
    const ring = dataplane.maps.create({ name: "ring", type: "ringbuf", maxEntries: 4096 });
    const program = await Program.compile(`
      import { Context, NEXT, ringbuf } from "waxdp/program";
      @unmanaged class Length { bytes: u32; }
      const ring = ringbuf<Length>("ring", 4096);
      export function program(ctx: Context): i32 {
        const length = ring.reserve();
        if (length == null) return NEXT;
        length.bytes = ctx.length;
        ring.submit(length);
        return NEXT;
      }`);
    dataplane.hooks.ingress.attach(await dataplane.programs.load(program));
    const frame = packet({ saddr: "10.0.0.1", sport: 1, daddr: "10.0.0.2", dport: 2 });
    dataplane.process(frame, { now: 0 });
    const [now, later] = block("js", "for await").trimEnd().split("\n");
    expect(await runSnippet(now!, { ring })).toHaveLength(1);
    dataplane.process(frame, { now: 1 });
    const waiting = later!.replace(/console\.log\(record\);/, "{ console.log(record); break; }");
    expect(await runSnippet(waiting, { ring })).toHaveLength(1);
  });

  test("events", async () => {
    const dataplane = await create();
    dataplane.hooks.ingress.attach(await load(dataplane, "telnet"));
    const packets = readBytes(readFileSync("examples/captures/node.pcapng"));
    const printed = await runSnippet(block("js", "event.program !== null"), {
      dataplane,
      replay,
      packets,
    });
    expect(printed.at(-1)![0]).toHaveLength(2);
  });
});

it("a trap says where, and after enough of them the link is gone", async () => {
  const dataplane = await createDataplane();
  const source = `import { Context, NEXT, tcp } from "waxdp/program";
    export function program(ctx: Context): i32 {
      assert(tcp(ctx) != null, "no TCP");
      return NEXT;
    }`;
  const program = await dataplane.programs.load(await Program.compile(source, { name: "picky" }));
  const link = dataplane.hooks.ingress.attach(program, { maxTraps: 2 });
  const flow = { saddr: "10.0.0.1", sport: 1, daddr: "10.0.0.2", dport: 2 } as const;
  const frame = packet({ ...flow, proto: "udp" });
  const reasons = [0, 1, 2].map((now) => dataplane.process(frame, { now }).event.reason);
  expect(reasons).toEqual(["trap", "trap", null]);
  expect(link.info()).toMatchObject({ traps: 2, attached: false });
  expect(link.info().lastTrap).toBe("no TCP (picky.ts:3:7)");
});

describe("the ABI", () => {
  const section = GUIDE.slice(GUIDE.indexOf("## ABI for other languages"));

  it("has the version that programs are built for", () => {
    expect(section).toContain(`\`PROGRAM_ABI_VERSION\` is ${abi.PROGRAM_ABI_VERSION}`);
  });

  it("has every field of the context where it is", () => {
    const rows = section.slice(section.indexOf("### Context"), section.indexOf("### Map header"));
    const shown = Object.fromEntries(
      Array.from(rows.matchAll(/^\| (\d+) \| (\w+) \|/gm), ([, at, name]) => [name, Number(at)]),
    );
    const { CTX_SIZE, ...fields } = Object.fromEntries(
      Object.entries(abi).filter(([name]) => name.startsWith("CTX_")),
    );
    const names = Object.entries(fields).map(([name, at]) => [
      name
        .slice("CTX_".length)
        .replace(/_(END|LENGTH)$/, (word) => word.slice(1))
        .toLowerCase(),
      at,
    ]);
    expect(shown).toEqual(renamed(Object.fromEntries(names)));
    expect(section).toContain(`${CTX_SIZE} bytes for each packet`);
  });

  it("has every helper, and none that is not there", () => {
    const { helpers } = model.createEngine({ capacity: capacityOf({}), seed: 0 }).runtime;
    const rows = section.slice(section.indexOf("### Helpers"), section.indexOf("### In C"));
    const shown = Array.from(rows.matchAll(/`(\w+)\((?=[^`]*\)`)/g), ([, name]) => name);
    const atLoad = ["map_create", "map_create_inner", "reason"];
    expect(shown.sort()).toEqual([...Object.keys(helpers), ...atLoad].sort());
  });
});

/** The guide writes "wirelen" for CTX_WIRE_LENGTH. */
function renamed({ wirelength, ...others }: Record<string, unknown>) {
  return { ...others, wirelen: wirelength };
}

/** LLVM's linker, which distributions install with its version behind the name too. */
function findLinker(): string | undefined {
  const folders = (process.env.PATH ?? "").split(":").filter((each) => existsSync(each));
  return folders
    .flatMap((each) => readdirSync(each).map((name) => join(each, name)))
    .find((path) => /\/wasm-ld(-\d+)?$/.test(path));
}

const linker = findLinker();
const lacksLinker =
  process.env.WAXDP_REQUIRE_TOOLS !== "1" &&
  (linker === undefined || spawnSync("clang", ["--version"]).error !== undefined);

it.skipIf(lacksLinker)("a program in C counts packets", async () => {
  writeFileSync(join(folder, "count.c"), block("c", "map_create"));
  const lines = block("sh", "wasm-ld").replace(/^wasm-ld/m, linker ?? "wasm-ld");
  const { status, stderr } = run(lines);
  expect(stderr).not.toContain("error");
  expect(status).toBe(0);
  const program = await Program.load(readFileSync(join(folder, "count.wasm")), { name: "count" });
  const dataplane = await createDataplane();
  const packets = dataplane.maps.create({
    name: "packets",
    type: "array",
    value: "u64",
    maxEntries: 1,
  });
  dataplane.hooks.ingress.attach(await dataplane.programs.load(program));
  const frame = packet({ saddr: "10.0.0.1", sport: 1, daddr: "10.0.0.2", dport: 2 });
  for (const now of [0, 1, 2]) dataplane.process(frame, { now });
  expect(packets.lookup(0)).toBe(3n);
});

it("every link leads somewhere", () => {
  const anchors = new Set(
    Array.from(GUIDE.matchAll(/^#+ (.*)$/gm), ([, title]) =>
      title!
        .toLowerCase()
        .replaceAll(/[^\w -]/g, "")
        .replaceAll(" ", "-"),
    ),
  );
  const targets = Array.from(GUIDE.matchAll(/\]\(([^)]+)\)/g), ([, target]) => target!);
  expect(targets.length).toBeGreaterThan(10);
  for (const target of targets.filter((each) => !each.startsWith("https:"))) {
    const [path, anchor] = target.split("#");
    if (path !== "") expect([target, existsSync(path!)]).toEqual([target, true]);
    else expect([...anchors]).toContain(anchor);
  }
});
