/** What the control plane takes for a large cluster: all objects at once, then one endpoint of them. */
import type { Scheduler } from "../../src/dataplane/entries.ts";
import { createDataplane, createObjectStore, parseObjects } from "../../src/index.ts";
import type { Row } from "../heats/contestant.ts";
import { type Timing, timing } from "../heats/sample.ts";
import { objects } from "../rows/cluster.ts";

/** Milliseconds. */
export interface Application {
  readonly scheduler: Scheduler;
  readonly services: number;
  /** Of each service. */
  readonly endpoints: number;
  /** Plain objects into an empty dataplane, parsing and checking included; undefined where not asked for. */
  readonly first: Timing | undefined;
  /** One endpoint comes or goes: update of the store, plan and maps. */
  readonly change: Timing;
}

type Size = Pick<Application, "scheduler" | "services" | "endpoints">;

const LARGE = { services: 10_000, endpoints: 10 };
/** Few Services, so that one that is large is seen alone. */
const WIDE = { services: 10, endpoints: 1000 };
const FIRSTS = 5;
const CHANGES = 200;

export async function applications(): Promise<readonly Application[]> {
  const results: Application[] = [];
  for (const scheduler of ["random", "maglev"] as const) {
    const large: Size = { scheduler, ...LARGE };
    const wide: Size = { scheduler, ...WIDE };
    results.push({ ...large, first: await first(large), change: await change(large) });
    results.push({ ...wide, first: undefined, change: await change(wide) });
  }
  return results;
}

async function first(size: Size): Promise<Timing> {
  const times: number[] = [];
  for (let i = 0; i < FIRSTS; i++) {
    const items = objects(rowOf(size));
    const dataplane = await dataplaneFor(size);
    times.push(timed(() => void dataplane.apply(parseObjects(items))));
  }
  return timing(times);
}

async function change(size: Size): Promise<Timing> {
  const more = objects(rowOf({ ...size, endpoints: size.endpoints + 1 })).filter(isSlice);
  const items = objects(rowOf(size));
  const fewer = items.filter(isSlice);
  const dataplane = await dataplaneFor(size);
  const store = createObjectStore(items);
  dataplane.apply(store);
  const times = Array.from({ length: CHANGES }, (_, turn) => {
    const slices = turn % 2 === 0 ? more : fewer;
    const slice = slices[(turn >>> 1) % slices.length];
    return timed(() => {
      store.update(slice);
      dataplane.apply(store);
    });
  });
  return timing(times);
}

function isSlice(object: unknown): boolean {
  return (object as { kind: string }).kind === "EndpointSlice";
}

function timed(work: () => void): number {
  const start = performance.now();
  work();
  return performance.now() - start;
}

function rowOf({ services, endpoints }: Pick<Size, "services" | "endpoints">): Row {
  return {
    name: "apply",
    family: "ipv4",
    flows: 1,
    kind: "new",
    proto: "tcp",
    popularity: "uniform",
    services,
    dialled: 1,
    endpoints,
    batch: 1,
    payload: 0,
    masquerade: false,
    windows: true,
  };
}

function dataplaneFor({ scheduler, services, endpoints }: Size) {
  const backends = services * (endpoints + 2);
  const slots = scheduler === "maglev" ? 2 ** 24 : backends * 2;
  return createDataplane({
    node: "bench",
    scheduler,
    capacity: { services, frontends: services, backends, slots, connections: 1, connections6: 1 },
  });
}
