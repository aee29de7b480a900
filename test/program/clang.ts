/** C sources to modules that go anywhere, by clang and wasm-ld, where they are installed. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const VERSIONS = ["", "-20", "-19", "-18", "-17", "-16", "-15", "-14"];

function find(tool: string): string | undefined {
  const names = VERSIONS.map((version) => `${tool}${version}`);
  return names.find((name) => spawnSync(name, ["--version"]).error === undefined);
}

const CLANG = find("clang");
const LINKER = find("wasm-ld");
export const HAS_CLANG = CLANG !== undefined && LINKER !== undefined;

/** The target whose code clang makes position-independent; nothing of that system is used. */
const COMPILE = ["--target=wasm32-unknown-emscripten", "-O2", "-fPIC", "-fvisibility=hidden", "-c"];
const LINK = ["-shared", "--experimental-pic"];

/** The bytes of a module. */
export function compileC(source: string): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), "waxdp-"));
  try {
    const [object, module] = [join(folder, "program.o"), join(folder, "program.wasm")];
    run(CLANG!, [...COMPILE, source, "-o", object]);
    run(LINKER!, [...LINK, object, "-o", module]);
    return readFileSync(module);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function run(command: string, args: readonly string[]): void {
  const { status, stderr, error } = spawnSync(command, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${command}: ${error?.message ?? stderr}`);
}
