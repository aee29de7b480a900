import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createExtents } from "../../src/dataplane/extents.ts";

/** Rows as an array, each naming its owner, so that a wrong move or an overlap shows. */
function createRows(capacity: number) {
  const rows: (number | undefined)[] = Array(capacity).fill(undefined);
  const extents = createExtents<number>(capacity, (_, from, to, length) => {
    rows.copyWithin(to, from, from + length);
  });
  return {
    rows,
    extents,
    hold(owner: number, length: number) {
      const { base } = extents.allocate(owner, length);
      rows.fill(owner, base, base + length);
    },
  };
}

describe("extents", () => {
  it("fills a hole that is large enough before using new rows", () => {
    const { extents, hold } = createRows(16);
    hold(1, 4);
    hold(2, 4);
    extents.release(1);
    hold(3, 3);
    expect(extents.get(3)).toEqual({ base: 0, length: 3 });
  });

  it("moves everything together when only scattered rows are free", () => {
    const { extents, hold, rows } = createRows(8);
    for (const owner of [1, 2, 3, 4]) hold(owner, 2);
    extents.release(1);
    extents.release(3);
    hold(5, 4);
    expect(rows).toEqual([2, 2, 4, 4, 5, 5, 5, 5]);
  });

  it("joins a hole with both of its neighbours", () => {
    const { extents, hold } = createRows(6);
    for (const owner of [1, 2, 3]) hold(owner, 2);
    for (const owner of [1, 3, 2]) extents.release(owner);
    hold(4, 6);
    expect(extents.get(4)).toEqual({ base: 0, length: 6 });
  });

  it("refuses more rows than are free", () => {
    const { extents, hold } = createRows(4);
    hold(1, 3);
    expect(() => extents.allocate(2, 2)).toThrow(RangeError);
  });

  it("never lets two owners share a row, whatever comes and goes", () => {
    const step = fc.record({
      owner: fc.integer({ min: 0, max: 7 }),
      length: fc.integer({ min: 0, max: 9 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const { extents, hold, rows } = createRows(32);
        const lengths = new Map<number, number>();
        for (const { owner, length } of steps) {
          extents.release(owner);
          lengths.delete(owner);
          if (extents.used + length > extents.capacity) continue;
          hold(owner, length);
          lengths.set(owner, length);
        }
        for (const [owner, length] of lengths) {
          const { base } = extents.get(owner) as { base: number };
          expect(rows.slice(base, base + length)).toEqual(Array(length).fill(owner));
        }
        expect(extents.used).toBe([...lengths.values()].reduce((sum, each) => sum + each, 0));
      }),
    );
  });
});
