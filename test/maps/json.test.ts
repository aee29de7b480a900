/** Keys and values as `waxdp maps dump --json` writes them, and `--map` reads them. */
import { describe, expect, test } from "vitest";
import { fromJson, toJson } from "../../src/maps/json.ts";
import type { Layout } from "../../src/maps/map.ts";

const there = (value: unknown) => JSON.parse(JSON.stringify(toJson(value))) as unknown;
const thereAndBack = (layout: Layout | undefined, value: unknown) => fromJson(layout, there(value));

describe("what is written is read back", () => {
  test.each<[Layout, unknown]>([
    ["u32", 7],
    ["u64", 2n ** 64n - 1n],
    ["i64", -(2n ** 63n)],
    ["be64", 3n],
    ["f64", 0.1],
    ["f64", Number.NaN],
    ["f64", Number.POSITIVE_INFINITY],
    ["f32", Number.NEGATIVE_INFINITY],
    ["ipv4", "10.0.0.1"],
    [{ bytes: 3 }, Uint8Array.of(0, 255, 16)],
    [
      { packets: "u64", load: "f64" },
      { packets: 5n, load: Number.NaN },
    ],
  ])("%j: %s", (layout, value) => {
    expect(thereAndBack(layout, value)).toEqual(value);
  });

  test("bytes of a map without a layout", () => {
    expect(thereAndBack(undefined, Uint8Array.of(1, 2))).toEqual(Uint8Array.of(1, 2));
  });
});

describe("text that is no number of the layout stays for the map to refuse", () => {
  test.each<[Layout, unknown]>([
    ["u32", "NaN"],
    ["f64", "nan"],
    ["f64", "1"],
    ["u64", "1.5"],
  ])("%s: %j", (layout, value) => {
    expect(fromJson(layout, value)).toBe(value);
  });
});

test("maps and programs in a map become their names", () => {
  expect(toJson({ name: "inner", info: () => ({}) })).toBe("inner");
});
