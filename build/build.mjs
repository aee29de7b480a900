#!/usr/bin/env node
/**
 * Builds everything: AssemblyScript -> generated/dataplane.wasm, generated/runtime.wasm and their debug twins, the
 * modules as base64 in generated/module.ts and generated/runtime.ts, the worker of pools as a string in generated/worker.ts, TypeScript -> dist/, and
 * dist/waxdp.js, one file for pages without a bundler.
 */
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const top = fileURLToPath(new URL("..", import.meta.url));
process.chdir(top);

function newest(...paths) {
  return Math.max(
    ...paths.map((path) => {
      if (!statSync(path).isDirectory()) return statSync(path).mtimeMs;
      return Math.max(0, ...readdirSync(path).map((name) => newest(join(path, name))));
    }),
  );
}

function oldest(...paths) {
  return Math.min(...paths.map((path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0));
}

/** The modules, by their files in generated/; the memory of both begins with what the first has in it. */
const MODULES = {
  dataplane: {
    entry: "assembly/index.ts",
    options: ["--initialMemory", "2", "--memoryBase", "65536"],
    source: "module",
    constant: "MODULE_BASE64",
  },
  runtime: {
    entry: "assembly/runtime/index.ts",
    options: ["--importTable"],
    source: "runtime",
    constant: "RUNTIME_BASE64",
  },
};

/** asc takes seconds, so its outputs are kept while none of its inputs is younger. */
async function compileWasm() {
  const outputs = Object.keys(MODULES).flatMap((name) => [
    `generated/${name}.wasm`,
    `generated/${name}.debug.wasm`,
    `generated/${MODULES[name].source}.ts`,
  ]);
  if (oldest(...outputs) > newest("abi", "assembly", "asconfig.json", "package-lock.json")) return;
  mkdirSync("generated", { recursive: true });
  const { default: asc } = await import("assemblyscript/asc");
  for (const name of Object.keys(MODULES)) {
    await compileModule(asc, name, "release", name);
    await compileModule(asc, name, "debug", `${name}.debug`);
    inlineWasm(name);
  }
}

async function compileModule(asc, name, target, file) {
  const { entry, options } = MODULES[name];
  const { error, stderr } = await asc.main([
    ...[entry, "--config", "asconfig.json", "--target", target, ...options],
    ...["--outFile", `generated/${file}.wasm`, "--textFile", `generated/${file}.wat`],
  ]);
  if (error) fail(`asc (${name}, ${target}): ${error.message}\n${stderr}`);
}

function inlineWasm(name) {
  const base64 = readFileSync(`generated/${name}.wasm`).toString("base64");
  writeFileSync(
    `generated/${MODULES[name].source}.ts`,
    `/** ${name}.wasm, written by build/build.mjs. */\nexport const ${MODULES[name].constant}: string =\n  "${base64}";\n`,
  );
}

/** Sources of `waxdp/program` with what they import: the compiler is given them as strings, editors as files. */
const SDK_ENTRIES = ["assembly/sdk/index.ts", "assembly/sdk/version.ts"];

function sdkSources() {
  const sources = new Map();
  for (const waiting = [...SDK_ENTRIES]; waiting.length > 0; ) {
    const path = waiting.pop();
    if (sources.has(path)) continue;
    const text = readFileSync(path, "utf8");
    sources.set(path, text);
    for (const [, name] of text.matchAll(/from "(\.[^"]+)"/g)) {
      waiting.push(`${join(dirname(path), name)}.ts`);
    }
  }
  return [...sources].sort(([one], [other]) => (one < other ? -1 : 1));
}

/** Lines stay where they are, for what the compiler says of them. No string there has such signs in it. */
function withoutComments(text) {
  return text
    .replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ""))
    .replace(/^ *\/\/.*$/gm, "");
}

