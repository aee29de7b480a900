/**
 * Competitors on the same packets, in one process, by turns and in changing order, so that a noisy moment hits
 * all of them: what a heat finds is ratios, and the nanoseconds are by the way.
 */

import { ARENA, makeWork } from "../rows/work.ts";
import type { Contestant, Row, Run, Work } from "./contestant.ts";
import { median, spread, type Timing, timing } from "./sample.ts";

/** One who competes: an engine on a row. */
export interface Lane {
  readonly name: string;
  /** Name of the contestant. */
  readonly contestant: string;
  readonly row: Row;
}

export interface Heat {
  readonly topic: string;
  readonly name: string;
  /** The first one is what the others are compared with. */
  readonly lanes: readonly Lane[];
}

export interface LaneResult {
  readonly lane: Lane;
  /** Nanoseconds per packet, of all batches. */
  readonly timing: Timing;
  /** Time in proportion to the first lane's, round by round. */
  readonly ratio: Timing;
  /** Rounds differed too much, even when they were run again. */
  readonly noisy: boolean;
}

export interface HeatResult {
  readonly heat: Heat;
  readonly lanes: readonly LaneResult[];
  /** Lanes that had to be given up. */
  readonly failures: readonly Failure[];
}

export interface Failure {
  readonly lane: Lane;
  /** One line. */
  readonly message: string;
}

export interface Effort {
  readonly rounds: number;
  /** Whether a noisy heat is run again. */
  readonly repeat: boolean;
}

/** A round's median is taken as settled when it differs by less from the one before. */
const SETTLED = 0.03;
/** Rounds of warm-up: V8 replaces its first, quick compilation after some 24,000 packets. */
const WARM_MIN = 2;
const WARM_MAX = 8;
/** Spread of rounds above which a heat is run again. */
const NOISY = 0.2;

interface Runner {
  readonly lane: Lane;
  readonly run: Run;
  readonly batches: number;
  samples: number[];
  rounds: number[];
}

/**
 * `pause` is called between rounds: progress, and room for the event loop. Throws when the first lane fails;
 * others are given up.
 */
export async function runHeat(
  heat: Heat,
  contestants: ReadonlyMap<string, Contestant>,
  { rounds, repeat }: Effort,
  pause: (done: number) => Promise<void>,
): Promise<HeatResult> {
  const failures: Failure[] = [];
  const runners = await prepare(heat, contestants, failures);
  try {
    const lanes = await measure(runners, rounds, pause);
    const again = repeat && lanes.some(({ noisy }) => noisy);
    const better = again ? quieter(lanes, await measure(runners, rounds, () => pause(1))) : lanes;
    return { heat, lanes: better, failures };
  } finally {
    for (const { run } of runners) await run.close();
  }
}

/** Those who are ready and warm. Lanes whose contestant is absent, or does not run such rows, are left out. */
async function prepare(
  heat: Heat,
  contestants: ReadonlyMap<string, Contestant>,
  failures: Failure[],
): Promise<Runner[]> {
  const works = new Map<Row, Work>();
  const first = new Map<Row, Sight>();
  const runners: Runner[] = [];
  for (const lane of heat.lanes) {
    const contestant = contestants.get(lane.contestant);
    if (!contestant) continue;
    const work = works.get(lane.row) ?? (await makeWork(lane.row));
    works.set(lane.row, work);
    try {
      const runner = await start(lane, contestant, work, first);
      if (runner) runners.push(runner);
    } catch (error) {
      if (lane === heat.lanes[0]) throw error;
      failures.push({ lane, message: lineOf(error) });
    }
  }
  return runners;
}

function lineOf(error: unknown): string {
  return (error as Error).message.split("\n", 1)[0] as string;
}

/** What somebody made of the first packets of a row. */
interface Sight {
  readonly name: string;
  readonly packets: readonly Uint8Array[];
}

async function start(
  lane: Lane,
  contestant: Contestant,
  work: Work,
  first: Map<Row, Sight>,
): Promise<Runner | undefined> {
  const run = await contestant.prepare(work);
  if (run === undefined) return undefined;
  const batches = (contestant.batches * ARENA) / lane.row.batch;
  const runner = { lane, run, batches, samples: [], rounds: [] };
  try {
    agree(lane, await run.check(), first);
    await warm(runner);
    return runner;
  } catch (error) {
    await run.close();
    throw error;
  }
}

/** All contestants must make the same bytes of the same packets. */
function agree(
  { name, row }: Lane,
  packets: readonly Uint8Array[] | null,
  first: Map<Row, Sight>,
): void {
  if (packets === null) return;
  const other = first.get(row);
  if (other === undefined) {
    first.set(row, { name, packets });
    return;
  }
  const differing = other.packets.findIndex(
    (packet, index) => !Buffer.from(packet).equals(packets[index] ?? new Uint8Array(0)),
  );
  if (differing < 0 && packets.length === other.packets.length) return;
  const number = differing < 0 ? other.packets.length : differing;
  throw new Error(`packet ${number + 1} came out with other bytes than ${other.name}'s`);
}

async function warm({ run, batches }: Runner): Promise<void> {
  let before = Number.POSITIVE_INFINITY;
  for (let round = 0; round < WARM_MAX; round++) {
    const now = median(await run.time(batches));
    if (round >= WARM_MIN - 1 && Math.abs(now - before) / now < SETTLED) return;
    before = now;
  }
}

async function measure(
  runners: readonly Runner[],
  rounds: number,
  pause: (done: number) => Promise<void>,
): Promise<LaneResult[]> {
  for (const runner of runners) {
    runner.samples = [];
    runner.rounds = [];
  }
  for (let round = 0; round < rounds; round++) {
    for (const runner of turn(runners, round)) {
      const samples = await runner.run.time(runner.batches);
      runner.samples.push(...samples);
      runner.rounds.push(median(samples));
    }
    await pause((round + 1) / rounds);
  }
  return runners.map((runner) => resultOf(runner, runners[0] as Runner));
}

/** Each round begins with another one, and every other round goes backwards. */
function turn(runners: readonly Runner[], round: number): readonly Runner[] {
  const from = round % runners.length;
  const order = [...runners.slice(from), ...runners.slice(0, from)];
  return round % 2 === 0 ? order : order.reverse();
}

function resultOf({ lane, samples, rounds }: Runner, base: Runner): LaneResult {
  const ratio = timing(rounds.map((each, index) => each / (base.rounds[index] as number)));
  const noisy = spread(ratio) > NOISY || spread(timing(rounds)) > NOISY;
  return { lane, timing: timing(samples), ratio, noisy };
}

/** Of two measurements of the same lanes, as a whole: lanes are compared within one. */
function quieter(
  first: readonly LaneResult[],
  second: readonly LaneResult[],
): readonly LaneResult[] {
  const noise = (lanes: readonly LaneResult[]) => lanes.filter(({ noisy }) => noisy).length;
  return noise(second) < noise(first) ? second : first;
}
