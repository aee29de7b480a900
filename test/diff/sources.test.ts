import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Cidr, mergeIntervals, numberOf, parseCidr } from "../../src/control/address.ts";
import type { AddressRange, Family } from "../../src/dataplane/entries.ts";
import { createSources } from "../../src/diff/sources.ts";
import { createSpace, readRanges } from "../../src/diff/space.ts";
import { createDataplane } from "../../src/index.ts";
import { config, LOCAL, node, service, slice } from "../control/objects.ts";
import { sidesOf } from "./scene.ts";

function ranges(...texts: string[]): AddressRange[] {
  return mergeIntervals(texts.map(parseCidr).filter((cidr): cidr is Cidr => cidr !== undefined));
}

const objects = [node(), config(), service(), slice([LOCAL])];
const { old, next } = await sidesOf(createDataplane, objects, objects);
const sources = createSources(old, next);

describe("sources", () => {
  const cases: {
    name: string;
    old: AddressRange[] | null;
    next: AddressRange[] | null;
    labels: string[];
  }[] = [
    { name: "everybody is let in", old: null, next: null, labels: ["pods", "outside", "the node"] },
    {
      name: "the same ranges on both sides cut once",
      old: ranges("198.51.100.0/24"),
      next: ranges("198.51.100.0/24"),
      labels: ["pods", "198.51.100.0/24", "elsewhere", "the node"],
    },
    {
      name: "ranges that differ cut twice",
      old: ranges("198.51.100.0/25"),
      next: ranges("198.51.100.0/24"),
      labels: ["pods", "198.51.100.0/25", "198.51.100.128/25", "elsewhere", "the node"],
    },
    {
      name: "a range within the pods' tells pods apart",
      old: null,
      next: ranges("10.244.3.0/24"),
      labels: ["other pods", "pods in 10.244.3.0/24", "outside", "the node"],
    },
    {
      name: "a range that holds one of the node's addresses only",
      old: null,
      next: ranges("192.168.0.2/32"),
      labels: ["pods", "outside", "the node as 192.168.0.2", "the node as 203.0.113.9"],
    },
    {
      name: "many ranges are named by their first",
      old: null,
      next: ranges("1.0.0.0/8", "3.0.0.0/8", "5.0.0.0/8", "7.0.0.0/8", "9.0.0.0/8"),
      labels: ["pods", "1.0.0.0/8, 3.0.0.0/8, 5.0.0.0/8 and 2 more", "elsewhere", "the node"],
    },
  ];
  test.each(cases)("$name", ({ old: before, next: after, labels }) => {
    const found = sources({ family: "ipv4", old: before, next: after }).map(({ label }) => label);
    expect(found.sort()).toEqual([...labels].sort());
  });

  test("nobody dials from an address that means something, nor from one that cannot be", () => {
    const found = sources({
      family: "ipv4",
      old: null,
      next: ranges("10.244.1.4/31", "0.0.0.0/7"),
    });
    const saddrs = found.filter(({ kind }) => kind !== "node").map(({ saddr }) => saddr);
    expect(saddrs).toContain("10.244.1.4");
    expect(saddrs).not.toContain("10.244.1.5");
    expect(saddrs.filter((saddr) => /^(0|127|22[4-9]|2[345]\d)\./.test(saddr))).toEqual([]);
  });

  test("a range of one endpoint is dialled from by that endpoint", () => {
    const found = sources({ family: "ipv4", old: null, next: ranges("10.244.1.5/32") });
    expect(found.map(({ saddr }) => saddr)).toContain("10.244.1.5");
  });
});

/** Small blocks in a small space, so that they meet. */
const block = fc
  .tuple(fc.integer({ min: 24, max: 32 }), fc.integer({ min: 0, max: 1023 }))
  .map(([prefix, host]) => `10.0.${host >> 8}.${host & 255}/${prefix}`);
const blocks = fc.array(block, { maxLength: 6 });
const family: Family = "ipv4";

test("every address is in one cell, with the addresses of its signature", () => {
  fc.assert(
    fc.property(blocks, blocks, fc.integer({ min: 0, max: 1023 }), (pods, gate, host) => {
      const space = createSpace(
        family,
        [readRanges(family, ranges(...pods))],
        [readRanges(family, ranges(...gate))],
      );
      const value = numberOf({ family, text: `10.0.${host >> 8}.${host & 255}` });
      const isIn = (texts: string[]) =>
        texts.map(parseCidr).some((cidr) => cidr && cidr.first <= value && value <= cidr.last);
      expect(space.signatureOf(value)).toBe(`${isIn(pods) ? 1 : 0}${isIn(gate) ? 1 : 0}`);
      const cells = space.cells.filter(({ intervals }) =>
        intervals.some(({ first, last }) => first <= value && value <= last),
      );
      expect(cells).toHaveLength(1);
      expect(space.signatureOf(cells[0]?.intervals[0]?.first ?? -1n)).toBe(
        space.signatureOf(value),
      );
    }),
  );
});
