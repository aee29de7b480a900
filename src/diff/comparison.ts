/** Whether two sides hold the same entries: what has the same entries needs no packet to be compared. */
import { sameData } from "../control/equality.ts";
import { RINGS, type RingName } from "../dataplane/entries.ts";
import type { Frontend, View } from "./view.ts";

/** What holds for every frontend is the same on both sides. */
export function sameNode(old: View, next: View): boolean {
  return (
    sameData(old.podRanges, next.podRanges) &&
    old.localhostNodePorts === next.localhostNodePorts &&
    old.addresses.size === next.addresses.size &&
    [...old.addresses].every(([text, nodePorts]) => next.addresses.get(text) === nodePorts)
  );
}

/** Says of two frontends whether they lead everybody to the same endpoints in the same way. */
export function createComparison(old: View, next: View): (a: Frontend, b: Frontend) => boolean {
  const known = new Map<string, boolean>();
  const sameMembers = (a: number, b: number): boolean => {
    const key = `${a} ${b}`;
    const same = known.get(key) ?? RINGS.every((ring) => isEqual(a, b, ring));
    known.set(key, same);
    return same;
  };
  const isEqual = (a: number, b: number, ring: RingName) =>
    sameData(old.members(a, ring), next.members(b, ring));
  return ({ service: a }, { service: b }) =>
    a.frontend === b.frontend &&
    a.affinity === b.affinity &&
    sameData(a.sourceRanges, b.sourceRanges) &&
    sameData(a.routes, b.routes) &&
    sameMembers(a.service, b.service);
}
