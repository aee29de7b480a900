/** What backends give up that take no connections any more. */
import type { Retirement } from "../dataplane/engine.ts";
import type { Allotment, NumberedBackend } from "./allotment.ts";
import type { Changed } from "./draft.ts";
import { sameData } from "./equality.ts";

/**
 * `draining` are the service ports with backends in no ring once the change is made; `clients` the backends that have
 * just left their rings: xt_recent's list of an endpoint goes with its rules.
 */
export function retirementOf(
  before: ReadonlyMap<string, Allotment>,
  changed: Changed,
  draining: () => Iterable<Allotment>,
  clients: readonly number[],
): Retirement {
  return { udp: concernsUdp(before, changed) ? staleBackends(draining()) : [], clients };
}

/** kube-proxy looks through conntrack after a sync in which the endpoints of a UDP service port have changed. */
function concernsUdp(before: ReadonlyMap<string, Allotment>, changed: Changed): boolean {
  for (const [key, allotment] of changed) {
    const desired = allotment?.desired;
    if (desired?.proto === "udp" && !sameData(before.get(key)?.desired, desired)) return true;
  }
  return false;
}

/**
 * Backends whose address is not among the serving ones of their service port; ready or not, and by whatever policy,
 * does not matter. A service port that nobody serves keeps its flows: pkg/proxy/conntrack/cleanup.go.
 */
function staleBackends(allotments: Iterable<Allotment>): number[] {
  const stale: number[] = [];
  for (const { desired, backends, draining } of allotments) {
    if (desired?.proto !== "udp" || desired.serving.length === 0) continue;
    const serving = new Set(desired.serving);
    for (const name of draining) {
      const { number, value } = backends.get(name) as NumberedBackend;
      if (!serving.has(value.address)) stale.push(number);
    }
  }
  return stale;
}
