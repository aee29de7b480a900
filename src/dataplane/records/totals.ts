/** What the Wasm packet path has counted, out of its memory and into it. */
import * as layout from "../../../abi/layout.ts";
import type { Counters, Traffic } from "../counters.ts";
import type { EngineTraffic } from "../engine.ts";
import { ACTIONS, CONNTRACKS, REASONS, VERDICTS } from "../event.ts";
import { type Access, rowAt } from "../maps/access.ts";
import type { EngineState, Refusals } from "../snapshot/state.ts";

type Write = (at: number, value: number) => void;

function writerOf({ memory }: Access): Write {
  return (at, value) => memory.view.setBigUint64(at, BigInt(value), true);
}

export function writeCounters(access: Access, counters: Counters): void {
  const base = access.exports.counters() >>> 0;
  const write = writerOf(access);
  const row = (at: number, names: readonly (string | null)[], totals: object) =>
    names.forEach((name, index) => {
      if (name !== null) write(base + at + 8 * index, totals[name as keyof typeof totals]);
    });
  access.memory.bytes.fill(0, base, base + layout.COUNTERS_SIZE);
  row(layout.COUNTER_VERDICTS, VERDICTS, counters.verdicts);
  row(layout.COUNTER_ACTIONS, ACTIONS, counters.actions);
  row(layout.COUNTER_REASONS, REASONS, counters.reasons);
  row(layout.COUNTER_CONNTRACK, CONNTRACKS, counters.conntrack);
  const { connections, fragments } = counters;
  write(base + layout.COUNTER_BYTES, counters.bytes);
  write(base + layout.COUNTER_CREATED, connections.created);
  write(base + layout.COUNTER_EXPIRED, connections.expired);
  write(base + layout.COUNTER_CLOSED, connections.closed);
  write(base + layout.COUNTER_EVICTED, connections.evicted);
  write(base + layout.COUNTER_FRAGMENTS_HELD, fragments.held);
  write(base + layout.COUNTER_FRAGMENTS_RELEASED, fragments.released);
  write(base + layout.COUNTER_FRAGMENTS_DISCARDED, fragments.discarded);
}

/** Rows that are not all zero. */
export function readTraffic(
  access: Access,
  traffic: EngineTraffic,
): Pick<EngineState, "backends" | "services"> {
  const backends = countedRows(access, layout.MAP_TRAFFIC, layout.TRAFFIC_SIZE);
  const services = countedRows(access, layout.MAP_SERVICE_TRAFFIC, layout.SERVICE_TRAFFIC_SIZE);
  return {
    backends: backends.map((number) => [number, traffic.backend(number)] as const),
    services: services.map((number) => [number, traffic.service(number)] as const),
  };
}

/** Row 0 is nobody's. */
function countedRows(access: Access, map: number, size: number): number[] {
  const length = access.exports.capacity(map);
  const words = new Uint32Array(
    access.memory.bytes.buffer,
    rowAt(access, map, 0),
    (length * size) / 4,
  );
  const counted: number[] = [];
  for (let row = 1; row < length; row++)
    for (let at = (row * size) / 4, end = at + size / 4; at < end; at++)
      if (words[at] !== 0) {
        counted.push(row);
        break;
      }
  return counted;
}

/** Rows that are not told are zero afterwards. */
export function writeTraffic(access: Access, { backends, services }: EngineState): void {
  clearRows(access, layout.MAP_TRAFFIC, layout.TRAFFIC_SIZE);
  clearRows(access, layout.MAP_SERVICE_TRAFFIC, layout.SERVICE_TRAFFIC_SIZE);
  const write = writerOf(access);
  for (const [number, traffic] of backends)
    writeBackend(write, rowAt(access, layout.MAP_TRAFFIC, number), traffic);
  for (const [number, refusals] of services)
    writeService(write, rowAt(access, layout.MAP_SERVICE_TRAFFIC, number), refusals);
}

/** Rows of an array map stand one behind the other. */
function clearRows(access: Access, map: number, size: number): void {
  const first = rowAt(access, map, 0);
  access.memory.bytes.fill(0, first, first + access.exports.capacity(map) * size);
}

function writeBackend(write: Write, at: number, traffic: Traffic): void {
  write(at + layout.TRAFFIC_CONNECTIONS, traffic.connections);
  write(at + layout.TRAFFIC_IN_PACKETS, traffic.inPackets);
  write(at + layout.TRAFFIC_IN_BYTES, traffic.inBytes);
  write(at + layout.TRAFFIC_OUT_PACKETS, traffic.outPackets);
  write(at + layout.TRAFFIC_OUT_BYTES, traffic.outBytes);
}

function writeService(write: Write, at: number, { rejected, dropped }: Refusals): void {
  write(at + layout.SERVICE_TRAFFIC_REJECTED, rejected);
  write(at + layout.SERVICE_TRAFFIC_DROPPED, dropped);
}
