/** `--expect`: what leaves the dataplane, held against a golden capture, up to the first difference. */
import { compare, type Difference } from "../packet/compare.ts";
import type { Packet } from "../pcap/index.ts";
import { type Departure, seconds } from "../replay/replay.ts";
import { leaving, openCapture } from "./capture.ts";
import { differenceRows } from "./returns.ts";
import { type Paint, plural, printable } from "./terminal.ts";

export interface Mismatch {
  /** Packet of the golden capture, from 1. */
  readonly n: number;
  /** Packet of the replayed capture that it was held against; null when there was none any more. */
  readonly captured: number | null;
  readonly differences: readonly Difference[];
}

export interface ExpectReport {
  readonly differs: boolean;
  readonly json: unknown;
  lines(paint: Paint): string[];
}

export interface Expectation {
  /** Await it before the next one. */
  check(departure: Departure): Promise<void> | undefined;
  /** Nothing more leaves: the golden capture must end too. */
  end(): Promise<void>;
  report(): ExpectReport;
  /** Stops reading the golden capture. */
  close(): Promise<unknown>;
}

export async function openExpectation(path: string): Promise<Expectation> {
  const source = await openCapture(path);
  const packets = oneByOne(source.chunks());
  let mismatch: Mismatch | null = null;
  let n = 0;

  async function check(departure: Departure): Promise<void> {
    const golden = await next(packets);
    n++;
    const differences = golden ? differencesOf(golden, leaving(departure)) : [surplus(departure)];
    if (differences.length > 0) mismatch = { n, captured: departure.n, differences };
  }

  return {
    check: (departure) => (mismatch === null ? check(departure) : undefined),
    async end() {
      if (mismatch !== null) return;
      const golden = await next(packets);
      if (golden) mismatch = { n: n + 1, captured: null, differences: [missing(golden)] };
    },
    report: () => reportOf(path, n, mismatch),
    close: () => packets.return(undefined),
  };
}

async function* oneByOne(chunks: AsyncIterable<Iterable<Packet>>): AsyncGenerator<Packet> {
  for await (const chunk of chunks) yield* chunk;
}

async function next(packets: AsyncGenerator<Packet>): Promise<Packet | null> {
  const { value, done } = await packets.next();
  return done ? null : value;
}

function differencesOf(golden: Packet, actual: Packet): Difference[] {
  return [
    ...recordDifferences(golden, actual),
    ...compare(golden.data, actual.data, golden.linkType),
  ];
}

/** What a capture says of a packet beside its bytes. */
function recordDifferences(golden: Packet, actual: Packet): Difference[] {
  const rows: [string, string, string][] = [
    ["capture.time", seconds(golden.time), seconds(asFine(actual.time, golden.time))],
    ["capture.wireLength", String(golden.wireLength), String(actual.wireLength)],
    ["capture.linkType", String(golden.linkType), String(actual.linkType)],
  ];
  return rows
    .filter(([, expected, found]) => expected !== found)
    .map(([name, expected, found]) => ({ name, offset: 0, expected, actual: found }));
}

/** A golden capture with microseconds has cut the rest off. */
function asFine(time: bigint, golden: bigint): bigint {
  return golden % 1000n === 0n ? time - (time % 1000n) : time;
}

function surplus({ captured, event }: Departure): Difference {
  const actual = `at ${seconds(captured.time)}, ${event.verdict} ${event.action}`;
  return { name: "packet", offset: 0, expected: null, actual };
}

function missing({ time, data }: Packet): Difference {
  const expected = `at ${seconds(time)}, ${plural(data.length, "byte")}`;
  return { name: "packet", offset: 0, expected, actual: null };
}

function reportOf(path: string, packets: number, mismatch: Mismatch | null): ExpectReport {
  const golden = printable(path);
  return {
    differs: mismatch !== null,
    json: { golden: path, packets, mismatch },
    lines(paint) {
      if (mismatch === null) {
        return [`${paint("green", "Same")} as ${golden}: ${plural(packets, "packet")}.`];
      }
      const { n, captured, differences } = mismatch;
      const from = captured === null ? "" : `, from packet ${captured} of the capture`;
      return [
        `${paint("red", "Different")} from ${golden}, first at its packet ${n}${from}:`,
        ...differenceRows(differences, paint),
      ];
    },
  };
}
