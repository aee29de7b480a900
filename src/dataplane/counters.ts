/** Totals since the dataplane was created. */
import type { Family, Proto } from "./entries.ts";
import type { Action, ConntrackState, Reason, Verdict } from "./event.ts";

/** What became of packets, connections and fragments. */
export interface Counters {
  readonly packets: number;
  /** As captured, before translation. */
  readonly bytes: number;
  readonly verdicts: Readonly<Record<Verdict, number>>;
  readonly actions: Readonly<Record<Action, number>>;
  readonly reasons: Readonly<Record<Reason, number>>;
  readonly conntrack: Readonly<Record<ConntrackState, number>>;
  readonly connections: {
    readonly created: number;
    /** Ended by their timeout. */
    readonly expired: number;
    /** Ended before it: reset while opening, tuple used again, deleted, flushed. */
    readonly closed: number;
    /** Ended to make room for new ones: never an established one for the sake of an unanswered one. */
    readonly evicted: number;
    /** There now, expired ones not yet swept included. */
    readonly ipv4: number;
    readonly ipv6: number;
  };
  /** Fragments that came before the one with the ports: those kept, let go, and given up. */
  readonly fragments: {
    readonly held: number;
    readonly released: number;
    readonly discarded: number;
  };
}

/** Packets and bytes of connections, as `ipvsadm --stats` has them: in to a backend, out again from it. */
export interface Traffic {
  /** First packets that became connections. */
  readonly connections: number;
  readonly inPackets: number;
  /** As captured, before translation. */
  readonly inBytes: number;
  readonly outPackets: number;
  readonly outBytes: number;
}

export const NO_TRAFFIC: Traffic = {
  connections: 0,
  inPackets: 0,
  inBytes: 0,
  outPackets: 0,
  outBytes: 0,
};

export function addTraffic(a: Traffic, b: Traffic): Traffic {
  return {
    connections: a.connections + b.connections,
    inPackets: a.inPackets + b.inPackets,
    inBytes: a.inBytes + b.inBytes,
    outPackets: a.outPackets + b.outPackets,
    outBytes: a.outBytes + b.outBytes,
  };
}

/** What a service port has seen since it came. */
export interface ServiceStatistics extends Traffic {
  /** "ns/name:port". */
  readonly service: string;
  readonly family: Family;
  readonly proto: Proto;
  /** First packets that were answered with a reject. */
  readonly rejected: number;
  /** First packets that were dropped: policy, source ranges, no room, no port. */
  readonly dropped: number;
  /** In the order of their names; those that only keep old connections included. */
  readonly backends: readonly BackendStatistics[];
}

/** What a backend of a service port has seen since it came. */
export interface BackendStatistics extends Traffic {
  /** "ip:port". */
  readonly backend: string;
  /** Connections now, expired ones not yet swept included. */
  readonly active: number;
}
