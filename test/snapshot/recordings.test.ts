/** What the kernel did to 2,000 packets, and what the golden captures hold, by dataplanes that take turns. */
import { describe, expect, test } from "vitest";
import { expected, optionsOf, play as playGolden, readCases } from "../golden/case.ts";
import { differenceOf } from "../netfilter/differences.ts";
import { play } from "../netfilter/lab.ts";
import { RECORDINGS } from "../netfilter/recording.ts";
import { createRelayed } from "./relayed.ts";

/** Packets that have to be seen before a dataplane stays who it is. */
const TURNS_LEAST = 3;

describe.each(RECORDINGS.filter(({ group }) => !group.includes("fragments")))(
  "$group",
  (recording) => {
    test.each(recording.scenarios)("$id", async (scenario) => {
      let turns = () => 0;
      const create: Parameters<typeof play>[0] = async (options) => {
        const relayed = await createRelayed(options);
        turns = () => relayed.turns;
        return relayed.dataplane;
      };
      const judgements = await play(create, recording, scenario);
      for (const { n, differs } of judgements)
        expect([n, differs.join()]).toEqual([
          n,
          differenceOf(scenario.id, n)?.differs.join() ?? "",
        ]);
      expect(turns()).toBeGreaterThanOrEqual(1);
    });
  },
);

test.each(readCases())("golden $name", async (golden) => {
  const relayed = await createRelayed(optionsOf(golden));
  const played = playGolden(relayed.dataplane, golden);
  const { out, events, counters } = expected(golden);
  expect(played.events.split("\n")).toEqual(events.split("\n"));
  expect(played.counters).toEqual(counters);
  expect(Buffer.compare(played.out, out)).toBe(0);
  expect(relayed.turns).toBeGreaterThanOrEqual(TURNS_LEAST);
});
