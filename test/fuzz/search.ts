/** Episode after episode, until there were packets enough or something was wrong. */
import type { Case, Group, Setup } from "./corpus.ts";
import {
  BATCHES,
  check,
  createEngines,
  createSource,
  type Engines,
  finish,
  type Kind,
  pass,
  setupOf,
} from "./episode.ts";
import { reduce } from "./reduction.ts";

export interface Wanted {
  /** The first episode's number. */
  readonly seed: number;
  readonly packets: number;
  /** One of so many episodes goes through the model as well. */
  readonly lockstep: number;
}

export interface Progress {
  readonly packets: number;
  readonly episode: number;
  readonly batch: number;
}

export interface Found extends Progress {
  /** Undefined when nothing was wrong. */
  readonly failure?: { readonly message: string; readonly case: Case };
}

/** One of so many runs the assertions of the debug build. */
const CHECKED = 8;
const EPISODES = 2 ** 32;

/** Which engines an episode is played by, in either kind of cluster: `setupOf` goes by even and odd. */
export function kindOf(number: number, lockstep: number): Kind {
  const half = Math.floor(number / 2);
  return { checked: half % CHECKED === 1, lockstep: half % lockstep === 0 };
}

/** `proceed` is asked before each batch, and ends the search by false. */
export async function search(
  { seed, packets, lockstep }: Wanted,
  proceed: (progress: Progress) => boolean,
): Promise<Found> {
  let done = 0;
  for (let count = 0; done < packets; count++) {
    const number = (seed + count) % EPISODES;
    const kind = kindOf(number, lockstep);
    const setup = setupOf(number);
    const engines = await createEngines(setup, kind);
    const groups: Group[] = [];
    try {
      for (const group of play(number, engines, groups)) {
        const progress = { packets: done, episode: number, batch: groups.length };
        if (!proceed(progress)) return progress;
        done += group.packets.length;
        if (done >= packets) break;
      }
      finish(engines);
    } catch (error) {
      const failure = await describe(setup, groups, kind, error as Error);
      return { packets: done, episode: number, batch: groups.length, failure };
    }
  }
  return { packets: done, episode: (seed + BATCHES) % EPISODES, batch: 0 };
}

/** Yields each group before it is passed, and keeps it. */
function* play(number: number, engines: Engines, groups: Group[]): Generator<Group> {
  const source = createSource(number, engines);
  let now = 0;
  for (let batch = 0; batch < BATCHES; batch++) {
    const group = source.next();
    groups.push(group);
    yield group;
    now += group.waited;
    source.heed(group.packets, pass(engines, group, now));
  }
}

async function describe(setup: Setup, groups: readonly Group[], kind: Kind, error: Error) {
  const failing: Case = { ...setup, groups };
  const reduced = await reduce(failing, (one) => check(one, kind), error);
  return { message: `${error.name}: ${error.message}`, case: reduced };
}

/** The packets of an episode up to a batch that did not come to its end; the batch itself is not run. */
export async function collect(number: number, batches: number, kind: Kind): Promise<Case> {
  const setup = setupOf(number);
  const engines = await createEngines(setup, kind);
  const groups: Group[] = [];
  for (const _ of play(number, engines, groups)) if (groups.length >= batches) break;
  return { ...setup, groups };
}
