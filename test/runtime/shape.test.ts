/** What the runtime's module is from outside: it lives in what the host gives it, and has nothing of its own. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

const bytes = readFileSync("generated/runtime.wasm");
const module = new WebAssembly.Module(bytes);

/** WebAssembly core specification, section 5.5: sections that would put something into memory or table, or run. */
const SECTION_MEMORY = 5;
const SECTION_START = 8;
const SECTION_DATA = 11;

test("imports the dataplane's memory, a table, and what the packet path lends it", () => {
  const imports = WebAssembly.Module.imports(module);
  expect(imports.map((each) => `${each.module}.${each.name}: ${each.kind}`).sort()).toEqual([
    "dataplane.config: function",
    "dataplane.counters: function",
    "dataplane.lookup: function",
    "dataplane.now: function",
    "dataplane.owner: function",
    "dataplane.processContexts: function",
    "dataplane.readTuple: function",
    "dataplane.released: function",
    "dataplane.releasedLength: function",
    "env.memory: memory",
    "env.table: table",
  ]);
});

test("finds all of that in the packet path", () => {
  const path = new WebAssembly.Module(readFileSync("generated/dataplane.wasm"));
  const names = WebAssembly.Module.exports(path).map(({ name }) => name);
  const lent = WebAssembly.Module.imports(module).filter((each) => each.module === "dataplane");
  expect(names).toEqual(expect.arrayContaining(lent.map(({ name }) => name)));
});

test("has no memory, no data and no start function", () => {
  const ids = sectionsOf(bytes);
  expect(ids.length).toBeGreaterThan(4);
  for (const id of [SECTION_MEMORY, SECTION_START, SECTION_DATA]) expect(ids).not.toContain(id);
});

function sectionsOf(binary: Uint8Array): number[] {
  const ids: number[] = [];
  for (let at = 8; at < binary.length; ) {
    ids.push(binary[at++]!);
    let size = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = binary[at++]!;
      size += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    at += size;
  }
  return ids;
}
