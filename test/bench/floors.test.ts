/** The guard: it names what fell, and nothing else makes it fail. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { typescript, wasm } from "../../bench/engines/engines.ts";
import type { Contestant } from "../../bench/heats/contestant.ts";
import { check, type Floors, select } from "../../bench/heats/floors.ts";
import type { Heat } from "../../bench/heats/heat.ts";
import { HEATS } from "../../bench/heats/heats.ts";
import { printFindings } from "../../src/cli/bench-check.ts";
import { PLAIN } from "./row.ts";

const EFFORT = { rounds: 3, repeat: false };
const HEAT: Heat = {
  topic: "Test",
  name: "plain",
  lanes: ["wasm", "typescript", "c"].map((name) => ({ name, contestant: name, row: PLAIN })),
};

/** Every packet takes it so many times as long. */
function slowed({ prepare, ...contestant }: Contestant, times: number): Contestant {
  return {
    ...contestant,
    async prepare(work) {
      const run = await prepare(work);
      if (run === undefined) return undefined;
      return { ...run, time: async (n) => (await run.time(n)).map((each) => each * times) };
    },
  };
}

function measure(floors: Floors, contestants: readonly Contestant[]) {
  const all = new Map(contestants.map((each) => [each.name, each]));
  return check(floors, [HEAT], all, EFFORT, () => {});
}

describe("check", () => {
  const floors = { "Test, plain: typescript": { atLeast: 5 }, "Test, plain: c": { atLeast: 0.5 } };

  it("holds for the engine as it is; who is absent neither holds nor falls", async () => {
    const findings = await measure(floors, [wasm(), typescript()]);
    expect(findings).toMatchObject([
      { name: "Test, plain: typescript", holds: true },
      { name: "Test, plain: c", holds: true, ratios: [] },
    ]);
    expect(findings[0]?.ratios.length).toBeGreaterThan(0);
    expect(printFindings(findings, ["Without c: no compiler."])).toMatch(
      /holds +Test, plain: typescript .*\nabsent +Test, plain: c .*\n(?:.*\n)*Without c: no compiler\./,
    );
  });

  it("falls for a slowed engine, measured three times, and names the row", async () => {
    const findings = await measure(floors, [slowed(wasm(), 1000), typescript()]);
    expect(findings[0]).toMatchObject({ name: "Test, plain: typescript", holds: false });
    expect(findings[0]?.ratios.length).toBe(3);
    const text = printFindings(findings, []);
    expect(text).toMatch(/fell +Test, plain: typescript +0\.\d\dx, .* at least 5x +by \d+ %/);
    expect(text).toMatch(/1 of 2 ratios fell/);
  });

  it("takes a bound from above as well", async () => {
    const [finding] = await measure({ "Test, plain: typescript": { atMost: 1.01 } }, [
      wasm(),
      typescript(),
    ]);
    expect(finding?.holds).toBe(false);
  });

  it("lets a ratio off that holds when it is measured again", async () => {
    let rounds = 0;
    const moody: Contestant = {
      ...slowed(typescript(), 1),
      name: "c",
      prepare: async (work) => {
        const times = rounds++ === 0 ? 1e-6 : 1;
        return slowed(typescript(), times).prepare(work);
      },
    };
    const [finding] = await measure({ "Test, plain: c": { atLeast: 1 } }, [wasm(), moody]);
    expect(finding).toMatchObject({
      holds: true,
      ratios: [expect.any(Number), expect.any(Number)],
    });
  });

  it("refuses a bound of no row", () => {
    expect(() => select({ "Test, plain: pascal": { atLeast: 1 } }, [HEAT])).toThrow(/pascal/);
  });
});

it("the committed bounds are those of rows there are, and each bounds something", () => {
  const path = new URL("../../bench/floors.json", import.meta.url);
  const floors: Floors = JSON.parse(readFileSync(path, "utf8"));
  expect(select(floors, HEATS).length).toBeGreaterThan(3);
  for (const floor of Object.values(floors)) {
    const bounds = Object.entries(floor);
    expect(bounds.length).toBeGreaterThan(0);
    for (const [name, bound] of bounds) {
      expect(["atLeast", "atMost"]).toContain(name);
      expect(bound).toBeGreaterThan(0);
    }
  }
});
