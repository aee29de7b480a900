/**
 * The example programs: each runs in one command, in both engines, and prints what stands beside it in
 * output.txt (`npx vitest run examples -u` writes that anew, to be read in the diff).
 */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { compileProgram } from "./programs/cluster.mjs";

const run = promisify(execFile);
const path = (name) => fileURLToPath(new URL(`programs/${name}`, import.meta.url));

const EXAMPLES = [
  { name: "drop-list", sources: ["program.ts"] },
  { name: "rate-limit", sources: ["program.ts"] },
  { name: "syn-guard", sources: ["program.ts"] },
  { name: "service-counters", sources: ["program.ts"] },
  { name: "dns-log", sources: ["program.ts"] },
  { name: "canary", sources: ["program.ts"] },
  { name: "tunnel", sources: ["program.ts", "decapsulate.ts"] },
];
/** Bytes of a compiled program. */
const SIZE_MAX = 4096;

test("editors find nothing wrong with them", async () => {
  const { stdout } = await run("npx", ["tsc", "-p", path("tsconfig.json")]);
  expect(stdout).toBe("");
});

describe.each(EXAMPLES)("$name", ({ name, sources }) => {
  test.each([["wasm"], ["model", "--model"]])("prints what it should (%s)", async (_, ...flags) => {
    const { stdout, stderr } = await run("node", [path(`${name}/run.mjs`), ...flags]);
    expect(stderr).toBe("");
    await expect(stdout).toMatchFileSnapshot(path(`${name}/output.txt`));
  });

  test.each(sources)("%s is small when it is compiled", async (source) => {
    const { bytes } = await compileProgram(new URL(`programs/${name}/${source}`, import.meta.url));
    expect(bytes.length).toBeLessThan(SIZE_MAX);
  });
});
