import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  mergeIntervals,
  numberOf,
  parseAddress,
  parseCidr,
  textOf,
} from "../../src/control/address.ts";
import { parseDuration } from "../../src/control/duration.ts";

describe("addresses", () => {
  test.each([
    ["10.0.0.1", "10.0.0.1"],
    ["010.008.000.001", "10.8.0.1"],
    ["2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["::", "::"],
    ["64:ff9b::010.0.0.1", "64:ff9b::a00:1"],
  ])("%s is %s", (text, canonical) => {
    expect(parseAddress(text)?.text).toBe(canonical);
  });

  test.each([
    "",
    "1.2.3",
    "1.2.3.4.5",
    "256.0.0.1",
    "0x7f.0.0.1",
    "1.2.3.4 ",
    "-1.2.3.4",
    "1.2.3.1e1",
    "127.1",
    "2130706433",
    ":",
    ":::",
    "1::2::3",
    "fe80::1%eth0",
    "::ffff:1.2.3.4",
    "::FFFF:102:304",
    "12345::",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "::1.2.3",
    "1.2.3.4::",
    "[::1]",
    "::g",
  ])("%j is none", (text) => {
    expect(parseAddress(text)).toBeUndefined();
  });

  test("a value and its text are each other's inverse", () => {
    fc.assert(
      fc.property(
        fc.bigInt(0n, (1n << 32n) - 1n),
        (value) => numberOf({ family: "ipv4", text: textOf("ipv4", value) }) === value,
      ),
    );
    fc.assert(
      fc.property(
        fc.bigInt(1n << 48n, (1n << 128n) - 1n),
        (value) => numberOf({ family: "ipv6", text: textOf("ipv6", value) }) === value,
      ),
    );
  });

  test("no text makes it throw", () => {
    const text = fc.oneof(
      fc.string(),
      fc.ipV4(),
      fc.ipV6(),
      fc.string({ unit: fc.constantFrom(..."0123456789abcdef:./%") }),
    );
    fc.assert(
      fc.property(text, (given) => {
        const address = parseAddress(given);
        parseCidr(given);
        return address === undefined || parseAddress(address.text)?.text === address.text;
      }),
    );
  });
});

describe("CIDRs", () => {
  test.each([
    ["10.1.2.3/8", "10.0.0.0", "10.255.255.255"],
    ["203.0.113.000/025", "203.0.113.0", "203.0.113.127"],
    ["0.0.0.0/0", "0.0.0.0", "255.255.255.255"],
    ["fd00::1/64", "fd00::", "fd00::ffff:ffff:ffff:ffff"],
  ])("%s is %s to %s", (text, first, last) => {
    const cidr = parseCidr(text);
    expect(cidr && mergeIntervals([cidr])).toEqual([{ first, last }]);
  });

  test.each([
    "10.0.0.0",
    "10.0.0.0/",
    "10.0.0.0/33",
    "10.0.0.0/-1",
    "10.0.0.0/8/8",
    "fd00::/129",
    "/8",
    "10.0.0.0/1e1",
  ])("%j is none", (text) => {
    expect(parseCidr(text)).toBeUndefined();
  });

  test("merged intervals are ascending, disjoint and hold the same addresses", () => {
    const interval = fc
      .tuple(fc.bigInt(0n, 60n), fc.bigInt(0n, 6n))
      .map(([first, more]) => ({ family: "ipv4" as const, first, last: first + more }));
    fc.assert(
      fc.property(fc.array(interval), (intervals) => {
        const merged = mergeIntervals(intervals).map(
          ({ first, last }) =>
            [
              numberOf({ family: "ipv4", text: first }),
              numberOf({ family: "ipv4", text: last }),
            ] as const,
        );
        for (let value = 0n; value < 70n; value += 1n) {
          const before = intervals.some(({ first, last }) => first <= value && value <= last);
          expect(merged.filter(([first, last]) => first <= value && value <= last)).toHaveLength(
            before ? 1 : 0,
          );
        }
        for (const [index, [first]] of merged.entries())
          expect(index === 0 || first > (merged[index - 1]?.[1] ?? 0n) + 1n).toBe(true);
      }),
    );
  });
});

test.each([
  ["1h0m0s", 3_600_000],
  ["1.5s", 1500],
  ["0", 0],
  ["0s", 0],
  ["-1m", -60_000],
  ["250ms", 250],
  [".5s", 500],
  ["1", undefined],
  ["", undefined],
  ["1d", undefined],
  ["1h 1m", undefined],
  ["s", undefined],
  ["1e3s", undefined],
])("the duration %j is %s ms", (text, milliseconds) => {
  expect(parseDuration(text)).toBe(milliseconds);
});
