/** A program that writes where it may only read: the call is lost, and says whose fault it may be. */
import { describe, expect, test } from "vitest";
import { CTX_DATA, CTX_LENGTH, CTX_SLOT } from "../../abi/program.ts";
import { createDataplane, createModel, type Dataplane, Program } from "../../src/index.ts";
import { packet } from "../../src/testing.ts";

const SYN = packet({ saddr: "10.0.0.1", sport: 4000, daddr: "10.96.0.1", dport: 80, flags: "S" });
const FAR = 0x02000000;

/** Writes `value` into its context at `offset`, when the frame is marked, and says what follows. */
const wrecker = (offset: number, value: number, verdict = "NEXT") => `
import { Context, DROP, NEXT } from "waxdp/program";
export function program(ctx: Context): i32 {
  if (ctx.mark == 7) store<u32>(changetype<usize>(ctx) + ${offset}, ${value});
  return ctx.mark == 7 ? ${verdict} : NEXT;
}
`;
const batchWrecker = (offset: number, value: number) => `
import { Contexts, DROP } from "waxdp/program";
export function batch(contexts: Contexts, count: u32): void {
  for (let i: u32 = 0; i < count; i++) {
    if (contexts[i].mark == 7) store<u32>(changetype<usize>(contexts[i]) + ${offset}, ${value});
    contexts[i].end(DROP);
  }
}
`;
const DROPS = `
import { Context, DROP } from "waxdp/program";
export function program(ctx: Context): i32 {
  return DROP;
}
`;
const MARKED = { now: 0, mark: 7 };

async function attach(dataplane: Dataplane, name: string, source: string, options = {}) {
  const program = await Program.compile(source, { name });
  const loaded = await dataplane.programs.load(program);
  return dataplane.hooks.ingress.attach(loaded, { first: true, ...options });
}

describe.each([
  ["wasm", createDataplane],
  ["model", createModel],
] as const)("%s", (_, create) => {
  test.each([
    ["data", CTX_DATA, 0xfffffff0],
    ["length", CTX_LENGTH, 0x7fffffff],
    ["slot", CTX_SLOT, FAR],
    ["slot", CTX_SLOT, 1],
  ])(
    "%s overwritten: a typed error or an outcome, and the next call is sound",
    async (_name, offset, value) => {
      const dataplane = await create();
      const link = await attach(dataplane, "wrecker", wrecker(offset, value));
      expectSound(caught(() => dataplane.process(SYN, MARKED)));
      link.detach();
      expect(dataplane.process(SYN, { now: 1 }).verdict).toBe("PASS");
    },
  );

  test("no packet goes past a program of the next call", async () => {
    const dataplane = await create();
    const link = await attach(dataplane, "wrecker", wrecker(CTX_SLOT, FAR, "DROP"));
    for (let i = 0; i < 16; i++) dataplane.batch.push(SYN, { mark: i === 15 ? 7 : 0 });
    expectSound(caught(() => dataplane.batch.process(0)));
    link.detach();
    const wall = await attach(dataplane, "wall", DROPS);
    dataplane.batch.clear();
    for (let i = 0; i < 16; i++) dataplane.batch.push(SYN);
    dataplane.batch.process(1);
    const verdicts = Array.from({ length: 16 }, (_, index) => dataplane.batch.verdict(index));
    expect(new Set(verdicts)).toEqual(new Set(["DROP"]));
    expect(wall.info()).toMatchObject({ runCount: 16, traps: 0 });
  });

  test.each([
    ["packet form", wrecker(CTX_SLOT, FAR, "DROP")],
    ["batch form", batchWrecker(CTX_SLOT, FAR)],
  ])("%s, however many traps it may have: the call comes to an end", async (_form, source) => {
    const dataplane = await create();
    const link = await attach(dataplane, "wrecker", source, { maxTraps: Number.POSITIVE_INFINITY });
    expectSound(caught(() => dataplane.process(SYN, MARKED)));
    expect(link.info().traps).toBeLessThanOrEqual(1);
  });

  test("a batch is empty afterwards, and of use", async () => {
    const dataplane = await create();
    const { batch } = dataplane;
    const link = await attach(dataplane, "wrecker", wrecker(CTX_DATA, 0xfffffff0));
    for (const mark of [0, 7, 0]) batch.push(SYN, { mark });
    const failure = caught(() => batch.process(0));
    expect(failure).toMatchObject({ code: "wrecked-context" });
    expect(batch.length).toBe(0);
    expect(caught(() => batch.verdict(0))).toMatchObject({ code: "bad-option" });
    batch.push(SYN);
    batch.process(1);
    expect(batch.verdict(0)).toBe("PASS");
    link.detach();
    batch.clear();
    batch.push(SYN);
    batch.process(2);
    expect(batch.verdict(0)).toBe("PASS");
  });
});

function expectSound(failure: Error | undefined): void {
  if (failure === undefined) return;
  expect(failure).toMatchObject({ name: "DataplaneError", code: "wrecked-context" });
  expect(failure.message).toContain("wrecker");
}

function caught(work: () => unknown): Error | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    return error as Error;
  }
}
