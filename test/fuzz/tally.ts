/** What a search has met. */
import type { Dataplane } from "../../src/dataplane/dataplane.ts";
import type { Connection, Tuple } from "../../src/dataplane/entries.ts";
import { count, type Met } from "./met.ts";

export interface Tally {
  packets: number;
  clusters: number;
  connections: number;
  /** "reason invalid", "state SYN_SENT" and so on. */
  readonly met: Met;
}

export function createTally(): Tally {
  return { packets: 0, clusters: 0, connections: 0, met: new Map() };
}

/** Notes the states that connections are in now; they do not stay in them. */
export function noteStates({ met }: Tally, { maps }: Dataplane): void {
  for (const [orig, connection] of maps.conntrack.entries()) {
    count(met, `state ${connection.state}`);
    count(met, `timer ${connection.timer}`);
    count(met, `way ${wayOf(orig, connection)}`);
  }
  for (const [, { backends }] of maps.affinity.entries()) count(met, `affinity ${backends.length}`);
}

export const WAYS = [
  "translated",
  "masqueraded",
  "hairpin",
  "direct",
  "direct, other port",
] as const;

function wayOf(orig: Tuple, { reply, backend, masquerade }: Connection): (typeof WAYS)[number] {
  if (backend === 0) return reply.dport === orig.sport ? "direct" : "direct, other port";
  if (reply.saddr === orig.saddr) return "hairpin";
  return masquerade ? "masqueraded" : "translated";
}

/** Notes what a dataplane has counted in its life. */
export function noteCounters(tally: Tally, { counters }: Dataplane): void {
  const { packets, reasons, actions, conntrack, connections, fragments } = counters();
  tally.packets += packets;
  tally.connections += connections.created;
  const kinds = { reason: reasons, action: actions, conntrack, connections, fragments };
  for (const [kind, counts] of Object.entries(kinds)) {
    for (const [name, times] of Object.entries(counts)) {
      count(tally.met, `${kind} ${name}`, Number(times));
    }
  }
}
