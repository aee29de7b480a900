/**
 * The Wasm engine with programs in the way of its packets. All of one row share a dataplane, whose chains change
 * with the turns: what a program adds is a few nanoseconds, less than what two dataplanes differ in by where their
 * memory happens to lie.
 */
import type { Dataplane } from "../../src/dataplane/dataplane.ts";
import type { AttachOptions, HookName, Link } from "../../src/hook/hook.ts";
import { createDataplane, Program, ProgramError } from "../../src/index.ts";
import type { LoadedProgram } from "../../src/program/loaded.ts";
import type { Absent, Contestant, Run, Work } from "../heats/contestant.ts";
import {
  LOAD_NAMES,
  type LoadName,
  laneName,
  NO_PROGRAM,
  PLACE_NAMES,
  type PlaceName,
} from "../heats/programs.ts";
import { NETWORK_COUNTER, NO_OP, NO_OP_BATCH, PORT_COUNTER, STEP } from "../programs/sources.ts";
import { createRun } from "./arena.ts";
import { dataplaneArena } from "./engines.ts";
import { callByCall } from "./take.ts";

/** Of each round: more than of other engines, because the differences are small. */
const BATCHES = 64;
const TEN = 10;
const NETWORKS = 1000;

/** A program, how many times it is attached, and what its maps have to hold. */
interface Load {
  readonly source: string;
  readonly times: number;
  fill?(program: LoadedProgram): void;
}

const LOADS: Readonly<Record<LoadName, Load>> = {
  "one no-op": { source: NO_OP, times: 1 },
  "one no-op, batch form": { source: NO_OP_BATCH, times: 1 },
  "ten no-ops": { source: NO_OP, times: TEN },
  "ten no-ops, batch form": { source: NO_OP_BATCH, times: TEN },
  "counter by port, array": { source: PORT_COUNTER, times: 1 },
  "counter by network, LPM": { source: NETWORK_COUNTER, times: 1, fill: fillNetworks },
};

const PLACES: Readonly<Record<PlaceName, { readonly hook: HookName; readonly at: AttachOptions }>> =
  {
    "before service NAT": { hook: "ingress", at: { before: "service-nat" } },
    "after service NAT": { hook: "ingress", at: { after: "service-nat" } },
    "on egress": { hook: "egress", at: {} },
  };

/** Prefixes of 12 to 24 bits within 10.0.0.0/8, which all addresses of the rows are in. */
function fillNetworks(program: LoadedProgram): void {
  const networks = program.map<string, { packets: bigint }>("networks");
  networks.update("10.0.0.0/8", { packets: 0n });
  for (let i = 1; networks.length < NETWORKS; i++) {
    const bits = 12 + (i % 13);
    const address = ((Math.imul(i, STEP) >>> 8) & (-1 << (32 - bits))) >>> 0;
    const [b, c, d] = [16, 8, 0].map((shift) => (address >>> shift) & 0xff);
    networks.update(`10.${b}.${c}.${d}/${bits}`, { packets: 0n });
  }
}

/** Those of `wanted`; absent when there is no compiler. */
export async function createPrograms(
  wanted: ReadonlySet<string>,
): Promise<readonly (Contestant | Absent)[]> {
  const chosen = LOAD_NAMES.filter((load) =>
    PLACE_NAMES.some((place) => wanted.has(laneName(load, place))),
  );
  if (chosen.length === 0) return [];
  try {
    const programs = await compileAll(chosen);
    return contestants(programs).filter(({ name }) => wanted.has(name));
  } catch (error) {
    if (!(error instanceof ProgramError) || error.code !== "no-compiler") throw error;
    return [{ name: "programs", reason: error.message }];
  }
}

async function compileAll(names: readonly LoadName[]): Promise<ReadonlyMap<LoadName, Program>> {
  const programs = new Map<LoadName, Program>();
  for (const name of names) {
    programs.set(name, await Program.compile(LOADS[name].source, { name: "measured" }));
  }
  return programs;
}

function contestants(programs: ReadonlyMap<LoadName, Program>): readonly Contestant[] {
  const hosts = new WeakMap<Work, Promise<Host>>();
  const hostOf = (work: Work): Promise<Host> => {
    const host = hosts.get(work) ?? createHost(work);
    hosts.set(work, host);
    return host;
  };
  const contestant = (name: string, prepare: Contestant["prepare"]): Contestant => {
    return { name, batches: BATCHES, prepare, close: async () => {} };
  };
  return [
    contestant(NO_PROGRAM, async (work) => runWith(await hostOf(work), work, () => [])),
    ...[...programs].flatMap(([load, program]) =>
      PLACE_NAMES.map((place) =>
        contestant(laneName(load, place), async (work) => {
          const host = await hostOf(work);
          const loaded = await host.load(load, program);
          return runWith(host, work, () => attach(host.dataplane, loaded, place));
        }),
      ),
    ),
  ];
}

/** A dataplane at work on a row, for all who compete on it. */
interface Host {
  readonly dataplane: Dataplane;
  readonly run: Run;
  load(name: LoadName, program: Program): Promise<readonly LoadedProgram[]>;
}

async function createHost(work: Work): Promise<Host> {
  const dataplane = await createDataplane(work.options);
  const arena = dataplaneArena(dataplane, work);
  const run = await createRun(work, async () => arena, callByCall(work.row.batch));
  const loads = new Map<LoadName, Promise<readonly LoadedProgram[]>>();
  return {
    dataplane,
    run,
    load(name, program) {
      const loaded = loads.get(name) ?? loadAll(dataplane, name, program);
      loads.set(name, loaded);
      return loaded;
    },
  };
}

/** Each time a module of its own, as ten programs are. */
async function loadAll(
  dataplane: Dataplane,
  name: LoadName,
  program: Program,
): Promise<readonly LoadedProgram[]> {
  const { times, fill } = LOADS[name];
  const loaded: LoadedProgram[] = [];
  for (let i = 0; i < times; i++) {
    const unique = `${program.name}-${dataplane.programs.list().length}`;
    loaded.push(await dataplane.programs.load(program, { name: unique }));
  }
  for (const each of loaded) fill?.(each);
  return loaded;
}

function attach(
  { hooks }: Dataplane,
  programs: readonly LoadedProgram[],
  place: PlaceName,
): readonly Link[] {
  const { hook, at } = PLACES[place];
  return programs.map((program) => hooks[hook].attach(program, at));
}

function runWith({ run }: Host, { row }: Work, install: () => readonly Link[]): Run {
  /** Works with the programs attached, and sees to it that they had all packets. */
  async function attached(batches: number, work: () => Promise<readonly number[]>) {
    const links = install();
    try {
      const times = await work();
      demandAll(links, batches * row.batch);
      return times;
    } finally {
      for (const link of links) link.detach();
    }
  }
  return {
    time: (batches) =>
      attached(batches, async () => {
        // What has just been attached is in no cache yet.
        await run.time(1);
        return run.time(batches);
      }),
    /** Each takes the conversation on from where the last one left it, so that no two show the same packets. */
    async check() {
      await attached(1, () => run.time(1));
      return null;
    },
    close: () => run.close(),
  };
}

/** A program that is not called costs nothing. */
function demandAll(links: readonly Link[], packets: number): void {
  for (const link of links) {
    const { runCount, traps } = link.info();
    if (runCount >= packets && traps === 0) continue;
    throw new Error(`${link.name} ran for ${runCount} of ${packets} packets, with ${traps} traps`);
  }
}
