/** What the package promises to those who install it. */
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const DIST = join(ROOT, "dist");

interface Manifest {
  readonly dependencies: Record<string, string>;
  readonly devDependencies: Record<string, string>;
  readonly exports: Record<string, string | Record<string, string>>;
  readonly bin: Record<string, string>;
}
const manifest: Manifest = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8"));

describe("package.json", () => {
  const { dependencies, devDependencies } = manifest;
  test.each(Object.entries({ ...dependencies, ...devDependencies }))(
    "%s is pinned to %s",
    (_, version) => {
      expect(version).toMatch(/^\d+\.\d+\.\d+(-[\w.]+)?$/);
    },
  );

  test("every dependency is in the table of ARCHITECTURE.md, with its reason", async () => {
    const text = await readFile(join(ROOT, "ARCHITECTURE.md"), "utf8");
    const table = text.slice(text.indexOf("## Dependencies"));
    const cells = [...table.matchAll(/^\| ([^|]+) \| [^|]+ \|$/gm)].flatMap(([, names = ""]) =>
      names.split(", "),
    );
    const packages = Object.keys({ ...dependencies, ...devDependencies });
    expect(cells.slice(1).sort()).toEqual(packages.sort());
  });

  test.each(promisedFiles())("%s is there after the build", async (path) => {
    await expect(stat(join(ROOT, path))).resolves.toMatchObject({ size: expect.any(Number) });
  });
});

describe("dist", () => {
  test("names no path of the machine it was built on", async () => {
    const offenders: string[] = [];
    for (const path of await filesOf(DIST)) {
      if ((await readFile(path)).includes(ROOT)) offenders.push(path.slice(ROOT.length));
    }
    expect(offenders).toEqual([]);
  });
});

function promisedFiles(): string[] {
  const targets = Object.values(manifest.exports).flatMap((target) =>
    typeof target === "string" ? [target] : Object.values(target),
  );
  return [...new Set([...targets, ...Object.values(manifest.bin)])].sort();
}

async function filesOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
