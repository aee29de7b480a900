/** Packets and bytes, by the backend they go to or come from, and first packets that were refused. */
import type { Traffic as Row } from "../dataplane/counters.ts";
import type { EngineTraffic } from "../dataplane/engine.ts";
import type { Store, TrackedDirection } from "./store.ts";

type Counted<Numbers> = { -readonly [Name in keyof Numbers]: number };
type Refusals = ReturnType<EngineTraffic["service"]>;

/** Rows by number; one that is not there is all zero. */
export interface Traffic {
  readonly backends: Map<number, Counted<Row>>;
  readonly services: Map<number, Counted<Refusals>>;
}

export function createTraffic(): Traffic {
  return { backends: new Map(), services: new Map() };
}

function emptyRow(): Counted<Row> {
  return { connections: 0, inPackets: 0, inBytes: 0, outPackets: 0, outBytes: 0 };
}

/** A connection that a service has let in. */
export function begin({ traffic }: Store, backend: number): void {
  rowOf(traffic, backend).connections++;
}

/** A packet of `bytes` bytes as captured, which leaves translated. */
export function carry({ traffic }: Store, entry: TrackedDirection, bytes: number): void {
  const { backend, direct } = entry.connection;
  if (direct) return;
  const row = rowOf(traffic, backend);
  const inward = entry.direction === "orig";
  row[inward ? "inPackets" : "outPackets"]++;
  row[inward ? "inBytes" : "outBytes"] += bytes;
}

/** A first packet that a service has not let in. */
export function refuse({ traffic }: Store, service: number, kind: keyof Refusals): void {
  const row = traffic.services.get(service) ?? { rejected: 0, dropped: 0 };
  row[kind]++;
  traffic.services.set(service, row);
}

/** The number is another backend's from now on. */
export function forget({ traffic }: Store, backend: number): void {
  traffic.backends.delete(backend);
}

export function describe({ traffic }: Store): EngineTraffic {
  return {
    backend: (number) => ({ ...(traffic.backends.get(number) ?? emptyRow()) }),
    service: (number) => ({ ...(traffic.services.get(number) ?? { rejected: 0, dropped: 0 }) }),
  };
}

function rowOf({ backends }: Traffic, backend: number): Counted<Row> {
  const row = backends.get(backend) ?? emptyRow();
  backends.set(backend, row);
  return row;
}
