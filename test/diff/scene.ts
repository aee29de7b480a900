/** Two states of one small node, and what diff says of them. */
import { type ObjectSet, parseObjects } from "../../src/control/kubernetes.ts";
import type { DataplaneOptions } from "../../src/dataplane/dataplane.ts";
import { capacityFor } from "../../src/diff/capacity.ts";
import { detectionOf } from "../../src/diff/detection.ts";
import { orderDials } from "../../src/diff/dials.ts";
import { type Compared, createDiff, createSides, type Sides } from "../../src/diff/diff.ts";
import { createDataplane, createModel, type Dataplane } from "../../src/index.ts";
import { NODE } from "../control/objects.ts";

export type Create = (options: DataplaneOptions) => Promise<Dataplane>;

export const engines = [
  { engine: "wasm", create: createDataplane },
  { engine: "model", create: createModel },
] as const;

export async function sidesOf(
  create: Create,
  old: readonly unknown[],
  next: readonly unknown[],
  options: DataplaneOptions = {},
): Promise<Sides> {
  const [before, after] = [parseObjects(old), parseObjects(next)];
  return createSides(
    await applied(create, before, options),
    await applied(create, after, options),
    detectionOf(before, after),
  );
}

async function applied(
  create: Create,
  objects: ObjectSet,
  options: DataplaneOptions,
): Promise<Dataplane> {
  const capacity = capacityFor(objects, options.network);
  const dataplane = await create({ node: NODE, capacity, scheduler: "random", ...options });
  dataplane.apply(objects);
  return dataplane;
}

export async function compared(
  create: Create,
  old: readonly unknown[],
  next: readonly unknown[],
  options: DataplaneOptions = {},
): Promise<Compared[]> {
  const all = [...createDiff(await sidesOf(create, old, next, options)).compare()];
  return all.sort((a, b) => orderDials(a.dial, b.dial));
}

/** "10.96.0.10:80/tcp pods: endpoints", a line per flow that changes. */
export function lines(all: readonly Compared[]): string[] {
  return all.flatMap(({ dial, differences }) =>
    differences.map(
      ({ source, changes }) =>
        `${dial.daddr}:${dial.dport}/${dial.proto} ${source.label}: ${changes.join(" ")}`,
    ),
  );
}
