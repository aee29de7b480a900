/** README shows what the commands print: they are run again, and figures of time alone may differ. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";

const README = readFileSync("README.md", "utf8");
const COMMAND = /^\$ npx waxdp ((?:replay|explain|diff) .*)\n([\s\S]*?)(?=^\$ |(?![\s\S]))/gm;
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

it("shows replay, explain and diff", () => {
  expect(SHOWN.length).toBeGreaterThanOrEqual(4);
});

it.each(SHOWN)("waxdp $command prints what is shown", ({ command, output }) => {
  const folder = mkdtempSync(join(tmpdir(), "waxdp-"));
  const line = `node dist/src/cli/main.js ${command.replace("out.pcapng", join(folder, "out.pcapng"))}`;
  const { stdout } = spawnSync("sh", ["-c", line], { encoding: "utf8" });
  rmSync(folder, { recursive: true });
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

it("the embedding example is the one that can be run", () => {
  const example = readFileSync("examples/embed.mjs", "utf8");
  expect(example).toContain((blocks("js")[0] as string).trimEnd());
});