function inlineSdk() {
  const rows = sdkSources().map(
    ([path, text]) => `  ${JSON.stringify(path)}:\n    ${JSON.stringify(withoutComments(text))},\n`,
  );
  mkdirSync("generated", { recursive: true });
  writeFileSync(
    "generated/sdk.ts",
    `/** Sources of waxdp/program, written by build/build.mjs. */\nexport const SDK_SOURCES: Readonly<Record<string, string>> = {\n${rows.join("")}};\n`,
  );
}

/** The same as files, where the package's "./program" leads editors. */
function shareSdk() {
  for (const [path, text] of sdkSources()) {
    mkdirSync(dirname(join("dist/program", path)), { recursive: true });
    writeFileSync(join("dist/program", path), text);
  }
  const [entry] = SDK_ENTRIES;
  writeFileSync("dist/program/index.ts", `export * from "./${entry.replace(/\.ts$/, "")}";\n`);
  shareTsconfig();
}

/** What a tsconfig.json of programs extends: that of the examples, without its files. */
function shareTsconfig() {
  const { include, ...config } = JSON.parse(
    readFileSync("examples/programs/tsconfig.json", "utf8"),
  );
  writeFileSync("dist/program/tsconfig.json", `${JSON.stringify(config, null, 2)}\n`);
}

/** What a pool's worker runs, as one script in a string: started from there, it has no address to be found at. */
async function inlineWorker() {
  const { build } = await import("esbuild");
  const { outputFiles } = await build({
    entryPoints: ["src/pool/worker.ts"],
    bundle: true,
    format: "iife",
    target: "es2022",
    minify: true,
    write: false,
    logLevel: "warning",
  });
  const [{ text }] = outputFiles;
  writeFileSync("generated/worker.js", text);
  writeFileSync(
    "generated/worker.ts",
    `/** src/pool/worker.ts as one script, written by build/build.mjs. */\nexport const WORKER_SCRIPT: string =\n  ${JSON.stringify(text)};\n`,
  );
}

function compileTypeScript() {
  rmSync("dist", { recursive: true, force: true });
  run("tsc", "-p", "build/tsconfig.json");
  for (const name of Object.keys(MODULES))
    copyFileSync(`generated/${name}.wasm`, `dist/${name}.wasm`);
  copyFileSync("generated/worker.js", "dist/worker.js");
  for (const room of ["bench/native", "bench/kernel"]) copySources(room);
  copyFileSync("bench/floors.json", "dist/bench/floors.json");
  chmodSync("dist/src/cli/main.js", 0o755);
}

/** What `waxdp bench` compiles where it runs. */
function copySources(room) {
  for (const name of readdirSync(room).filter((each) => /\.[ch]$/.test(each))) {
    copyFileSync(join(room, name), join("dist", room, name));
  }
}

/** The module for those who compile it themselves and hand it to a pool. */
async function shareWasm() {
  const { withSharedMemory } = await import("../dist/src/pool/module.js");
  const bytes = withSharedMemory(readFileSync("generated/dataplane.wasm"));
  writeFileSync("dist/dataplane.shared.wasm", bytes);
}

async function bundle() {
  const { build } = await import("esbuild");
  await build({
    entryPoints: ["dist/src/index.js"],
    outfile: "dist/waxdp.js",
    bundle: true,
    format: "esm",
    target: "es2022",
    minify: true,
    legalComments: "eof",
    logLevel: "warning",
  });
}

function run(command, ...args) {
  const { status, error } = spawnSync(join("node_modules", ".bin", command), args, {
    stdio: "inherit",
  });
  if (error) fail(`${command}: ${error.message}`);
  if (status !== 0) process.exit(status ?? 1);
}

function fail(message) {
  console.error(message);
  process.exit(1);
}

await compileWasm();
inlineSdk();
await inlineWorker();
if (!process.argv.includes("--wasm-only")) {
  compileTypeScript();
  shareSdk();
  await shareWasm();
  await bundle();
}
