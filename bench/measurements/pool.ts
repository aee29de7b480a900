/**
 * What a second worker brings: pools of one worker and of two, by turns, established TCP over IPv4, as many
 * connections and frames for each worker. The main thread puts frames into the rings of both batches, hands both
 * over and sleeps; what is timed begins there and ends when it has been told that the last worker is done. So
 * waking the workers and being woken is included, and filling the rings is not: that is the main thread's cost
 * whatever there is behind it, and is measured apart, as `push`. With fewer than two idle cores there is nothing
 * to see but `cpu`: the time the workers' threads were on a core, for each packet, which is what they take from each
 * other, caches and memory, and not what the rest of the machine takes from them.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import {
  createDataplanePool,
  type DataplanePool,
  type PoolBatch,
  parseObjects,
} from "../../src/index.ts";
import { parseEndpoint } from "../../src/packet/address.ts";
import { type Timing, timing } from "../heats/sample.ts";
import { answer, type Flow, flow, objects, request, visited } from "../rows/workload.ts";

export interface PoolTiming {
  /** Of each worker. */
  readonly flows: number;
  readonly workers: number;
  /** Packets, millions a second, of all workers together. */
  readonly mpps: Timing;
  /** Nanoseconds of a core for each packet; undefined where the kernel does not tell (it must be Linux). */
  readonly cpu: Timing | undefined;
  /** Nanoseconds the main thread takes to steer a frame and copy it to its worker. */
  readonly push: Timing;
}

export interface PoolMeasurement {
  readonly one: PoolTiming;
  readonly two: PoolTiming;
  /** Of the rates of two workers and one, round by round. */
  readonly ratio: Timing;
  /** The same if every thread had a core to itself. */
  readonly cpuRatio: Timing | undefined;
}

/** Of each worker and batch: so many that waking a worker, some 50 us, is a few per cent of what it does. */
const FRAMES = 16384;
const FRAME = 64;
const WORKERS = [1, 2] as const;

/** `flows` of each worker, a power of two; `pause` is called between rounds. */
export async function measurePool(
  flows: number,
  rounds: number,
  pause: (round: number) => Promise<void>,
): Promise<PoolMeasurement> {
  const runs: Run[] = [];
  try {
    for (const workers of WORKERS) runs.push(await prepare(workers, flows));
    for (const run of runs) await run.round();
    const samples: Sample[][] = [];
    for (let round = 0; round < rounds; round++) {
      const each: Sample[] = [];
      for (const run of runs) each.push(await run.round());
      samples.push(each);
      await pause(round + 1);
    }
    return summary(flows, samples);
  } finally {
    for (const run of runs) await run.pool.close();
  }
}

function summary(flows: number, samples: readonly (readonly Sample[])[]): PoolMeasurement {
  const of = (index: 0 | 1): PoolTiming => {
    const own = samples.map((each) => each[index] as Sample);
    return {
      flows,
      workers: WORKERS[index],
      mpps: timing(own.map(({ mpps }) => mpps)),
      cpu: timingOf(own.map(({ cpu }) => cpu)),
      push: timing(own.map(({ push }) => push)),
    };
  };
  const pairs = samples as readonly (readonly [Sample, Sample])[];
  return {
    one: of(0),
    two: of(1),
    ratio: timing(pairs.map(([one, two]) => two.mpps / one.mpps)),
    cpuRatio: timingOf(pairs.map(([one, two]) => one.cpu && two.cpu && (2 * one.cpu) / two.cpu)),
  };
}

function timingOf(samples: readonly (number | undefined)[]): Timing | undefined {
  const known = samples.filter((each) => each !== undefined);
  return known.length === samples.length ? timing(known) : undefined;
}

interface Sample {
  readonly mpps: number;
  readonly cpu: number | undefined;
  readonly push: number;
}

interface Run {
  readonly pool: DataplanePool;
  round(): Promise<Sample>;
}

