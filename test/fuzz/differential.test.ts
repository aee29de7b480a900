/**
 * The Wasm dataplane against the model: whatever cluster, packets, times and changes, both do the same to every
 * byte, tell the same of it, count the same and remember the same.
 */
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { STATES, TIMERS } from "../../src/dataplane/entries.ts";
import { ACTIONS, CONNTRACKS, REASONS } from "../../src/dataplane/event.ts";
import { runs, TIMEOUT } from "./runs.ts";
import { play, type Scenario, scenario } from "./scenario.ts";
import { createTally, WAYS } from "./tally.ts";

/** Reasons of programs, which have a search of their own. */
const PROGRAMS: ReadonlySet<string> = new Set(["program", "trap"]);

const SCENARIOS = 2000;
/** At least so many in all of them. */
const PACKETS = 200_000;

describe(`${SCENARIOS} random clusters and more, ${PACKETS} packets and more`, () => {
  const tally = createTally();
  const searched = fc.asyncProperty(scenario, (one) => play(one, tally));

  test(
    "Wasm and the model agree on everything that can be seen",
    async () => {
      await fc.assert(searched, runs<[Scenario]>(SCENARIOS));
      expect(tally.clusters).toBeGreaterThanOrEqual(SCENARIOS);
      expect(tally.packets).toBeGreaterThanOrEqual(PACKETS);
    },
    TIMEOUT,
  );

  // A search that misses the interesting places would always pass.
  test.each([
    ["reason", REASONS.filter((reason) => reason !== null && !PROGRAMS.has(reason))],
    ["action", ACTIONS],
    ["conntrack", CONNTRACKS],
    ["state", STATES],
    ["timer", TIMERS],
    ["way", WAYS],
    ["affinity", ["1", "2"]],
    ["connections", ["created", "expired", "closed", "evicted"]],
    ["fragments", ["held", "released", "discarded"]],
  ])("every %s was met", (kind, names) => {
    expect(names.filter((name) => !tally.met.has(`${kind} ${name}`))).toEqual([]);
  });

  afterAll(() => {
    const { packets, clusters, connections } = tally;
    console.log(`${packets} packets, ${clusters} clusters, ${connections} connections`);
  });
});
