/** Arrays in Wasm: array, percpu_array, prog_array, array_of_maps. */
import { describe, expect, it } from "vitest";
import {
  E2BIG,
  EEXIST,
  EINVAL,
  ENOENT,
  MAP_HEADER_STRIDE,
  MAP_HEADER_VALUES,
  MAP_TYPE_ARRAY,
  MAP_TYPE_ARRAY_OF_MAPS,
  MAP_TYPE_PERCPU_ARRAY,
  MAP_TYPE_PROG_ARRAY,
  UPDATE_ANY,
  UPDATE_EXIST,
  UPDATE_NOEXIST,
} from "../../abi/program.ts";
import { numbered, u32 } from "./bytes.ts";
import { createAlone } from "./module.ts";
import { createProgram } from "./program.ts";

describe("array", () => {
  it("has all entries from the beginning, zero", async () => {
    const { createMap } = await createAlone();
    const map = createMap({ type: MAP_TYPE_ARRAY, valueSize: 12, maxEntries: 3 });
    expect(map.length).toBe(3);
    expect([...map.entries()]).toEqual([0, 1, 2].map((i) => [u32(i), new Uint8Array(12)]));
    expect(map.next(u32(1))).toEqual(u32(2));
    expect(map.next(u32(2))).toBeUndefined();
    expect(map.next(u32(3))).toEqual(u32(0));
  });

  it("says what the kernel's says", async () => {
    const alone = await createAlone();
    const program = createProgram(alone);
    const map = alone.createMap({ type: MAP_TYPE_ARRAY, valueSize: 4, maxEntries: 3 });
    const updates = [
      { index: 2, flags: UPDATE_ANY, result: 0 },
      { index: 2, flags: UPDATE_EXIST, result: 0 },
      { index: 2, flags: UPDATE_NOEXIST, result: -EEXIST },
      { index: 3, flags: UPDATE_NOEXIST, result: -E2BIG },
      { index: 2 ** 32 - 1, flags: UPDATE_ANY, result: -E2BIG },
      { index: 2, flags: 3, result: -EINVAL },
    ];
    for (const { index, flags, result } of updates) {
      expect(map.update(u32(index), u32(1), flags)).toBe(result);
      expect(program.update(map.handle, u32(index), u32(1), flags)).toBe(result);
    }
    expect(map.lookup(u32(3))).toBeUndefined();
    expect(program.lookup(map.handle, u32(3))).toBe(0);
    expect([map.remove(u32(2)), program.remove(map.handle, u32(2))]).toEqual([-EINVAL, -EINVAL]);
  });

  it("stands where the header says, for programs that look inline", async () => {
    const alone = await createAlone();
    const program = createProgram(alone);
    const map = alone.createMap({ type: MAP_TYPE_ARRAY, valueSize: 12, maxEntries: 5 });
    const word = (at: number) => alone.view.getUint32(map.handle + at, true);
    expect(word(MAP_HEADER_STRIDE)).toBe(16);
    expect(program.lookup(map.handle, u32(4))).toBe(word(MAP_HEADER_VALUES) + 4 * 16);
    map.update(u32(4), numbered(5, 12), UPDATE_ANY);
    expect(program.read(map.handle, u32(4), 16)).toEqual(
      Uint8Array.from([...numbered(5, 12), 0, 0, 0, 0]),
    );
  });

  it("writes a program's value and not a byte more", async () => {
    const alone = await createAlone();
    const program = createProgram(alone);
    for (let valueSize = 1; valueSize <= 100; valueSize++) {
      const map = alone.createMap({ type: MAP_TYPE_ARRAY, valueSize, maxEntries: 3 });
      const value = new Uint8Array(valueSize).fill(0xff);
      program.update(map.handle, u32(1), value, UPDATE_ANY);
      const values = [...map.entries()].map(([, each]) => each);
      expect(values).toEqual([new Uint8Array(valueSize), value, new Uint8Array(valueSize)]);
      const address = program.lookup(map.handle, u32(1));
      expect(alone.bytes[address + valueSize] ?? 0).toBe(0);
      map.free();
    }
  });
});

