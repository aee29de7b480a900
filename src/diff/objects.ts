/** Object sets: laid over each other, counted. */
import type { Manifest, ObjectSet } from "../control/kubernetes.ts";

/** `base` with what `top` holds in place of objects of the same kind, namespace and name. */
export function overlay(base: ObjectSet, top: ObjectSet): ObjectSet {
  const skipped = new Map(base.skipped);
  for (const [kind, count] of top.skipped) skipped.set(kind, (skipped.get(kind) ?? 0) + count);
  return {
    services: replace(base.services, top.services),
    endpointSlices: replace(base.endpointSlices, top.endpointSlices),
    nodes: replace(base.nodes, top.nodes),
    config: top.config ?? base.config,
    skipped,
  };
}

function replace<T>(
  base: readonly Manifest<T>[],
  top: readonly Manifest<T>[],
): readonly Manifest<T>[] {
  const keyOf = ({ namespace, name }: Manifest<T>) => `${namespace}/${name}`;
  const replaced = new Set(top.map(keyOf));
  return [...base.filter((object) => !replaced.has(keyOf(object))), ...top];
}

/** How many objects it holds that matter to a dataplane. */
export function countObjects({ services, endpointSlices, nodes, config }: ObjectSet): number {
  return services.length + endpointSlices.length + nodes.length + (config ? 1 : 0);
}
