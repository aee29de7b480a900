import { existsSync, readFileSync } from "node:fs";
import { test } from "vitest";
import { compileProgram } from "../../src/program/compile.ts";
const readFile = (path: string) => (existsSync(path) ? readFileSync(path, "utf8") : null);
test.each(["drop-list/program","rate-limit/program","syn-guard/program","service-counters/program","dns-log/program","canary/program","tunnel/program","tunnel/decapsulate"])("%s", async (name) => {
  try {
    const p = await compileProgram({ entry: `examples/programs/${name}.ts`, readFile }, {});
    console.log(name, p.bytes.length, p.form, p.memory, JSON.stringify(p.types), p.helpers.join());
  } catch (e: any) { console.log(name, e.message, JSON.stringify(e.diagnostics, null, 1)); }
});
