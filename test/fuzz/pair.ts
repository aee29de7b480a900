/** Two dataplanes that are given the same, and that have to do the same. */
import { inspect, isDeepStrictEqual } from "node:util";
import type {
  ApplyOptions,
  Dataplane,
  ProcessOptions,
  ProcessResult,
} from "../../src/dataplane/dataplane.ts";
import type { PacketEvent, Verdict } from "../../src/dataplane/event.ts";
import { parseObjects } from "../../src/index.ts";
import type { Packet } from "./packets.ts";

export interface Pair {
  readonly wasm: Dataplane;
  readonly model: Dataplane;
}

/** What became of a packet, and of those that it has let go. */
interface Fate {
  readonly verdict: Verdict;
  readonly event: PacketEvent;
  readonly packet: Uint8Array;
  readonly released: readonly { readonly event: PacketEvent; readonly packet: Uint8Array }[];
}

export class Disagreement extends Error {
  override readonly name = "Disagreement";
}

/** Throws Disagreement where two values differ; `what` says what they are. */
export function demandEqual(wasm: unknown, model: unknown, what: string): void {
  if (isDeepStrictEqual(wasm, model)) return;
  const lines = differences(wasm, model, what);
  if (lines.length > 0) throw new Disagreement(lines.join("\n"));
}

const LINES_MAX = 20;

/** One line per leaf. */
function differences(wasm: unknown, model: unknown, path: string): string[] {
  if (isDeepStrictEqual(wasm, model)) return [];
  if (!isBranch(wasm) || !isBranch(model)) {
    return [`${path}: wasm ${shown(wasm)}, model ${shown(model)}`];
  }
  const keys = new Set([...Object.keys(wasm), ...Object.keys(model)]);
  return [...keys]
    .flatMap((key) => differences(wasm[key], model[key], `${path}.${key}`))
    .slice(0, LINES_MAX);
}

function isBranch(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !ArrayBuffer.isView(value);
}

function shown(value: unknown): string {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
  return inspect(value, { breakLength: Number.POSITIVE_INFINITY });
}

export function apply(pair: Pair, objects: readonly object[], options?: ApplyOptions): void {
  const [wasm, model] = [pair.wasm, pair.model].map((dataplane) =>
    dataplane.apply(parseObjects([...objects]), options).toString(),
  );
  demandEqual(wasm, model, "transaction");
}

/** Packets one by one, or all in one batch. Returns what became of them. */
export function send(
  pair: Pair,
  packets: readonly Packet[],
  now: number,
  batched: boolean,
  cpu = 0,
): readonly Fate[] {
  const run = batched ? inOneBatch : oneByOne;
  const fates = run(pair.model, packets, { now, cpu });
  const found = run(pair.wasm, packets, { now, cpu });
  for (const [index, fate] of fates.entries()) {
    demandEqual(found[index], fate, `${describe(packets[index]!)}\nresult`);
  }
  return fates;
}

/** Enough to send it again. */
export function describe({ bytes, options }: Packet): string {
  return `${JSON.stringify(options)} ${Buffer.from(bytes).toString("hex")}`;
}

/** When packets come, and which CPU takes them. */
type Moment = Required<Pick<ProcessOptions, "now" | "cpu">>;

function oneByOne(dataplane: Dataplane, packets: readonly Packet[], at: Moment): ProcessResult[] {
  return packets.map(({ bytes, options }) => dataplane.process(bytes, { ...options, ...at }));
}

function inOneBatch({ batch }: Dataplane, packets: readonly Packet[], at: Moment): Fate[] {
  for (const { bytes, options } of packets) batch.push(bytes, options);
  batch.process(at.now, { events: true, cpu: at.cpu });
  const released = packets.map((): Fate["released"][number][] => []);
  for (const { by, event, packet } of batch.released()) {
    released[by]!.push({ event, packet: packet.slice() });
  }
  const fates = packets.map((_, index) => ({
    verdict: batch.verdict(index),
    event: batch.event(index),
    packet: batch.packet(index).slice(),
    released: released[index]!,
  }));
  batch.clear();
  return fates;
}

/** Demands that both have counted and remember the same. */
export function demandSameMemory({ wasm, model }: Pair): void {
  demandEqual(wasm.counters(), model.counters(), "counters");
  demandEqual(wasm.statistics(), model.statistics(), "statistics");
  for (const name of ["conntrack", "affinity"] as const) {
    const entries = [wasm, model].map(({ maps }) => byKey(maps[name].entries()));
    demandEqual(entries[0], entries[1], name);
  }
}

function byKey(entries: Iterable<readonly [unknown, unknown]>): Record<string, unknown> {
  const keyed = [...entries].map(([key, value]): [string, unknown] => [JSON.stringify(key), value]);
  return Object.fromEntries(keyed);
}
