import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterAll, expect, test } from "vitest";
import { readManifests, readNetwork } from "../../src/cli/files.ts";

const folder = mkdtempSync(join(tmpdir(), "waxdp-files-"));
afterAll(() => rmSync(folder, { recursive: true }));

function write(path: string, text = path): string {
  const whole = join(folder, path);
  mkdirSync(join(whole, ".."), { recursive: true });
  writeFileSync(whole, text);
  return whole;
}

async function names(...paths: string[]): Promise<string[]> {
  return (await readManifests(paths)).map(({ name }) => relative(folder, name));
}

test("folders are walked in the order of names; only manifests that are not hidden count", async () => {
  for (const path of [
    "tree/b.yaml",
    "tree/a/z.json",
    "tree/a/c.YML",
    "tree/notes.md",
    "tree/.old/x.yaml",
  ])
    write(path);
  expect(await names(join(folder, "tree"))).toEqual([
    "tree/a/c.YML",
    "tree/a/z.json",
    "tree/b.yaml",
  ]);
});

test("a file given by name is read whatever it is called, and once", async () => {
  const [first, second] = [write("plain/objects"), write("plain/more.yaml")];
  expect(await names(second, first, join(folder, "plain"), first)).toEqual([
    "plain/more.yaml",
    "plain/objects",
  ]);
});

test("a link to a folder above does not loop", async () => {
  write("loop/in/a.yaml");
  symlinkSync(join(folder, "loop"), join(folder, "loop/in/up"));
  expect(await names(join(folder, "loop"))).toEqual(["loop/in/a.yaml"]);
});

test("what cannot be read is told by its name", async () => {
  mkdirSync(join(folder, "empty"));
  await expect(readManifests([join(folder, "empty")])).rejects.toThrow(
    /empty holds no .yaml, .yml or .json file/,
  );
  await expect(readManifests([join(folder, "none")])).rejects.toThrow(
    /cannot read .*none: there is no such file/,
  );
});

test("a device that does not end is given up", async () => {
  await expect(readManifests(["/dev/zero"])).rejects.toThrow(
    "/dev/zero has more than 268,435,456 bytes",
  );
});

test("a network is an object with two arrays", async () => {
  expect(await readNetwork(write("net.json", '{"addresses":[],"routes":[1]}'))).toEqual({
    addresses: [],
    routes: [1],
  });
  const marked = write("net.json", '\ufeff{"addresses":[],"routes":[]}');
  expect(await readNetwork(marked)).toEqual({ addresses: [], routes: [] });
  await expect(readNetwork(write("net.json", "["))).rejects.toThrow(/net.json: not JSON/);
  await expect(readNetwork(write("net.json", "[]"))).rejects.toThrow(
    /not an object with "addresses"/,
  );
  await expect(readNetwork(write("net.json", '{"addresses":[]}'))).rejects.toThrow(
    /"routes" must be an array, as ip -j route/,
  );
});
