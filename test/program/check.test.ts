/** What a program's bytes may be, and what is said of those that may not. */
import binaryen from "binaryen";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { Program, ProgramError } from "../../src/index.ts";
import { leb, section, text } from "../../src/program/binary.ts";
import { encodeRoom } from "../../src/program/dylink.ts";
import { PREAMBLE } from "../../src/program/image.ts";
import { relocate } from "../../src/program/relocation.ts";
import { moduleOf } from "./module.ts";

const VERSION = '(func (export "waxdp_abi_version") (result i32) (i32.const 1))';
const ENTRY = '(func (export "program") (param i32) (result i32) (i32.const 2))';
const MEMORY = '(import "env" "memory" (memory 0))';

function assemble(wat: string): Uint8Array<ArrayBuffer> {
  const parsed = binaryen.parseText(`(module ${wat})`);
  parsed.setFeatures(binaryen.Features.All);
  const bytes = new Uint8Array(parsed.emitBinary());
  parsed.dispose();
  return bytes;
}

function custom(content: readonly number[]): number[] {
  return section(0, content);
}

function refusal(bytes: Uint8Array): ProgramError {
  try {
    Program.load(bytes);
  } catch (error) {
    expect(error).toBeInstanceOf(ProgramError);
    return error as ProgramError;
  }
  throw new Error("it was loaded");
}

test("the smallest program has no memory, no helpers and no functions", () => {
  const program = Program.load(assemble(`${VERSION}${ENTRY}`), { name: "least" });
  expect(program).toMatchObject({
    ...{ name: "least", form: "packet", helpers: [], functions: 0, types: {} },
    memory: { size: 0, alignment: 1 },
  });
});

test("the bytes are the program's own", () => {
  const bytes = assemble(`${VERSION}${ENTRY}`);
  const program = Program.load(bytes);
  bytes.fill(0);
  expect(Program.load(program.bytes).tag).toBe(program.tag);
  expect(Program.load(program.bytes.buffer).tag).toBe(program.tag);
});

test("the tag is the beginning of the SHA-256", async () => {
  const program = Program.load(assemble(`${VERSION}${ENTRY}`));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", program.bytes));
  const digits = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  expect(program.tag).toBe(digits.slice(0, 16));
});

