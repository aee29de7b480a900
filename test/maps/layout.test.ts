/** Keys and values between bytes and TypeScript. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MapError } from "../../src/maps/error.ts";
import { compileLayout } from "../../src/maps/layout.ts";
import type { Layout } from "../../src/maps/map.ts";
import { runs } from "../fuzz/runs.ts";
import { hex, hexBytes } from "./operation.ts";

function encode(layout: Layout, value: unknown): Uint8Array {
  const codec = compileLayout(layout, "value");
  // What is no field's stays as it was.
  const bytes = new Uint8Array(codec.size + 2).fill(0xa5);
  codec.write(bytes, 1, value);
  expect([bytes[0], bytes.at(-1)]).toEqual([0xa5, 0xa5]);
  return bytes.slice(1, -1);
}

function decode(layout: Layout, bytes: string): unknown {
  return compileLayout(layout, "value").read(hexBytes(`a5${bytes}a5`), 1);
}

function thrownBy(act: () => unknown): MapError {
  try {
    act();
  } catch (error) {
    if (error instanceof MapError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe("fields", () => {
  const FIELDS: readonly (readonly [layout: Layout, value: unknown, bytes: string])[] = [
    ["u8", 255, "ff"],
    ["u16", 0x1234, "3412"],
    ["u32", 4294967295, "ffffffff"],
    ["u32", 0x80000001, "01000080"],
    ["u64", 0x0102030405060708n, "0807060504030201"],
    ["u64", 18446744073709551615n, "ffffffffffffffff"],
    ["i8", -128, "80"],
    ["i16", -2, "feff"],
    ["i32", -2147483648, "00000080"],
    ["i64", -1n, "ffffffffffffffff"],
    ["i64", -9223372036854775808n, "0000000000000080"],
    ["f32", 1.5, "0000c03f"],
    ["f64", -0.1, "9a9999999999b9bf"],
    ["bool", true, "01"],
    ["bool", false, "00"],
    ["be16", 443, "01bb"],
    ["be32", 0xc0a80001, "c0a80001"],
    ["be64", 1n, "0000000000000001"],
    ["ipv4", "10.0.200.1", "0a00c801"],
    ["ipv4", "255.255.255.255", "ffffffff"],
    ["ipv6", "2001:db8::1", "20010db8000000000000000000000001"],
    ["ipv6", "::ffff:102:304", "00000000000000000000ffff01020304"],
    ["addr16", "1.2.3.4", "00000000000000000000ffff01020304"],
    ["addr16", "fe80::1", "fe800000000000000000000000000001"],
    ["mac", "02:00:0a:ff:00:01", "02000aff0001"],
    ["prefix4", "10.0.0.0/8", "080000000a000000"],
    ["prefix4", "0.0.0.0/0", "0000000000000000"],
    ["prefix6", "2001:db8::/32", "2000000020010db8000000000000000000000000"],
    [{ bytes: 3 }, Uint8Array.of(1, 2, 3), "010203"],
    [2, Uint8Array.of(1, 2), "0102"],
    [{ text: 4 }, "häl", "68c3a46c"],
    [{ text: 4 }, "", "00000000"],
  ];
  test.each(FIELDS)("%j: %s is %s", (layout, value, bytes) => {
    expect(hex(encode(layout, value))).toBe(bytes);
    expect(decode(layout, bytes)).toEqual(value);
  });

  test.each([
    ["bool", "02", true],
    ["prefix4", "ffffffff0a000000", "10.0.0.0/4294967295"],
    [{ text: 4 }, "ff00ffff", "\ufffd"],
  ] as const)("%j reads %s, which it would not write", (layout, bytes, value) => {
    expect(decode(layout, bytes)).toBe(value);
  });

  test("other ways to write an address", () => {
    expect(hex(encode("prefix4", "10.1.2.3"))).toBe("200000000a010203");
    expect(hex(encode("prefix6", "::1"))).toBe(`80000000${"00".repeat(15)}01`);
    expect(hex(encode("addr16", "::ffff:1.2.3.4"))).toBe("00000000000000000000ffff01020304");
    expect(hex(encode("mac", "02:00:0A:FF:00:01"))).toBe("02000aff0001");
  });

  const REFUSED: readonly (readonly [layout: Layout, value: unknown])[] = [
    ["u8", 256],
    ["u8", -1],
    ["u8", 1.5],
    ["u8", "1"],
    ["u8", 1n],
    ["u8", null],
    ["u8", undefined],
    ["u32", 2 ** 32],
    ["u32", Number.NaN],
    ["u32", Number.POSITIVE_INFINITY],
    ["i8", 128],
    ["i8", -129],
    ["i32", 2 ** 31],
    ["u64", 1],
    ["u64", -1n],
    ["u64", 2n ** 64n],
    ["i64", 2n ** 63n],
    ["i64", -(2n ** 63n) - 1n],
    ["be16", 65536],
    ["be32", -1],
    ["be64", -1n],
    ["f64", "1"],
    ["bool", 1],
    ["ipv4", "10.0.0"],
    ["ipv4", "10.0.0.256"],
    ["ipv4", "::1"],
    ["ipv4", 1],
    ["ipv6", "1.2.3.4"],
    ["ipv6", "fe80::1%eth0"],
    ["addr16", ""],
    ["mac", "02:00:00:00:00"],
    ["mac", "02-00-00-00-00-01"],
    ["prefix4", "10.0.0.0/33"],
    ["prefix4", "10.0.0.0/08"],
    ["prefix4", "10.0.0.0/8/8"],
    ["prefix4", "10.0.0.0/"],
    ["prefix4", "10.0.0.0/-1"],
    ["prefix4", "::/8"],
    ["prefix6", "::/129"],
    ["prefix6", "10.0.0.0/8"],
    [{ bytes: 2 }, Uint8Array.of(1)],
    [{ bytes: 2 }, [1, 2]],
    [{ bytes: 2 }, "ab"],
    [2, Uint8Array.of(1, 2, 3)],
    [{ text: 2 }, "abc"],
    [{ text: 2 }, "aä"],
    [{ text: 4 }, "a\0b"],
    [{ a: "u8" }, 1],
    [{ a: "u8" }, null],
    [{ a: "u8" }, {}],
    [{ a: "u8" }, { a: 1, b: 2 }],
    [{ a: { b: "u8" } }, { a: 1 }],
    [{ a: { b: "u8" } }, { a: { b: 256 } }],
  ];
  test.each(REFUSED)("%j is never %s", (layout, value) => {
    const { code, message } = thrownBy(() => encode(layout, value));
    expect(code).toBe("EINVAL");
    expect(message).toMatch(/^EINVAL: value/);
  });

  test("the message says which field it is, and what it may be", () => {
    const layout = { peer: { port: "u16" } } as const;
    const { message } = thrownBy(() => encode(layout, { peer: { port: 70000 } }));
    expect(message).toBe("EINVAL: value.peer.port is 70000: it must be an integer from 0 to 65535");
    const long = thrownBy(() => encode({ name: { text: 4 } }, { name: "x".repeat(10_000) }));
    expect(long.message.length).toBeLessThan(200);
  });
});

describe("structs", () => {
  test("have their fields where C has them", () => {
    const layout = { a: "u8", b: "u32", c: "u16", d: "u64", e: "u8" } as const;
    const value = { a: 1, b: 2, c: 3, d: 4n, e: 5 };
    const gap = (bytes: number) => "a5".repeat(bytes);
    const wanted = `01${gap(3)}020000000300${gap(6)}040000000000000005${gap(7)}`;
    expect(hex(encode(layout, value))).toBe(wanted);
    expect(decode(layout, wanted)).toEqual(value);
  });

  const SIZES: readonly (readonly [layout: Layout, size: number, end: number])[] = [
    [{ a: "u64", b: "u8" }, 16, 9],
    [{ a: "u8", b: "mac" }, 7, 7],
    [{ a: "u8", b: "ipv4" }, 8, 8],
    [{ a: "u32", b: "addr16" }, 32, 32],
    [{ a: "addr16", b: "u32" }, 32, 20],
    [{ a: "u8", b: { text: 3 }, c: "u16" }, 6, 6],
    [{ a: "u8", b: { c: "u32", d: "u8" }, e: "u8" }, 16, 13],
    [{ a: { b: "u32", c: "u8" } }, 8, 5],
    [{ a: "u8", b: "prefix4" }, 12, 12],
    [{ bytes: "u32" }, 4, 4],
    [{ text: { bytes: 5 } }, 5, 5],
  ];
  test.each(SIZES)("%j has %i bytes, %i of them up to its last field", (layout, size, end) => {
    const codec = compileLayout(layout, "value");
    expect([codec.size, codec.end]).toEqual([size, end]);
  });
});

describe("layouts that are none", () => {
  const cycle: Record<string, unknown> = {};
  cycle.again = cycle;
  const deep = (levels: number): unknown => (levels === 0 ? "u8" : { a: deep(levels - 1) });
  const doubled = (levels: number): unknown => {
    const inner = levels === 0 ? "u64" : doubled(levels - 1);
    return { a: inner, b: inner };
  };
  const REFUSED: readonly (readonly [string, unknown, "EINVAL" | "E2BIG"])[] = [
    ["an unknown name", "u128", "EINVAL"],
    ["a name that objects have", "constructor", "EINVAL"],
    ["nothing", undefined, "EINVAL"],
    ["null", null, "EINVAL"],
    ["an array", ["u8"], "EINVAL"],
    ["a function", () => 1, "EINVAL"],
    ["no bytes", 0, "EINVAL"],
    ["part of a byte", 1.5, "EINVAL"],
    ["fewer than no bytes", { bytes: -1 }, "EINVAL"],
    ["a struct without fields", {}, "EINVAL"],
    ["a number as a field", { a: 4 }, "EINVAL"],
    ["two things at once", { bytes: 4, text: 4 }, "EINVAL"],
    ["a field that is no name", { "a-b": "u8" }, "EINVAL"],
    ["the prototype as a field", JSON.parse('{"__proto__": "u8"}'), "EINVAL"],
    ["a struct in itself", cycle, "EINVAL"],
    ["structs too deep", deep(17), "EINVAL"],
    ["too many bytes", 65537, "E2BIG"],
    ["too much text", { text: 1e9 }, "E2BIG"],
    ["fields that are too many bytes together", { a: { bytes: 65536 }, b: "u8" }, "E2BIG"],
    ["a struct that grows with each level", doubled(15), "E2BIG"],
  ];
  test.each(REFUSED)("%s", (_name, layout, code) => {
    expect(thrownBy(() => compileLayout(layout as Layout, "value")).code).toBe(code);
  });

  test("structs as deep as they may be", () => {
    expect(compileLayout(deep(16) as Layout, "value").size).toBe(1);
  });
});

/** A layout, and a value of it. */
interface Sample {
  readonly layout: Layout;
  readonly value: unknown;
}

