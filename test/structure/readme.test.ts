/** README shows what the commands print: they are run again, and figures of time alone may differ. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";

const README = readFileSync("README.md", "utf8");
const COMMAND =
  /^\$ npx waxdp ((?:replay|explain|diff|program|maps) .*)\n([\s\S]*?)(?=^\$ |(?![\s\S]))/gm;
const TIMING = /packets\/s|rounds over/;

function blocks(language: string): string[] {
  const fence = new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, "gm");
  return [...README.matchAll(fence)].map(([, body]) => body as string);
}

const SHOWN = blocks("console").flatMap((block) =>
  [...block.matchAll(COMMAND)].map(([, command, output]) => ({
    command: command as string,
    output: output as string,
  })),
);

function steady(output: string): string[] {
  return output.split("\n").filter((line) => line !== "" && !TIMING.test(line));
}

it("shows replay, explain, diff, program and maps", () => {
  expect(SHOWN.length).toBeGreaterThanOrEqual(7);
});

/** Where the commands write, one after another; later ones read what earlier ones have written. */
const folder = mkdtempSync(join(tmpdir(), "waxdp-"));
afterAll(() => rmSync(folder, { recursive: true }));
const WRITTEN = /\b(?:out\.pcapng|drop-list\.wasm|now\.snap)\b/g;

it.each(SHOWN)("waxdp $command prints what is shown", ({ command, output }) => {
  const line = command.replace(WRITTEN, (name) => join(folder, name));
  const { stdout } = spawnSync("sh", ["-c", `node dist/src/cli/main.js ${line}`], {
    encoding: "utf8",
  });
  expect(steady(stdout.replaceAll(`${folder}/`, ""))).toEqual(steady(output));
});

it("the size of the module is the one that is built", () => {
  const { size } = statSync("generated/dataplane.wasm");
  expect(README).toContain(`one Wasm module of ${Math.round(size / 1000)} KB`);
});

it("the number of recorded steps is that of the recordings", () => {
  const folder = "test/netfilter/recordings";
  const files = readdirSync(folder).filter((name) => name.endsWith(".json"));
  const steps = files.flatMap((name) => {
    const { scenarios } = JSON.parse(readFileSync(join(folder, name), "utf8"));
    return scenarios.flatMap((scenario: { steps: unknown[] }) => scenario.steps);
  });
  expect(README).toContain(`${steps.length.toLocaleString("en-US")} steps recorded`);
});

it("the program is the one that can be built", () => {
  expect(blocks("ts")[0]).toBe(readFileSync("examples/programs/drop-list/program.ts", "utf8"));
});

it("the embedding example is the one that can be run", () => {
  const example = readFileSync("examples/embed.mjs", "utf8");
  expect(example).toContain((blocks("js")[0] as string).trimEnd());
});
