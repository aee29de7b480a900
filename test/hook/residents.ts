/** Programs that are none, and an engine that notes what it is handed: all that hooks need of the world. */
import type { Chains, LinkTally, Runtime } from "../../src/dataplane/runtime.ts";
import { createHooks, type HookDesk } from "../../src/hook/hooks.ts";
import type { LoadedProgram } from "../../src/program/loaded.ts";
import type { Resident, Residents } from "../../src/program/resident.ts";

export interface Stage extends HookDesk {
  readonly residents: Residents & { make(name: string, form?: Resident["form"]): LoadedProgram };
  /** What the engine was handed, in its order. */
  readonly installed: Chains[];
  /** What the engine says a link has done. */
  readonly tallies: Map<number, LinkTally>;
  /** The next `install` throws this. */
  fail: Error | undefined;
  now: number;
  /** How often programs were put back. */
  rewound: number;
}

export function stage(clock?: () => number): Stage {
  const residents = createResidents(() => made.rewound++);
  const installed: Chains[] = [];
  const tallies = new Map<number, LinkTally>();
  const runtime: Pick<Runtime, "install" | "tally"> = {
    install(chains) {
      if (made.fail) throw made.fail;
      installed.push(chains);
    },
    tally: (link) => tallies.get(link) ?? tally(0),
  };
  const state = { fail: undefined, now: 0, rewound: 0 };
  const desk = createHooks({
    residents,
    runtime: () => runtime,
    latest: () => state.now,
    clock,
  });
  const made: Stage = Object.assign(state, desk, { residents, installed, tallies });
  return made;
}

export function tally(runs: number, runTime = 0): LinkTally {
  const verdicts = { ABORTED: 0, DROP: 0, PASS: 0, TX: 0, REDIRECT: 0, NEXT: runs };
  return { runs, runTime, verdicts };
}

function createResidents(rewind: () => void): Stage["residents"] {
  const residents = new Map<unknown, Resident>();
  const add = (fields: Pick<Resident, "name" | "form" | "builtin">) => {
    const id = residents.size + 1;
    const resident: Resident = {
      ...fields,
      id,
      tag: `tag-${id}`,
      entry: fields.builtin ? 0 : 100 + id,
      links: new Map(),
      loaded: true,
    };
    const unload = () => {
      resident.loaded = false;
    };
    const program = { id, name: fields.name, program: undefined, unload } as LoadedProgram;
    residents.set(program, resident);
    return program;
  };
  return {
    residentOf: (program) => residents.get(program),
    rewind,
    serviceNat: add({ name: "service-nat", form: "batch", builtin: true }),
    make: (name, form = "packet") => add({ name, form, builtin: false }),
  };
}
