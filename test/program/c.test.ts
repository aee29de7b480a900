/** A program of another compiler: C, position-independent, from clang and wasm-ld. Skipped where they are not installed. */
import { beforeAll, describe, expect, test } from "vitest";
import { createDataplane, createModel, Program } from "../../src/index.ts";
import { packet } from "../../src/testing.ts";
import { compileC, HAS_CLANG } from "./clang.ts";

describe.skipIf(!HAS_CLANG)("a program in C", () => {
  let program: Program;

  beforeAll(() => {
    program = Program.load(compileC("test/program/counter.c"), { name: "counter" });
  });

  test("has static data, a stack and places in the table", () => {
    expect(program).toMatchObject({ form: "packet", functions: 2 });
    expect(program.memory.size).toBeGreaterThan(4096);
    expect(program.helpers).toEqual(expect.arrayContaining(["map_create", "map_lookup"]));
  });

  test.each(Object.entries({ wasm: createDataplane, model: createModel }))(
    "counts in the %s engine, beside others of its kind",
    async (_, create) => {
      const dataplane = await create({ seed: 1, capacity: { arena: 1 << 20 } });
      for (const name of ["one", "other"]) {
        const loaded = await dataplane.programs.load(program, { name });
        dataplane.hooks.ingress.attach(loaded);
      }
      const frameOf = (payload: string) =>
        packet({ saddr: "10.0.0.1", sport: 1, daddr: "10.0.0.2", dport: 2, proto: "udp", payload });
      const verdicts = ["ab", "aab", "aaa"].map(
        (payload) => dataplane.process(frameOf(payload), { now: 0 }).event.verdict,
      );
      // 98 is even: passed. 97 is odd: kept when the frame is of odd length.
      expect(verdicts).toEqual(["PASS", "PASS", "PASS"]);
      expect(dataplane.process(frameOf("aa"), { now: 0 }).event.verdict).toBe("DROP");
      const bytes = new DataView(
        (dataplane.maps.get("counts")!.lookup(Uint8Array.of(98, 0, 0, 0)) as Uint8Array).buffer,
      );
      expect(bytes.getBigUint64(0, true)).toBe(4n);
      expect(bytes.getBigUint64(8, true)).toBe(2n * (44n + 45n));
    },
  );
});