describe("a module is refused that", () => {
  test.each([
    ["exports no entry", VERSION, /exports a function program/],
    ["exports two", `${VERSION}${ENTRY}(func (export "batch") (param i32 i32))`, /not both/],
    [
      "returns nothing",
      `${VERSION}(func (export "program") (param i32))`,
      /\(i32\) -> \(\).*has to be \(i32\) -> \(i32\)/,
    ],
    [
      "exports an entry that is no function",
      `${VERSION}(global (export "program") i32 (i32.const 1))`,
      /as a global/,
    ],
    ["has a memory of its own", `(memory 1)${VERSION}${ENTRY}`, /no memory of its own/],
    ["has a table of its own", `(table 1 funcref)${VERSION}${ENTRY}`, /no table of its own/],
    [
      "imports a memory with a maximum",
      `(import "env" "memory" (memory 1 2))${VERSION}${ENTRY}`,
      /with a maximum/,
    ],
    [
      "imports another memory",
      `(import "env" "heap" (memory 1))${VERSION}${ENTRY}`,
      /env\.heap as a memory/,
    ],
    [
      "imports from elsewhere",
      `(import "wasi_snapshot_preview1" "fd_write" (func))${VERSION}${ENTRY}`,
      /wasi_snapshot_preview1\.fd_write/,
    ],
    [
      "imports what is no helper",
      `(import "waxdp" "map_drop" (func))${VERSION}${ENTRY}`,
      /no helper "map_drop"/,
    ],
    [
      "imports a helper as something else",
      `(import "waxdp" "time" (func (result i32)))${VERSION}${ENTRY}`,
      /"time" .* \(\) -> \(i64\)/,
    ],
    [
      "imports a helper as a global",
      `(import "waxdp" "time" (global i32))${VERSION}${ENTRY}`,
      /as a constant global/,
    ],
    [
      "imports addresses by name",
      `(import "GOT.mem" "errno" (global (mut i32)))${VERSION}${ENTRY}`,
      /-fvisibility=hidden/,
    ],
    [
      "changes its memory base",
      `(import "env" "__memory_base" (global (mut i32)))${VERSION}${ENTRY}`,
      /a mutable global/,
    ],
    [
      "has data at a fixed address",
      `${MEMORY}(data (i32.const 0) "x")${VERSION}${ENTRY}`,
      /data at a fixed address/,
    ],
    [
      "has functions at a fixed place",
      `(import "env" "table" (table 0 funcref))(elem (i32.const 0) func $f)(func $f)${VERSION}${ENTRY}`,
      /functions at a fixed address/,
    ],
    [
      "grows memory",
      `${MEMORY}(func (drop (memory.grow (i32.const 1))))${VERSION}${ENTRY}`,
      /no heap/,
    ],
    [
      "changes the table",
      `(import "env" "table" (table 0 funcref))(func (table.set (i32.const 0) (ref.null func)))${VERSION}${ENTRY}`,
      /table\.set/,
    ],
    [
      "fills the table",
      `(import "env" "table" (table 0 funcref))(func (table.fill (i32.const 0) (ref.null func) (i32.const 1)))${VERSION}${ENTRY}`,
      /table\.fill/,
    ],
    ["throws exceptions", `(tag $t)(func (throw $t))${VERSION}${ENTRY}`, /section 13/],
  ])("%s", (_, wat, message) => {
    expect(refusal(assemble(wat))).toMatchObject({
      code: "bad-program",
      message: expect.stringMatching(message),
    });
  });

  test("does not say what it was built for", () => {
    expect(refusal(assemble(ENTRY)).code).toBe("abi-mismatch");
  });

  test("is none", () => {
    for (const bytes of [[], [0, 0x61, 0x73], [...PREAMBLE.slice(0, 4), 2, 0, 0, 0]]) {
      expect(refusal(Uint8Array.from(bytes))).toMatchObject({
        code: "bad-program",
        message: expect.stringContaining("no WebAssembly"),
      });
    }
  });

  test("is larger than programs are, however it goes on", () => {
    const bytes = new Uint8Array(10 * 2 ** 20);
    bytes.set(PREAMBLE);
    expect(refusal(bytes).message).toMatch(/at most 1048576/);
  });

  test("has data beyond the room it asks for", () => {
    const bytes = moduleOf({ data: "0123456789", memory: 9 });
    expect(refusal(bytes).message).toMatch(/0 to 10, but asks for 9 bytes/);
  });

  test("asks for more than there is", () => {
    const room = encodeRoom({ memory: 2 ** 31, alignment: 1, functions: 0 });
    const bytes = Uint8Array.from([...assemble(`${VERSION}${ENTRY}`), ...custom(room)]);
    expect(refusal(bytes).message).toMatch(/more than anything needs/);
  });

  test("has a section twice, too late, or one that is longer than its content", () => {
    const empty = [...PREAMBLE, ...section(1, [0])];
    expect(refusal(Uint8Array.from([...empty, ...section(1, [0])])).message).toMatch(/twice/);
    const late = [...PREAMBLE, ...section(3, [0]), ...section(1, [0])];
    expect(refusal(Uint8Array.from(late)).message).toMatch(/too late/);
    const long = [...PREAMBLE, ...section(1, [0, 0])];
    expect(refusal(Uint8Array.from(long)).message).toMatch(/longer/);
  });

  test("promises four billion of anything", () => {
    for (let id = 1; id <= 11; id++) {
      const bytes = [...PREAMBLE, ...section(id, [...leb(0xffffffff), 0, 0, 0])];
      expect(refusal(Uint8Array.from(bytes)).code).toBe("bad-program");
    }
  });

  test("nests 200,000 blocks", () => {
    const depth = 200_000;
    const body = [0, ...Array(depth).fill([0x02, 0x40]).flat(), ...Array(depth + 1).fill(0x0b)];
    const bytes = [
      ...PREAMBLE,
      ...section(1, [1, 0x60, 0, 0]),
      ...section(3, [1, 0]),
      ...section(10, [1, ...leb(body.length), ...body]),
    ];
    expect(refusal(Uint8Array.from(bytes)).code).toBe("abi-mismatch");
  });

  test("has a stack that does not fit its instructions", () => {
    const bytes = assemble(`${VERSION}${ENTRY}`);
    const at = bytes.lastIndexOf(0x41);
    bytes[at] = 0x20;
    expect(refusal(bytes).message).toMatch(/no valid WebAssembly/);
  });
});

describe("descriptions in custom sections", () => {
  const plain = () => [...assemble(`${VERSION}${ENTRY}`)];
  const described = (json: string) =>
    Uint8Array.from([
      ...plain(),
      ...custom([...text("waxdp.types"), ...new TextEncoder().encode(json)]),
    ]);

  test("give layouts", () => {
    const types = {
      Key: "ipv4",
      Value: { hits: "u64", name: { text: 8 }, inner: { mac: "mac" } },
      Raw: 12,
    };
    expect(Program.load(described(JSON.stringify(types))).types).toEqual(types);
  });

  test.each([
    ["", "no JSON"],
    ["[]", "a list"],
    ['{"a":"u128"}', "an unknown type"],
    ['{"a":{"b":4}}', "bytes as a field"],
    ['{"a":{}}', "a struct of nothing"],
    ['{"a":{"bytes":-1}}', "a negative size"],
    [`{"a":${'{"b":'.repeat(40)}"u8"${"}".repeat(40)}}`, "a deep struct"],
    ["[".repeat(100_000), "a deep list"],
  ])("are refused when they are wrong (%#)", (json) => {
    expect(refusal(described(json)).message).toMatch(/waxdp\.types/);
  });

  test("of names that are none are left alone", () => {
    for (const name of ["a b", "x".repeat(64)]) {
      const content = text(name);
      const bytes = [
        ...plain(),
        ...custom([...text("name"), 0, ...leb(content.length), ...content]),
      ];
      expect(Program.load(Uint8Array.from(bytes)).name).toBe("program");
    }
  });

  test("of relocations that point at anything else are refused", () => {
    for (const [kind, distance] of [
      ...[0, 1, 2, 4, 6].map((each) => [each, 1] as const),
      ...[3, 5, 7].map((each) => [each, 0] as const),
    ]) {
      const content = [...text("waxdp.reloc"), 1, 10, 1, ...leb((distance << 3) | kind)];
      const bytes = Uint8Array.from([...plain(), ...custom(content)]);
      expect(refusal(bytes).message).toMatch(/waxdp\.reloc/);
    }
  });
});

