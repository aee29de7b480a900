/**
 * The Linux kernel's own packets: what a node with kube-proxy's rules did to 2,000 of them. Every step agrees to
 * the byte, or stands in differences.ts with what is done instead, which is asserted as well.
 */
import { describe, expect, test } from "vitest";
import { dataplanes } from "../conformance/dataplanes.ts";
import type { Judgement } from "./comparison.ts";
import { DIFFERENCES, differenceOf } from "./differences.ts";
import { type Create, play } from "./lab.ts";
import { RECORDINGS, type Recording } from "./recording.ts";

for (const { name, create } of dataplanes) {
  describe(name, () => {
    const scores = RECORDINGS.map((recording) => judgeAll(create, recording));
    test("the score", () => report(name, scores));
  });
}

interface Score {
  readonly group: string;
  agreed: number;
  listed: number;
}

function judgeAll(create: Create, recording: Recording): Score {
  const score = { group: recording.group, agreed: 0, listed: 0 };
  describe(recording.group, () => {
    for (const scenario of recording.scenarios) {
      test(scenario.id, async () => {
        const judgements = await play(create, recording, scenario);
        expect(judgements).toHaveLength(scenario.steps.length);
        expect(judgements.flatMap((step) => objectionsTo(scenario.id, step))).toEqual([]);
        for (const { n } of judgements) score[differenceOf(scenario.id, n) ? "listed" : "agreed"]++;
      });
    }
  });
  return score;
}

/** Every step has to be in the sum. */
function report(engine: string, scores: readonly Score[]): void {
  const sum = (of: "agreed" | "listed") => scores.reduce((all, score) => all + score[of], 0);
  console.table(scores);
  console.log(`${engine}: ${sum("agreed")} steps agree, ${sum("listed")} are listed`);
  const steps = RECORDINGS.flatMap(({ scenarios }) => scenarios.flatMap(({ steps }) => steps));
  expect(sum("agreed") + sum("listed")).toBe(steps.length);
}

/** What is wrong with a step: it differs and is not listed, or not as it is listed. */
function objectionsTo(scenario: string, { n, name, differs, complaints, deed }: Judgement) {
  const listed = differenceOf(scenario, n);
  const wanted = listed?.differs ?? [];
  const isAsListed = listed === undefined || listed.does === deed;
  if (differs.join() === wanted.join() && isAsListed) return [];
  return [`step ${n} (${name}): ${deed}; ${complaints.join("; ") || "no difference"}`];
}

test("every listed difference names a step that was recorded", () => {
  const scenarios = RECORDINGS.flatMap(({ scenarios }) => scenarios);
  for (const { scenario, steps } of DIFFERENCES) {
    const matching = scenarios.filter(({ id }) => scenario.test(id));
    expect(matching, String(scenario)).not.toHaveLength(0);
    for (const { steps: recorded } of matching) {
      expect(recorded.map(({ n }) => n)).toEqual(expect.arrayContaining([...steps]));
    }
  }
});
