/** The shape of the compiled module: what it needs, what it gives, how large it is. */
import { readFile } from "node:fs/promises";
import { beforeAll, describe, expect, test } from "vitest";
import { ABI_VERSION } from "../../abi/version.ts";

const SIZE_MAX = 65536;

describe("generated/dataplane.wasm", () => {
  let bytes: Uint8Array<ArrayBuffer>;
  let module: WebAssembly.Module;
  beforeAll(async () => {
    bytes = new Uint8Array(
      await readFile(new URL("../../generated/dataplane.wasm", import.meta.url)),
    );
    module = await WebAssembly.compile(bytes);
  });

  test("imports one memory and nothing else", () => {
    expect(WebAssembly.Module.imports(module)).toEqual([
      expect.objectContaining({ module: "env", name: "memory", kind: "memory" }),
    ]);
  });

  test("exports what the loader knows", () => {
    const names = WebAssembly.Module.exports(module).map(({ kind, name }) => `${kind} ${name}`);
    expect(names.sort()).toMatchSnapshot();
  });

  test("is at most 64 KiB", () => {
    expect(bytes.length).toBeLessThanOrEqual(SIZE_MAX);
  });

  test("carries the version of the ABI it was compiled with", async () => {
    const { exports } = await WebAssembly.instantiate(module, {
      env: { memory: importedMemory(bytes) },
    });
    expect((exports.ABI_VERSION as WebAssembly.Global).value).toBe(ABI_VERSION);
  });
});

/** A memory as large as the module's import section asks for; limits are LEB128 after `env`.`memory`. */
function importedMemory(bytes: Uint8Array): WebAssembly.Memory {
  const marker = [...new TextEncoder().encode("\x03env\x06memory\x02")];
  const at = bytes.findIndex((_, i) => marker.every((byte, j) => bytes[i + j] === byte));
  const bounded = (bytes[at + marker.length]! & 1) === 1;
  const [initial, next] = leb128(bytes, at + marker.length + 1);
  return new WebAssembly.Memory(
    bounded ? { initial, maximum: leb128(bytes, next)[0] } : { initial },
  );
}

function leb128(bytes: Uint8Array, at: number): [value: number, next: number] {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++]!;
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return [value, at];
  }
}
