/** Heats one after another, with word of how far it is. */
import type { Contestant } from "./contestant.ts";
import { type Effort, type Heat, type HeatResult, runHeat } from "./heat.ts";

export interface Standing {
  readonly heat: Heat;
  /** From 1. */
  readonly number: number;
  readonly of: number;
  /** Seconds, or undefined as long as nobody knows. */
  readonly left: number | undefined;
}

/** Seconds after which nothing is run again, so that a noisy machine does not take for ever. */
const PATIENCE = 120;

/** `show` is called often; it decides what is worth showing. */
export async function runSeries(
  heats: readonly Heat[],
  contestants: ReadonlyMap<string, Contestant>,
  effort: Effort,
  show: (standing: Standing) => void,
): Promise<HeatResult[]> {
  const results: HeatResult[] = [];
  const started = performance.now();
  const total = heats.reduce((sum, heat) => sum + weight(heat, contestants), 0);
  let done = 0;
  for (const [index, heat] of heats.entries()) {
    const share = weight(heat, contestants);
    const pause = async (part: number): Promise<void> => {
      const seconds = (performance.now() - started) / 1000;
      const behind = done + share * part;
      const left = behind > 0 ? (seconds / behind) * (total - behind) : undefined;
      show({ heat, number: index + 1, of: heats.length, left });
      await new Promise(setImmediate);
    };
    await pause(0);
    const repeat = effort.repeat && performance.now() - started < PATIENCE * 1000;
    results.push(await runHeat(heat, contestants, { ...effort, repeat }, pause));
    done += share;
  }
  return results;
}

/** About the seconds it takes: rounds of every lane, connections to open, Services to apply. */
function weight({ lanes }: Heat, contestants: ReadonlyMap<string, Contestant>): number {
  return lanes
    .filter(({ contestant }) => contestants.has(contestant))
    .reduce((sum, { row }) => sum + 0.3 + row.flows / 400_000 + row.services / 30_000, 0);
}
