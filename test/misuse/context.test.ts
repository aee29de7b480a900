/** A program that writes where it may only read: the call is lost, and says whose fault it may be. */
import { describe, expect, test } from "vitest";
import { createDataplane, createModel, Program } from "../../src/index.ts";
import { packet } from "../../src/testing.ts";

const SYN = packet({ saddr: "10.0.0.1", sport: 4000, daddr: "10.96.0.1", dport: 80, flags: "S" });

/** Writes `value` into its context at `offset`. */
const wrecker = (offset: number, value: number) => `
import { Context, NEXT } from "waxdp/program";
export function program(ctx: Context): i32 {
  store<u32>(changetype<usize>(ctx) + ${offset}, ${value});
  return NEXT;
}
`;

describe.each([
  ["wasm", createDataplane],
  ["model", createModel],
] as const)("%s", (_, create) => {
  test.each([
    ["data", 0, 0xfffffff0],
    ["length", 4, 0x7fffffff],
  ])(
    "%s overwritten: a typed error or an outcome, and the next call is sound",
    async (_name, offset, value) => {
      const dataplane = await create();
      const program = await Program.compile(wrecker(offset, value), { name: "wrecker" });
      const link = dataplane.hooks.ingress.attach(await dataplane.programs.load(program), {
        first: true,
      });
      const failure = caught(() => dataplane.process(SYN, { now: 0 }));
      if (failure) {
        expect(failure).toMatchObject({ name: "DataplaneError", code: "wrecked-context" });
        expect(failure.message).toContain("wrecker");
      }
      link.detach();
      expect(dataplane.process(SYN, { now: 1 }).verdict).toBe("PASS");
    },
  );

  test("data overwritten in a batch: the same", async () => {
    const dataplane = await create();
    const program = await Program.compile(wrecker(0, 0xfffffff0), { name: "wrecker" });
    dataplane.hooks.ingress.attach(await dataplane.programs.load(program), { first: true });
    dataplane.batch.push(SYN);
    expect(caught(() => dataplane.batch.process(0))).toMatchObject({ code: "wrecked-context" });
  });
});

function caught(work: () => unknown): Error | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    return error as Error;
  }
}
