import { expect, test } from "vitest";
import { compareCaptured, createFlowTable } from "../../src/diff/flows.ts";
import { createDataplane } from "../../src/index.ts";
import { config, LOCAL, node, REMOTE, service, slice } from "../control/objects.ts";
import { captured } from "../replay/scene.ts";
import { sidesOf } from "./scene.ts";

const base = [node(), config(), service()];
const sides = await sidesOf(
  createDataplane,
  [...base, slice([LOCAL, REMOTE])],
  [...base, slice([LOCAL])],
);

const dial = { saddr: "10.244.1.9", sport: 4000, daddr: "10.96.0.10", dport: 80 };
const answer = { saddr: dial.daddr, sport: 80, daddr: dial.saddr, dport: 4000 };

test("both directions are one flow, of which the first packet is remembered", () => {
  const table = createFlowTable(sides, 10);
  table.add(captured(0, { ...dial, sport: 3999, flags: "S" }));
  for (const packet of [
    { ...dial, flags: "S" },
    { ...answer, flags: "AS" },
    { ...dial, flags: "A" },
  ])
    table.add(captured(1, packet));
  expect([...table.flows()].map(({ n, packets, flow }) => [n, packets, flow.sport])).toEqual([
    [1, 1, 3999],
    [2, 3, 4000],
  ]);
});

test("a capture that begins with an answer has the other end dial", () => {
  const table = createFlowTable(sides, 10);
  table.add(captured(0, { ...answer, flags: "A" }));
  table.add(captured(1, { ...dial, flags: "A" }));
  const [flow, ...others] = table.flows();
  expect(others).toEqual([]);
  expect(flow).toMatchObject({ n: 1, packets: 2, flow: dial });
  expect(flow && compareCaptured(sides, flow)?.changes).toEqual(["endpoints"]);
});

test("packets of no flow are counted apart", () => {
  const table = createFlowTable(sides, 10);
  table.add({ ...captured(0, { ...dial, flags: "S" }), data: new Uint8Array(20) });
  expect([table.packets, table.others, table.length]).toEqual([1, 1, 0]);
});

test("a flow that dials no Service goes the same way", () => {
  const table = createFlowTable(sides, 10);
  table.add(captured(0, { ...dial, daddr: "192.0.2.1", flags: "S" }));
  const [flow] = table.flows();
  expect(flow && compareCaptured(sides, flow)).toBeUndefined();
});

test("one flow too many is refused, further packets of those there are are not", () => {
  const table = createFlowTable(sides, 1);
  expect(table.add(captured(0, { ...dial, flags: "S" }))).toBe(true);
  expect(table.add(captured(0, { ...dial, sport: 4001, flags: "S" }))).toBe(false);
  expect(table.add(captured(0, { ...answer, flags: "AS" }))).toBe(true);
  expect([table.packets, table.length]).toEqual([2, 1]);
});
