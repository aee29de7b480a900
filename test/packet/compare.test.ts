import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { packet } from "../../src/packet/build.ts";
import { compare, formatDifferences } from "../../src/packet/compare.ts";
import { LINK_TYPES } from "../../src/packet/link.ts";

const FLOW = { saddr: "10.0.0.1", sport: 4000, daddr: "10.96.0.1", dport: 80 } as const;

describe("compare", () => {
  test("finds nothing between equal frames", () => {
    expect(compare(packet(FLOW), packet(FLOW))).toEqual([]);
  });

  test("names the fields that differ, checksums that follow from them included", () => {
    const found = compare(packet(FLOW), packet({ ...FLOW, daddr: "10.244.1.7", dport: 8080 }));
    expect(found.map(({ name, expected, actual }) => `${name} ${expected} ${actual}`)).toEqual([
      expect.stringMatching(/^ipv4\.checksum 0x\w{4} 0x\w{4}$/),
      "ipv4.daddr 10.96.0.1 10.244.1.7",
      "tcp.dport 80 8080",
      expect.stringMatching(/^tcp\.checksum 0x\w{4} 0x\w{4}$/),
    ]);
    expect(found[1]?.offset).toBe(30);
  });

  test("tells fields that one of them does not have", () => {
    const found = compare(packet(FLOW), packet({ ...FLOW, vlan: [5] }));
    expect(found).toContainEqual({ name: "vlan.id", offset: 14, expected: null, actual: "5" });
    expect(compare(packet({ ...FLOW, vlan: [5] }), packet(FLOW))).toContainEqual({
      name: "vlan.id",
      offset: 14,
      expected: "5",
      actual: null,
    });
  });

  test("gives ranges of bytes within the payload, near ones together", () => {
    const payload = new Uint8Array(64);
    const other = Uint8Array.from(payload);
    other.set([1], 3);
    other.set([2], 6);
    other.set([3], 40);
    const [first, second, ...rest] = compare(
      packet({ ...FLOW, payload, checksum: 1 }),
      packet({ ...FLOW, payload: other, checksum: 1 }),
    );
    expect(first).toEqual({
      name: "payload.bytes[3..7)",
      offset: 57,
      expected: "00000000",
      actual: "01000002",
    });
    expect(second).toEqual({
      name: "payload.bytes[40..41)",
      offset: 94,
      expected: "00",
      actual: "03",
    });
    expect(rest).toEqual([]);
  });

  test("gives eight ranges at most, the last one with all the rest", () => {
    const payload = new Uint8Array(200);
    const other = payload.map((_, at) => (at % 10 === 0 ? 1 : 0));
    const found = compare(
      packet({ ...FLOW, payload, checksum: 1 }),
      packet({ ...FLOW, payload: other, checksum: 1 }),
    );
    expect(found).toHaveLength(8);
    expect(found.at(-1)).toMatchObject({
      name: "payload.bytes[70..191)",
      actual: expect.stringMatching(/\.\.\. \(121 bytes\)$/),
    });
  });

  test("says what a frame lacks at its end", () => {
    const whole = packet({ ...FLOW, payload: "abcdef" });
    expect(compare(whole, whole.subarray(0, -2))).toEqual([
      { name: "payload.bytes[4..6)", offset: 58, expected: "6566", actual: null },
    ]);
  });

  test("tells frames of an unknown link layer apart by their bytes", () => {
    expect(compare(Uint8Array.of(1, 2), Uint8Array.of(1, 3), 147)).toEqual([
      { name: "payload.bytes[1..2)", offset: 1, expected: "02", actual: "03" },
    ]);
  });

  test("finds nothing exactly when nothing differs", () => {
    const start = packet({ ...FLOW, vlan: [5], tcpOptions: { mss: 1 }, payload: "some payload" });
    const change = fc.array(fc.tuple(fc.nat(start.length - 1), fc.nat(255)), { maxLength: 3 });
    fc.assert(
      fc.property(
        change,
        fc.nat(start.length),
        fc.constantFrom(...Object.values(LINK_TYPES), 147),
        (changes, length, link) => {
          const other = Uint8Array.from(start);
          for (const [at, value] of changes) other[at] = value;
          const actual = other.subarray(0, length === 0 ? start.length : length);
          const equal = Buffer.compare(start, actual) === 0;
          expect(compare(start, actual, link).length === 0).toBe(equal);
          expect(compare(actual, start, link).length === 0).toBe(equal);
        },
      ),
      { numRuns: 3000, seed: 6 },
    );
  });
});

test("differences are printed in columns", () => {
  const text = formatDifferences([
    { name: "ipv4.ttl", offset: 22, expected: "64", actual: "63" },
    { name: "vlan.id", offset: 14, expected: "5", actual: null },
  ]);
  expect(text).toBe("ipv4.ttl  expected 64, actual 63\nvlan.id   expected 5, actual (absent)");
  expect(formatDifferences([])).toBe("");
});
