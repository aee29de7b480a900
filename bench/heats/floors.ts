/**
 * The guard against decay: ratios that once were reached, and must go on being reached. Never absolute times,
 * which say more of a machine and its neighbours than of this program.
 */
import type { Contestant } from "./contestant.ts";
import { type Effort, type Heat, runHeat } from "./heat.ts";
import { titleOf } from "./heats.ts";

/** Bounds of one ratio: the time of a lane in proportion to that of the first lane of its heat. */
export interface Floor {
  readonly atLeast?: number;
  readonly atMost?: number;
}

/** By name of the ratio: title of the heat, a colon, name of the lane. */
export type Floors = Readonly<Record<string, Floor>>;

export interface Finding {
  readonly name: string;
  readonly floor: Floor;
  /** Of each time it was measured; empty when one of the two contestants is absent. */
  readonly ratios: readonly number[];
  readonly holds: boolean;
}

/** Times a ratio that is out is measured again before it counts. */
const AGAIN = 2;

/** Throws a RangeError for a name that no heat and lane have. */
export function select(floors: Floors, heats: readonly Heat[]): readonly Heat[] {
  const known = new Set(heats.flatMap((heat) => heat.lanes.map((lane) => ratioName(heat, lane))));
  const strange = Object.keys(floors).find((name) => !known.has(name));
  if (strange !== undefined)
    throw new RangeError(`no row has the ratio ${JSON.stringify(strange)}`);
  return heats.map((heat) => narrow(floors, heat)).filter(({ lanes }) => lanes.length > 1);
}

/** A heat with the lanes it is asked about, and the one they are compared with. */
function narrow(floors: Floors, heat: Heat): Heat {
  const lanes = heat.lanes.filter((lane, index) => index === 0 || ratioName(heat, lane) in floors);
  return { ...heat, lanes };
}

export function ratioName(heat: Heat, { name }: { readonly name: string }): string {
  return `${titleOf(heat)}: ${name}`;
}

/** `show` is told the heat that begins. */
export async function check(
  floors: Floors,
  heats: readonly Heat[],
  contestants: ReadonlyMap<string, Contestant>,
  effort: Effort,
  show: (heat: Heat, done: number, of: number) => void,
): Promise<Finding[]> {
  const selected = select(floors, heats);
  const findings: Finding[] = [];
  for (const [index, heat] of selected.entries()) {
    show(heat, index, selected.length);
    findings.push(...(await checkHeat(floors, heat, contestants, effort)));
  }
  return findings;
}

async function checkHeat(
  floors: Floors,
  heat: Heat,
  contestants: ReadonlyMap<string, Contestant>,
  effort: Effort,
): Promise<Finding[]> {
  let findings = heat.lanes.slice(1).map((lane): Finding => {
    const name = ratioName(heat, lane);
    return { name, floor: floors[name] as Floor, ratios: [], holds: true };
  });
  for (let time = 0; time <= AGAIN; time++) {
    const ratios = await measure(heat, contestants, effort);
    findings = findings.map((each) => judge(each, ratios.get(each.name), time));
    if (findings.every(({ holds }) => holds)) break;
  }
  return findings;
}

async function measure(
  heat: Heat,
  contestants: ReadonlyMap<string, Contestant>,
  effort: Effort,
): Promise<ReadonlyMap<string, number>> {
  const { lanes } = await runHeat(heat, contestants, effort, () => new Promise(setImmediate));
  return new Map(lanes.map(({ lane, ratio }) => [ratioName(heat, lane), ratio.median]));
}

/** What held once holds: noise can only be against it. */
function judge(finding: Finding, ratio: number | undefined, time: number): Finding {
  if (ratio === undefined || (time > 0 && finding.holds)) return finding;
  const { atLeast = 0, atMost = Number.POSITIVE_INFINITY } = finding.floor;
  return {
    ...finding,
    ratios: [...finding.ratios, ratio],
    holds: ratio >= atLeast && ratio <= atMost,
  };
}
