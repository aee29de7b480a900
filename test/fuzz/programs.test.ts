/**
 * Programs in the Wasm dataplane and in the model: whatever they do to whatever packets, in whatever chains, both
 * engines leave the same bytes, tell the same, count the same, and have the same in every map.
 */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { VERDICTS } from "../../src/dataplane/event.ts";
import type { Met } from "./met.ts";
import { play, type Scenario, scenario } from "./programs/scenario.ts";
import { runs, TIMEOUT } from "./runs.ts";

const SCENARIOS = 250;
const debug = WebAssembly.compile(readFileSync("generated/dataplane.debug.wasm"));

describe(`${SCENARIOS} random sets of programs`, () => {
  const met: Met = new Map();
  // Half of them run with the assertions of the debug build.
  const moduleOf = async ({ options }: Scenario) =>
    (options.seed ?? 0) % 2 === 0 ? undefined : debug;
  const searched = fc.asyncProperty(scenario, async (one) => play(one, met, await moduleOf(one)));

  test(
    "Wasm and the model agree on all that programs do",
    async () => {
      await fc.assert(searched, runs<[Scenario]>(SCENARIOS));
      expect(met.get("packet")).toBeGreaterThan(SCENARIOS * 80);
    },
    TIMEOUT,
  );

  // A search that misses the interesting places would always pass.
  test.each([
    ...VERDICTS.map((verdict) => `verdict ${verdict}`),
    ...["pass", "dnat", "reply", "related", "reject", "drop", "hold"].map(
      (name) => `action ${name}`,
    ),
    ...["null", "program", "trap", "no-endpoints", "fragment"].map((name) => `reason ${name}`),
    ...["hash", "lru", "percpuHash", "lpm"].map((name) => `full ${name}`),
    "program none",
    "program some",
    "released PASS",
    "released DROP",
    "redirect",
    "programReason",
    "records",
  ])("%s was met", (name) => {
    expect(met.get(name) ?? 0).toBeGreaterThan(0);
  });

  afterAll(() => console.log(`${met.get("packet")} packets`));
});