async function prepare(workers: number, flows: number): Promise<Run> {
  const pool = await createDataplanePool({
    workers,
    seed: 1,
    capacity: {
      batch: FRAMES,
      frame: FRAME,
      connections: workers * Math.max(65536, flows),
      connections6: 1,
      fragments: 1,
    },
  });
  await pool.apply(parseObjects(objects("ipv4")));
  const frames: Uint8Array[][] = [];
  for (const each of ownFlows(pool, flows)) frames.push(await open(pool, each));
  const fill = filler(frames, flows);
  return { pool, round: () => measureRound(pool, fill) };
}

type Fill = (batch: PoolBatch) => void;

/** In the order of their flows' visits, the workers by turns. */
function filler(frames: readonly (readonly Uint8Array[])[], flows: number): Fill {
  let step = 0;
  return (batch) => {
    batch.clear();
    for (let i = 0; i < FRAMES; i++, step++) {
      const visit = visited(step, flows);
      for (const each of frames) batch.push(each[visit] as Uint8Array);
    }
  };
}

async function measureRound({ batches, workers }: DataplanePool, fill: Fill): Promise<Sample> {
  const [first, second] = batches;
  const began = performance.now();
  for (const batch of batches) fill(batch);
  const push = performance.now() - began;
  await asleep();
  const before = cpuTime();
  const filled = performance.now();
  await Promise.all([first.process(0), second.process(0)]);
  const done = performance.now();
  await asleep();
  const cpu = cpuTime();
  for (const batch of batches) check(batch);
  const packets = 2 * FRAMES * workers;
  return {
    mpps: packets / (done - filled) / 1000,
    cpu: cpu === undefined || before === undefined ? undefined : (cpu - before) / packets,
    push: (push * 1e6) / packets,
  };
}

/** The workers have stopped looking for work: the kernel counts a thread's time when it leaves its core. */
function asleep(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 2));
}

const TASKS = "/proc/self/task";

/** Nanoseconds that threads other than the main one have had of cores: Documentation/scheduler/sched-stats. */
function cpuTime(): number | undefined {
  if (!existsSync(TASKS)) return undefined;
  const threads = readdirSync(TASKS).filter((thread) => Number(thread) !== process.pid);
  const times = threads.map((thread) => readFileSync(`${TASKS}/${thread}/schedstat`, "utf8"));
  return times.reduce((sum, text) => sum + Number(text.split(" ")[0]), 0);
}

/** The first flows of each worker. */
function ownFlows(pool: DataplanePool, count: number): Flow[][] {
  const own: Flow[][] = Array.from({ length: pool.workers }, () => []);
  for (let id = 0; own.some(({ length }) => length < count); id++) {
    const each = flow("ipv4", id);
    const flows = own[pool.shardOf(request(each, "S"))] as Flow[];
    if (flows.length < count) flows.push(each);
  }
  return own;
}

/** Opens flows of one worker by a handshake, and returns a frame of each. */
async function open({ batches: [batch] }: DataplanePool, flows: Flow[]): Promise<Uint8Array[]> {
  for (let from = 0; from < flows.length; from += FRAMES) {
    const part = flows.slice(from, from + FRAMES);
    const send = async (frames: readonly Uint8Array[], events = false) => {
      batch.clear();
      for (const frame of frames) batch.push(frame);
      await batch.process(0, { events });
    };
    await send(
      part.map((each) => request(each, "S")),
      true,
    );
    const endpoints = part.map((_, index) => parseEndpoint(batch.event(index).backend ?? ""));
    await send(part.map((each, index) => answer(each, endpoints[index] as never, "SA")));
    await send(part.map((each) => request(each, "A")));
  }
  return flows.map((each) => request(each, "A"));
}

/** A benchmark of packets that are dropped is none. */
function check(batch: PoolBatch): void {
  for (let index = 0; index < batch.length; index += 97) {
    if (batch.verdict(index) !== "PASS") {
      throw new Error(`packet ${index} was not passed but ${batch.verdict(index)}`);
    }
  }
}
