/** A run that is broken off and goes on elsewhere is the run that was never broken off. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Met } from "../fuzz/met.ts";
import { runs, TIMEOUT } from "../fuzz/runs.ts";
import { play, type Scenario, scenario } from "./relay.ts";

const SCENARIOS = 300;

describe(`${SCENARIOS} random runs and more`, () => {
  const met: Met = new Map();
  const searched = fc.asyncProperty(scenario, (one) => play(one, met));

  test(
    "go on from a snapshot as if nothing had been",
    () => fc.assert(searched, runs<[Scenario]>(SCENARIOS)),
    TIMEOUT,
  );

  // A search that breaks nothing off, or has nothing to take along, would always pass.
  test.each([
    "wasm to wasm",
    "wasm to model",
    "model to wasm",
    "model to model",
    "leap",
    "apply",
    "conntrack established",
    "conntrack reply",
    "conntrack related",
    "conntrack invalid",
    "reason conntrack-full",
  ])("%s was met", (name) => {
    expect(met.get(name) ?? 0).toBeGreaterThan(20);
  });
});
