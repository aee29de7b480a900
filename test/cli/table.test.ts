import { expect, test } from "vitest";
import { table } from "../../src/cli/table.ts";
import { duration, plural, printable, rate } from "../../src/cli/terminal.ts";

test("columns are as wide as their widest cell and numbers stand right", () => {
  const lines = table(
    [{ title: "BACKEND" }, { title: "FLOWS", right: true }, { title: "WHY" }],
    [
      ["[2001:db8:ffff:ffff:ffff:ffff:ffff:ffff]:65535", "1", ""],
      ["10.0.0.1:80", "12,345", "no-endpoints"],
    ],
  );
  expect(lines).toEqual([
    "BACKEND                                          FLOWS  WHY",
    "[2001:db8:ffff:ffff:ffff:ffff:ffff:ffff]:65535       1",
    "10.0.0.1:80                                     12,345  no-endpoints",
  ]);
});

test("a table has as many rows as a map has entries", () => {
  const rows = Array.from({ length: 300_000 }, (_, at) => [String(at)]);
  expect(table([{ title: "KEY", right: true }], rows).at(-1)).toBe("299999");
});

test("colour codes take no room", () => {
  const red = "\u001b[31mDROP\u001b[39m";
  const [, first, second] = table(
    [{ title: "V" }, { title: "N" }],
    [
      [red, "1"],
      ["PASS", "2"],
    ],
  );
  expect(first).toBe(`${red}  1`);
  expect(second).toBe("PASS  2");
});

test("a heading is painted after it was laid out", () => {
  expect(table([{ title: "A" }], [["b"]], (text) => `<${text}>`)).toEqual(["<A>", "b"]);
});

test("numbers are told as people read them", () => {
  expect([rate(12_345_678), rate(123_456_789), rate(45_678), rate(999.6)]).toEqual([
    "12.3 M",
    "123 M",
    "46 k",
    "1,000",
  ]);
  expect([duration(0), duration(0.25), duration(42), duration(600), duration(7500)]).toEqual([
    "0 s",
    "0.25 s",
    "42.0 s",
    "10 min",
    "2 h 5 min",
  ]);
  expect([plural(1, "packet"), plural(2000, "packet")]).toEqual(["1 packet", "2,000 packets"]);
});

test("names from files cannot steer the terminal", () => {
  expect(printable("a\u001b[2Jb\nc\u009bd")).toBe("a?[2Jb?c?d");
});
