/** Counts what a replay did: flows, packets and bytes per service and backend, packets per verdict and reason. */
import type { Action, PacketEvent, Reason, Verdict } from "../dataplane/event.ts";
import { order } from "../order.ts";
import type { Packet } from "../pcap/capture.ts";
import type { Replayed } from "./replay.ts";

/** How much went by. */
export interface Amount {
  packets: number;
  /** On the wire. */
  bytes: number;
}

export interface BackendTally extends Amount {
  /** Null for packets of the service that no backend got. */
  readonly backend: string | null;
  /** New connections. */
  flows: number;
}

export interface ServiceTally extends Amount {
  readonly service: string;
  flows: number;
  /** Sorted as text, those without a backend last. */
  readonly backends: readonly BackendTally[];
}

export interface VerdictTally extends Amount {
  readonly verdict: Verdict;
  readonly action: Action;
  readonly reason: Reason | null;
  /** The program that has said so, and why in its own words; absent when none has. */
  readonly program?: string;
  readonly programReason?: string;
}

/** All that a replay took through the dataplane. */
export interface Summary extends Amount {
  /** Nanoseconds since 1970 of the earliest and the latest packet; null without packets. */
  readonly first: bigint | null;
  readonly last: bigint | null;
  readonly services: readonly ServiceTally[];
  /** Most packets first. */
  readonly verdicts: readonly VerdictTally[];
}

type Services = Map<string, Map<string | null, BackendTally>>;

export interface Tally {
  add(replayed: Replayed): void;
  /** A packet of the capture that came to no dataplane. */
  addUnplayed(captured: Packet): void;
  summary(): Summary;
}

export function createTally(): Tally {
  const total: Amount = { packets: 0, bytes: 0 };
  const services: Services = new Map();
  const verdicts = new Map<string, VerdictTally>();
  let first: bigint | null = null;
  let last: bigint | null = null;
  function addUnplayed({ time, wireLength }: Packet): void {
    count(total, wireLength);
    if (first === null || time < first) first = time;
    if (last === null || time > last) last = time;
  }
  return {
    addUnplayed,
    add({ captured, event, released }) {
      const { wireLength } = captured;
      addUnplayed(captured);
      count(verdictOf(verdicts, event), wireLength);
      countForService(services, event, wireLength);
      for (const each of released) countForService(services, each.event, each.packet.length);
    },
    summary: () => ({
      ...total,
      first,
      last,
      services: [...services].map(sumService).sort((a, b) => order(a.service, b.service)),
      verdicts: [...verdicts.values()].sort((a, b) => b.packets - a.packets),
    }),
  };
}

function count(amount: Amount, bytes: number): void {
  amount.packets++;
  amount.bytes += bytes;
}

/** A fragment that was held counts for its service when it leaves; before that nobody knew whose it was. */
function countForService(services: Services, event: PacketEvent, bytes: number): void {
  if (event.service === null) return;
  const backend = backendOf(services, event.service, event.backend);
  count(backend, bytes);
  if (event.action === "dnat" && event.conntrack === "new") backend.flows++;
}

function verdictOf(verdicts: Map<string, VerdictTally>, event: PacketEvent): VerdictTally {
  const { verdict, action, reason, program, programReason } = event;
  const key = `${verdict} ${action} ${reason} ${program ?? ""} ${programReason ?? ""}`;
  const known = verdicts.get(key);
  if (known) return known;
  const said = { ...(program && { program }), ...(programReason && { programReason }) };
  const fresh: VerdictTally = { verdict, action, reason, ...said, packets: 0, bytes: 0 };
  verdicts.set(key, fresh);
  return fresh;
}

function backendOf(services: Services, service: string, backend: string | null): BackendTally {
  const backends = services.get(service) ?? new Map<string | null, BackendTally>();
  services.set(service, backends);
  const known = backends.get(backend);
  if (known) return known;
  const fresh: BackendTally = { backend, flows: 0, packets: 0, bytes: 0 };
  backends.set(backend, fresh);
  return fresh;
}

function sumService([service, tallies]: [string, Map<string | null, BackendTally>]): ServiceTally {
  const backends = [...tallies.values()].sort((a, b) => orderBackends(a.backend, b.backend));
  const sum = { flows: 0, packets: 0, bytes: 0 };
  for (const { flows, packets, bytes } of backends) {
    sum.flows += flows;
    sum.packets += packets;
    sum.bytes += bytes;
  }
  return { service, ...sum, backends };
}

function orderBackends(a: string | null, b: string | null): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  return order(a, b);
}
