/**
 * Maps, programs and hooks of one dataplane, put together over its engine's runtime. The runtime is left asleep
 * until somebody makes the first map, loads the first program or changes a chain: most dataplanes never do.
 */
import { sysctlsOf } from "./control/sysctls.ts";
import type { DataplaneOptions } from "./dataplane/dataplane.ts";
import type { Engine } from "./dataplane/engine.ts";
import { DataplaneError } from "./dataplane/error.ts";
import type { Programming } from "./dataplane/programming.ts";
import type { Runtime } from "./dataplane/runtime.ts";
import { optionalOf, placeOf, wholeOf } from "./dataplane/snapshot/damage.ts";
import type { Hooks } from "./hook/hook.ts";
import { createHooks } from "./hook/hooks.ts";
import { packMaps, unpackMaps } from "./maps/keeping.ts";
import { createMapRegistry, type MapRuntime, type ProgramPlaces } from "./maps/registry.ts";
import type { ProgramInfo, Programs } from "./program/loaded.ts";
import { createPrograms, type ProgramDesk } from "./program/programs.ts";

type Host = Pick<Engine, "capacity" | "maps" | "runtime">;

export function createProgramming(
  engine: Host,
  { sysctls }: Pick<DataplaneOptions, "sysctls">,
): Programming {
  const { cpus } = engine.capacity;
  const sleeper = createSleeper(engine);
  const { wake, latest } = sleeper;
  const serviceMaps = Object.keys(engine.maps);
  const places: ProgramPlaces = {
    placeOf: (program) => programs.placeOf(program),
    programAt: (place) => programs.programAt(place),
  };
  const maps = createMapRegistry(mapRuntimeOf(engine, wake), places, serviceMaps);
  const programs: ProgramDesk = createPrograms({ runtime: wake, maps, serviceMaps, latest });
  const clock = sysctlsOf(sysctls).bpfStats ? () => performance.now() * 1e6 : undefined;
  const desk = createHooks({ residents: programs, runtime: wake, latest, clock });
  return {
    maps,
    programs: programs.programs,
    hooks: desk.hooks,
    names: { link: desk.nameOf, reason: (number) => programs.reasonOf(number) },
    begin: sleeper.begin,
    settle() {
      if (!sleeper.isAwake()) return;
      desk.settle();
      maps.notify();
    },
    blame: (error) => (desk.hooks.active ? wrecked(programs, desk.hooks, error) : error),
    ...createKeeping({ maps, cpus, sleeper, programs: programs.programs, hooks: desk.hooks }),
  };
}

interface Kept {
  readonly maps: ReturnType<typeof createMapRegistry>;
  readonly cpus: number;
  readonly sleeper: Sleeper;
  readonly programs: Programs;
  readonly hooks: Hooks;
}

/** Of a snapshot's maps, programs and links the maps alone come back: who has the programs loads them again. */
function createKeeping(kept: Kept): Pick<Programming, "save" | "load"> {
  const { maps, cpus, sleeper, programs, hooks } = kept;
  return {
    save: () => ({
      maps: packMaps(maps, cpus),
      programs: programs.list(),
      links: [hooks.ingress, hooks.egress].flatMap((hook) => hook.list()),
      random: sleeper.isAwake() ? sleeper.wake().random >>> 0 : null,
    }),
    load(saved) {
      demandNothing(maps.list().length, programs.list());
      const random = optionalOf(placeOf(saved, "random"), wholeOf);
      unpackMaps(maps, cpus, placeOf(saved, "maps"));
      if (random !== undefined) sleeper.wake().random = random;
    },
  };
}

/** Programs hold addresses of maps: what is there cannot be taken from under them. */
function demandNothing(maps: number, programs: readonly ProgramInfo[]): void {
  if (maps === 0 && programs.every(({ builtin }) => builtin)) return;
  throw new DataplaneError(
    "in-use",
    "there are maps or programs of one's own: restore before they are made, or close and unload them",
  );
}

type Sleeper = ReturnType<typeof createSleeper>;

/** An engine's runtime, told the time whether it is awake already or wakes later. */
function createSleeper(engine: Pick<Engine, "runtime">) {
  let runtime: Runtime | undefined;
  let moment = { now: 0, nanoseconds: 0, cpu: 0 };
  return {
    isAwake: () => runtime !== undefined,
    /** Milliseconds of the dataplane's clock. */
    latest: () => moment.now,
    wake(): Runtime {
      if (runtime === undefined) {
        runtime = engine.runtime;
        runtime.begin(moment.nanoseconds, moment.cpu);
      }
      return runtime;
    },
    begin(now: number, nanoseconds: number, cpu: number): void {
      moment = { now, nanoseconds, cpu };
      runtime?.begin(nanoseconds, cpu);
    },
  };
}

function mapRuntimeOf({ capacity }: Pick<Engine, "capacity">, wake: () => Runtime): MapRuntime {
  return {
    cpus: capacity.cpus,
    get arena() {
      return wake().arena;
    },
    createMap: (shape) => wake().createMap(shape),
  };
}

/** A trap outside of programs: one of them has written where it may only read. */
function wrecked(
  programs: Pick<ProgramDesk, "rewind">,
  { ingress, egress }: Hooks,
  cause: unknown,
): DataplaneError {
  // The engine may have come to grief over a trap, before it could tell of it.
  programs.rewind();
  const links = [...ingress.list(), ...egress.list()].filter(({ builtin }) => !builtin);
  const names = links.map(({ name }) => name).join(", ");
  return new DataplaneError(
    "wrecked-context",
    `the packets of this call are lost, a batch is empty (${(cause as Error).message}): a program has written over its context ` +
      `(data, length, dataend or slot), which only adjust_head and adjust_tail may change, or over memory of the dataplane; attached: ${names}`,
  );
}
