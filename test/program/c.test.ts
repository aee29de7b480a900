/** A program of another compiler: C, position-independent, from clang and wasm-ld. Skipped where they are not installed. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createDataplane, createModel, Program } from "../../src/index.ts";
import { packet } from "../../src/testing.ts";

const VERSIONS = ["", "-20", "-19", "-18", "-17", "-16", "-15", "-14"];

function find(tool: string): string | undefined {
  const names = VERSIONS.map((version) => `${tool}${version}`);
  return names.find((name) => spawnSync(name, ["--version"]).error === undefined);
}

const CLANG = find("clang");
const LINKER = find("wasm-ld");
/** The target whose code clang makes position-independent; nothing of that system is used. */
const COMPILE = ["--target=wasm32-unknown-emscripten", "-O2", "-fPIC", "-fvisibility=hidden", "-c"];
const LINK = ["-shared", "--experimental-pic"];

function run(command: string, args: readonly string[]): void {
  const { status, stderr, error } = spawnSync(command, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${command}: ${error?.message ?? stderr}`);
}

describe.skipIf(!CLANG || !LINKER)("a program in C", () => {
  let folder: string;
  let program: Program;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "waxdp-"));
    const [object, module] = [join(folder, "counter.o"), join(folder, "counter.wasm")];
    run(CLANG!, [...COMPILE, "test/program/counter.c", "-o", object]);
    run(LINKER!, [...LINK, object, "-o", module]);
    program = Program.load(readFileSync(module), { name: "counter" });
  });

  afterAll(() => rmSync(folder, { recursive: true }));

  test("has static data, a stack and places in the table", () => {
    expect(program).toMatchObject({ form: "packet", functions: 2 });
    expect(program.memory.size).toBeGreaterThan(4096);
    expect(program.helpers).toEqual(expect.arrayContaining(["map_create", "map_lookup"]));
  });

  test.each(Object.entries({ wasm: createDataplane, model: createModel }))(
    "counts in the %s engine, beside others of its kind",
    async (_, create) => {
      const dataplane = await create({ seed: 1, capacity: { arena: 1 << 20 } });
      for (const name of ["one", "other"]) {
        const loaded = await dataplane.programs.load(program, { name });
        dataplane.hooks.ingress.attach(loaded);
      }
      const frameOf = (payload: string) =>
        packet({ saddr: "10.0.0.1", sport: 1, daddr: "10.0.0.2", dport: 2, proto: "udp", payload });
      const verdicts = ["ab", "aab", "aaa"].map(
        (payload) => dataplane.process(frameOf(payload), { now: 0 }).event.verdict,
      );
      // 98 is even: passed. 97 is odd: kept when the frame is of odd length.
      expect(verdicts).toEqual(["PASS", "PASS", "PASS"]);
      expect(dataplane.process(frameOf("aa"), { now: 0 }).event.verdict).toBe("DROP");
      const bytes = new DataView(
        (dataplane.maps.get("counts")!.lookup(Uint8Array.of(98, 0, 0, 0)) as Uint8Array).buffer,
      );
      expect(bytes.getBigUint64(0, true)).toBe(4n);
      expect(bytes.getBigUint64(8, true)).toBe(2n * (44n + 45n));
    },
  );
});
