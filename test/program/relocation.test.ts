/** A compiled program does the same wherever it stands: in memory and in the table. */
import { describe, expect, test } from "vitest";
import { Program } from "../../src/index.ts";
import { inspectionOf } from "../../src/program/inspection.ts";
import { relocate } from "../../src/program/relocation.ts";
import { moduleOf } from "./module.ts";

const PAGE = 65_536;
const CONTEXT = 16;

/** Everything that has an address: initialised and empty data, a string, a table of functions, functions as values. */
const SOURCE = `
const ROW = memory.data<u8>([3, 1, 4, 1, 5, 9, 2, 6], 16);
const ROOM = memory.data(64, 64);
const WORDS: StaticArray<u32> = [10, 20, 30];
const TEXT = "waxdp";
function twice(value: u32): u32 { return value * 2; }
function thrice(value: u32): u32 { return value * 3; }
const CHOICES: StaticArray<(value: u32) => u32> = [twice, thrice];
let last: (value: u32) => u32 = twice;
let calls: u32 = 0;
export function program(ctx: usize): i32 {
  calls++;
  const at = load<u32>(ctx) & 7;
  store<u32>(ROOM, load<u8>(ROW + at), 4);
  const chosen = CHOICES[at & 1](WORDS[at % 3]);
  last = at > 3 ? thrice : last;
  return load<u32>(ROOM, 4) + chosen + last(calls) + TEXT.charCodeAt(at % 5) + (ROOM & 63);
}`;

interface Place {
  readonly memory: number;
  readonly table: number;
}

/** What the program says to a row of packets when it stands there, and which bytes it leaves beside its own. */
async function runAt(
  program: Program,
  place: Place,
): Promise<{ said: number[]; strayed: boolean }> {
  const memory = new WebAssembly.Memory({ initial: 40 });
  const table = new WebAssembly.Table({ initial: 600, element: "anyfunc" });
  const bytes = new Uint8Array(memory.buffer);
  const [from, to] = [place.memory, place.memory + program.memory.size];
  bytes.fill(0xa5);
  bytes.fill(0, from, to);
  const module = await WebAssembly.compile(relocate(program, place.memory, place.table));
  const abort = () => {
    throw new Error("abort");
  };
  const instance = await WebAssembly.instantiate(module, { env: { memory, table, abort } });
  const run = instance.exports.program as (context: number) => number;
  const said: number[] = [];
  for (let packet = 0; packet < 16; packet++) {
    new DataView(memory.buffer).setUint32(CONTEXT, packet * 7, true);
    said.push(run(CONTEXT));
  }
  bytes.fill(0xa5, CONTEXT, CONTEXT + 4).fill(0xa5, from, to);
  return { said, strayed: bytes.some((byte) => byte !== 0xa5) };
}

describe("relocation", () => {
  test("moves data, strings and functions, and nothing is written outside of the program's range", async () => {
    const program = await Program.compile(SOURCE);
    expect(program.functions).toBe(2);
    const first = await runAt(program, { memory: 1024, table: 1 });
    expect(new Set(first.said).size).toBeGreaterThan(8);
    expect(first.strayed).toBe(false);
    for (const memory of [64, 4096 + 64, PAGE, 0x1fffc0]) {
      for (const table of [2, 128, 500]) {
        expect(await runAt(program, { memory, table })).toEqual(first);
      }
    }
  });

  test("is found again in the bytes: loaded from them, the program moves all the same", async () => {
    const program = await Program.compile(SOURCE);
    const loaded = Program.load(program.bytes);
    expect(relocate(loaded, 4096, 9)).toEqual(relocate(program, 4096, 9));
    expect(relocate(loaded, 0, 0)).toEqual(program.bytes);
  });

  test("reaches addresses beyond 2 GiB", async () => {
    const program = await Program.compile(SOURCE);
    const high = relocate(program, 0xfffe0000, 70_000);
    expect(WebAssembly.validate(high)).toBe(true);
    expect(high.length).toBe(program.bytes.length);
  });

  test("leaves position-independent modules as they are, and tells the room of their stack", () => {
    const program = Program.load(moduleOf({ data: "abc", memory: 100 }));
    expect(relocate(program, 4096, 9)).toBe(program.bytes);
    const { stack } = inspectionOf(program);
    expect(stack).toBeGreaterThanOrEqual(4096);
    expect(program.memory).toEqual({ size: 112 + stack, alignment: 16 });
  });

  test("is for programs that were checked", () => {
    const program = Program.load(moduleOf());
    expect(() => relocate({ ...program }, 0, 0)).toThrow(/Program\.load/);
  });
});
