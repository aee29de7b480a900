import { expect, test } from "vitest";
import { buildTable, tableSize } from "../../src/control/maglev.ts";
import { murmur3 } from "../../src/murmur3.ts";

const names = (length: number) =>
  Array.from({ length }, (_, index) => `10.0.${index >> 8}.${index & 255}:8080`);

test("murmur3 gives its published answers", () => {
  const hash = (text: string, seed: number) => murmur3(new TextEncoder().encode(text), seed);
  expect(hash("", 0)).toBe(0);
  expect(hash("", 1)).toBe(0x514e28b7);
  expect(hash("test", 0)).toBe(0xba6bd213);
  expect(hash("Hello, world!", 0)).toBe(0xc0363e43);
  expect(hash("The quick brown fox jumps over the lazy dog", 0x9747b28c)).toBe(0x2fa826cd);
});

test.each([
  [0, 0],
  [1, 251],
  [2, 251],
  [3, 509],
  [100, 16381],
  [5000, 131071],
])("%i backends have %i slots", (length, size) => {
  expect(buildTable(names(length))).toHaveLength(size);
  expect(length === 0 || tableSize(length) === size).toBe(true);
});

test.each([2, 7, 40, 163])("%i backends have equal shares up to one slot", (length) => {
  const table = buildTable(names(length));
  const shares = new Array<number>(length).fill(0);
  for (const index of table) shares[index] = (shares[index] ?? 0) + 1;
  expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(1);
});

test("the order of the names does not matter", () => {
  const forward = names(20);
  const backward = [...forward].reverse();
  const byName = (all: string[]) => buildTable(all).map((index) => all[index]);
  expect(byName(backward)).toEqual(byName(forward));
});

test("when a backend goes, few slots of the others change", () => {
  const all = names(30);
  const before = buildTable(all).map((index) => all[index]);
  const rest = all.filter((_, index) => index !== 13);
  const after = buildTable(rest).map((index) => rest[index]);
  const moved = before.filter((name, slot) => name !== all[13] && name !== after[slot]).length;
  expect(moved / before.length).toBeLessThan(0.05);
});