test("relocations that move a number twice are refused", async () => {
  const { bytes } = await Program.compile(
    "const AT = memory.data<u8>([1, 2, 3]); export function program(ctx: usize): i32 { return load<u8>(AT, 1); }",
  );
  const module = new WebAssembly.Module(bytes);
  const [content] = WebAssembly.Module.customSections(module, "waxdp.reloc");
  const groups = [...new Uint8Array(content!)].slice(1);
  const others = Uint8Array.from([...bytes, ...custom([...text("other")])]);
  expect(Program.load(others).memory.size).toBeGreaterThan(2);
  // The section's own bytes stand in the file once: in its place one that has every group twice.
  const kept = [...bytes];
  const whole = custom([...text("waxdp.reloc"), 1, ...groups]);
  const at = kept.findIndex((_, start) =>
    whole.every((byte, index) => kept[start + index] === byte),
  );
  expect(at).toBeGreaterThan(0);
  kept.splice(at, whole.length, ...custom([...text("waxdp.reloc"), 1, ...groups, ...groups]));
  expect(refusal(Uint8Array.from(kept)).message).toMatch(/no section that follows/);
});

describe("mutated modules", () => {
  const seeds: Uint8Array[] = [];

  beforeAll(async () => {
    const compiled = await Program.compile(`
      import { array, Context, hash, Ipv4, ipv4, NEXT } from "waxdp/program";
      @unmanaged class Value { packets: u64; bytes: u64; }
      const seen = hash<Ipv4, Value>("seen", 64);
      const counts = array<u64>("counts", 4);
      function one(): u32 { return 1; }
      const CHOICES: StaticArray<() => u32> = [one];
      export function program(ctx: Context): i32 {
        const ip = ipv4(ctx);
        counts.add(CHOICES[0](), 1);
        if (ip) { const value = seen.lookupOrInit(ip.saddr); if (value) value.packets++; }
        return NEXT;
      }`);
    seeds.push(compiled.bytes, moduleOf({ data: "waxdp", elements: ["$start"] }));
  });

  /** Loads it; what is loaded can be moved, and is a module still. Anything but a ProgramError comes out. */
  function judge(bytes: Uint8Array): boolean {
    try {
      const program = Program.load(bytes);
      expect(WebAssembly.validate(relocate(program, 0x123440, 77))).toBe(true);
      return true;
    } catch (error) {
      if (!(error instanceof ProgramError)) throw error;
      return false;
    }
  }

  test("are loaded or refused, and those that are loaded can be moved", () => {
    const change = fc.record({
      at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      what: fc.constantFrom("flip", "set", "cut", "insert", "copy"),
      value: fc.oneof(fc.constantFrom(0, 0x7f, 0x80, 0xff, 0x40, 0x41), fc.nat(255)),
    });
    let loaded = 0;
    fc.assert(
      fc.property(fc.nat(1), fc.array(change, { minLength: 1, maxLength: 4 }), (seed, changes) => {
        const bytes = changes.reduce((now, { at, what, value }) => {
          const place = Math.floor(at * now.length);
          if (what === "flip") now[place]! ^= 1 << (value & 7);
          if (what === "set") now[place] = value;
          if (what === "cut") now.splice(place, 1 + (value & 15));
          if (what === "insert") now.splice(place, 0, value);
          if (what === "copy") now.splice(place, 0, ...now.slice(place, place + value));
          return now;
        }, Array.from(seeds[seed]!));
        if (judge(Uint8Array.from(bytes))) loaded++;
      }),
      { numRuns: 5000 },
    );
    expect(loaded).toBeGreaterThan(0);
  });

  test("cut anywhere are refused", () => {
    for (const seed of seeds) {
      for (let end = 0; end < seed.length - 1; end++) {
        const bytes = seed.slice(0, end);
        if (judge(bytes)) expect(WebAssembly.validate(bytes)).toBe(true);
      }
    }
  });
});