describe("percpu_array", () => {
  it("gives each CPU its own values, and the host all of them", async () => {
    const alone = await createAlone({ cpus: 2 });
    const program = createProgram(alone);
    const map = alone.createMap({ type: MAP_TYPE_PERCPU_ARRAY, valueSize: 4, maxEntries: 4 });
    program.update(map.handle, u32(3), u32(1), UPDATE_ANY);
    alone.exports.setCpu(1);
    program.update(map.handle, u32(3), u32(2), UPDATE_ANY);
    expect(program.read(map.handle, u32(3), 4)).toEqual(u32(2));
    expect(map.lookup(u32(3))).toEqual(
      Uint8Array.from([...u32(1), 0, 0, 0, 0, ...u32(2), 0, 0, 0, 0]),
    );
    expect(map.lookup(u32(2))).toEqual(new Uint8Array(16));
    expect(map.update(u32(2), new Uint8Array(16).fill(7), UPDATE_EXIST)).toBe(0);
    expect(program.read(map.handle, u32(2), 8)).toEqual(new Uint8Array(8).fill(7));
  });

  it("has no CPU but those there are", async () => {
    const alone = await createAlone({ cpus: 2 });
    const program = createProgram(alone);
    const map = alone.createMap({ type: MAP_TYPE_PERCPU_ARRAY, valueSize: 8, maxEntries: 2 });
    const first = program.lookup(map.handle, u32(1));
    for (const cpu of [2, 64, -1, 2 ** 31]) {
      alone.exports.setCpu(cpu);
      expect(program.lookup(map.handle, u32(1))).toBe(first);
    }
  });
});

describe.each([
  ["prog_array", MAP_TYPE_PROG_ARRAY],
  ["array_of_maps", MAP_TYPE_ARRAY_OF_MAPS],
])("%s", (_, type) => {
  it("has what was put in, and no more", async () => {
    const { createMap } = await createAlone();
    const map = createMap({ type, maxEntries: 4 });
    expect([map.length, map.next(undefined)]).toEqual([0, undefined]);
    expect(map.update(u32(2), u32(40), UPDATE_ANY)).toBe(0);
    expect(map.update(u32(0), u32(20), UPDATE_ANY)).toBe(0);
    expect(map.update(u32(2), u32(50), UPDATE_ANY)).toBe(0);
    expect(map.update(u32(4), u32(50), UPDATE_ANY)).toBe(-E2BIG);
    expect(map.update(u32(1), u32(0), UPDATE_ANY)).toBe(-EINVAL);
    expect(map.update(u32(1), u32(9), UPDATE_NOEXIST)).toBe(-EINVAL);
    expect([...map.entries()]).toEqual([
      [u32(0), u32(20)],
      [u32(2), u32(50)],
    ]);
    expect([map.lookup(u32(1)), map.lookup(u32(2)), map.length]).toEqual([undefined, u32(50), 2]);
    expect([map.remove(u32(2)), map.remove(u32(2))]).toEqual([0, -ENOENT]);
    expect([map.remove(u32(4)), map.length]).toEqual([-E2BIG, 1]);
    expect(map.next(u32(0))).toBeUndefined();
  });

  it("cannot be changed by programs", async () => {
    const alone = await createAlone();
    const program = createProgram(alone);
    const map = alone.createMap({ type, maxEntries: 4 });
    map.update(u32(2), u32(64), UPDATE_ANY);
    expect(program.update(map.handle, u32(2), u32(9), UPDATE_ANY)).toBe(-EINVAL);
    expect(program.remove(map.handle, u32(2))).toBe(-EINVAL);
    const found = type === MAP_TYPE_ARRAY_OF_MAPS ? 64 : 0;
    expect(program.lookup(map.handle, u32(2))).toBe(found);
    expect(program.lookup(map.handle, u32(4))).toBe(0);
  });
});