const FIELDS: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  u8: fc.nat(255),
  u16: fc.nat(65535),
  u32: fc.nat(2 ** 32 - 1),
  u64: fc.bigInt(0n, 2n ** 64n - 1n),
  i8: fc.integer({ min: -128, max: 127 }),
  i16: fc.integer({ min: -32768, max: 32767 }),
  i32: fc.integer(),
  i64: fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n),
  f32: fc.float(),
  f64: fc.double(),
  bool: fc.boolean(),
  be16: fc.nat(65535),
  be32: fc.nat(2 ** 32 - 1),
  be64: fc.bigInt(0n, 2n ** 64n - 1n),
  ipv4: fc.ipV4(),
};

const field: fc.Arbitrary<Sample> = fc.oneof(
  fc.constantFrom(...Object.keys(FIELDS)).chain((type) => {
    return (FIELDS[type] as fc.Arbitrary<unknown>).map((value) => ({
      layout: type as Layout,
      value,
    }));
  }),
  fc.uint8Array({ minLength: 1, maxLength: 9 }).map((value) => {
    return { layout: { bytes: value.length }, value };
  }),
);

const struct: fc.Arbitrary<Sample> = fc.letrec<{ one: Sample; struct: Sample }>((tie) => ({
  one: fc.oneof({ depthSize: "small" }, field, tie("struct")),
  struct: fc
    .dictionary(fc.stringMatching(/^[a-z][a-zA-Z0-9_]{0,5}$/), tie("one"), {
      minKeys: 1,
      maxKeys: 6,
    })
    .map((fields) => {
      const names = Object.keys(fields);
      const pick = (part: keyof Sample) =>
        Object.fromEntries(names.map((name) => [name, fields[name]?.[part]]));
      return { layout: pick("layout") as Layout, value: pick("value") };
    }),
})).struct;

test("what is written into any struct is read again, from anywhere", () => {
  const property = fc.property(struct, fc.nat(9), ({ layout, value }, at) => {
    const codec = compileLayout(layout, "value");
    const bytes = new Uint8Array(at + codec.size).fill(0xa5);
    codec.write(bytes, at, value);
    expect(codec.read(bytes, at)).toEqual(value);
    expect(codec.size % codec.alignment).toBe(0);
  });
  fc.assert(property, runs(500));
});

test("any bytes are some value of any struct", () => {
  const property = fc.property(struct, fc.infiniteStream(fc.nat(255)), ({ layout }, stream) => {
    const codec = compileLayout(layout, "value");
    const bytes = Uint8Array.from({ length: codec.size }, () => stream.next().value as number);
    expect(() => codec.read(bytes, 0)).not.toThrow();
  });
  fc.assert(property, runs(200));
});
