#!/usr/bin/env node
/** Bundles test/fuzz/fuzz.ts, which is TypeScript that Node 20 does not run by itself, and runs it. */
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";

const top = fileURLToPath(new URL("..", import.meta.url));
process.chdir(top);
const outfile = join(top, "generated/fuzz.mjs");
await build({
  entryPoints: ["test/fuzz/fuzz.ts"],
  outfile,
  bundle: true,
  format: "esm",
  platform: "node",
  target: "node20",
  packages: "external",
  logLevel: "warning",
});
await import(pathToFileURL(outfile).href);
