/** What workers are given: the module with its memory shared, and a script. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { WORKER_SCRIPT } from "../../generated/worker.ts";
import { withSharedMemory } from "../../src/pool/module.ts";

const MODULE = readFileSync("generated/dataplane.wasm");

describe("the module with a shared memory", () => {
  const memory = (shared: boolean) => {
    return new WebAssembly.Memory({ initial: 2, maximum: 65536, shared });
  };

  test("is the same but for the memory it imports", async () => {
    const shared = await WebAssembly.compile(withSharedMemory(MODULE));
    const own = await WebAssembly.compile(MODULE);
    expect(WebAssembly.Module.imports(shared)).toEqual(WebAssembly.Module.imports(own));
    expect(WebAssembly.Module.exports(shared)).toEqual(WebAssembly.Module.exports(own));
    await WebAssembly.instantiate(shared, { env: { memory: memory(true) } });
    const wrong = WebAssembly.instantiate(shared, { env: { memory: memory(false) } });
    await expect(wrong).rejects.toBeInstanceOf(WebAssembly.LinkError);
  });

  test.each([
    ["a module without imports", [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]],
    ["one that is shared already", [...withSharedMemory(MODULE)]],
  ])("cannot be made of %s", (_, bytes) => {
    const make = () => withSharedMemory(Uint8Array.from(bytes));
    expect(make).toThrow(expect.objectContaining({ code: "bad-module" }));
  });
});

describe("the worker's script", () => {
  test("is small: nothing of the control plane came with it", () => {
    expect(WORKER_SCRIPT.length).toBeLessThan(4096);
  });

  test("needs nothing from anywhere", () => {
    expect(WORKER_SCRIPT).not.toMatch(/\bimport\b|\brequire\(|importScripts/);
  });
});
