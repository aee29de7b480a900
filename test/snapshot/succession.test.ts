/** A run is broken off after any of its packets and goes on in another dataplane: nobody can tell. */
import { describe, expect, test } from "vitest";
import { parseObjects } from "../../src/index.ts";
import { createChecked, dataplanes } from "../conformance/dataplanes.ts";
import { build } from "../conformance/frame.ts";
import { NODE, OBJECTS, REQUEST } from "../conformance/scene.ts";

describe("x", () => {
  test.each(dataplanes)("$name", async ({ create }) => {
    const first = await create({ node: NODE });
    first.apply(parseObjects(OBJECTS));
    first.process(build(REQUEST), { now: 1000 });
    const bytes = first.snapshot();
    const second = await createChecked({ node: NODE });
    second.restore(bytes);
    expect(second.counters()).toEqual(first.counters());
    expect(second.statistics()).toEqual(first.statistics());
    expect([...second.maps.conntrack.entries()]).toEqual([...first.maps.conntrack.entries()]);
    expect(second.apply(parseObjects(OBJECTS)).toString()).toBe("");
    expect(second.snapshot().length).toBe(bytes.length);
  });
});
