/**
 * A golden case is a folder: `case.json` says what goes in; `out.pcapng`, `events.jsonl` and `counters.json` hold what
 * came out when somebody last read it and found it right.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import type { Counters } from "../../src/dataplane/counters.ts";
import type { Dataplane, DataplaneOptions } from "../../src/dataplane/dataplane.ts";
import { parseManifests } from "../../src/index.ts";
import { readBytes, writeBytes } from "../../src/pcap/index.ts";
import { departures, type Replayed, replay, seconds } from "../../src/replay/replay.ts";
import { mixture } from "./mixture.ts";

/** Paths are relative to the folder of the case. */
interface Description {
  readonly description: string;
  readonly capture: string;
  readonly manifests: readonly string[];
  /** Output of `ip -j addr` and `ip -j route`, as one object. */
  readonly network?: string;
  readonly options: DataplaneOptions;
}

export interface Golden extends Description {
  readonly name: string;
  readonly folder: URL;
}

export interface Played {
  /** The capture of what leaves. */
  readonly out: Uint8Array;
  /** A line per packet. */
  readonly events: string;
  readonly counters: Counters;
}

export function readCases(): Golden[] {
  const folders = readdirSync(new URL(".", import.meta.url), { withFileTypes: true });
  return folders
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => {
      const folder = new URL(`${name}/`, import.meta.url);
      return { ...JSON.parse(readFileSync(new URL("case.json", folder), "utf8")), name, folder };
    });
}

export function optionsOf({ folder, options, network }: Golden): DataplaneOptions {
  if (network === undefined) return options;
  return { ...options, network: JSON.parse(readFileSync(new URL(network, folder), "utf8")) };
}

function applyTo(dataplane: Dataplane, { folder, manifests }: Golden): void {
  const sources = manifests.map((file) => ({
    file,
    text: readFileSync(new URL(file, folder), "utf8"),
  }));
  dataplane.apply(parseManifests(sources));
}

export function play(dataplane: Dataplane, golden: Golden): Played {
  applyTo(dataplane, golden);
  const packets = readBytes(captured(golden));
  const replayed = [...copies(replay(dataplane, packets))];
  return {
    out: captureOf(replayed),
    events: replayed.map(line).join(""),
    counters: dataplane.counters(),
  };
}

/** What is replayed is a view that does not last. */
function* copies(outcomes: Iterable<Replayed>): Generator<Replayed> {
  for (const one of outcomes) {
    const released = one.released.map((each) => ({ ...each, packet: each.packet.slice() }));
    yield { ...one, packet: one.packet.slice(), released };
  }
}

function captureOf(replayed: readonly Replayed[]): Uint8Array {
  const left = replayed
    .flatMap(departures)
    .map(({ captured, packet, wireLength }) => ({ ...captured, data: packet, wireLength }));
  return writeBytes(left, { format: "pcapng", resolution: "ns" });
}

function line({ n, captured, event }: Replayed): string {
  return `${JSON.stringify({ n, time: seconds(captured.time), ...event })}\n`;
}

export function expected({ folder }: Golden): Played {
  return {
    out: new Uint8Array(readFileSync(new URL("out.pcapng", folder))),
    events: readFileSync(new URL("events.jsonl", folder), "utf8"),
    counters: JSON.parse(readFileSync(new URL("counters.json", folder), "utf8")),
  };
}

/** Who makes the captures that were not recorded. */
const MAKERS: Readonly<Record<string, (dataplane: Dataplane) => Uint8Array>> = { mixture };

export function isMade({ name }: Golden): boolean {
  return MAKERS[name] !== undefined;
}

/** The capture of a case as it is made today. */
export function make(dataplane: Dataplane, golden: Golden): Uint8Array {
  const maker = MAKERS[golden.name];
  if (maker === undefined) throw new Error(`${golden.name} was recorded`);
  applyTo(dataplane, golden);
  return maker(dataplane);
}

export function captured({ folder, capture }: Golden): Uint8Array {
  return new Uint8Array(readFileSync(new URL(capture, folder)));
}

export function updateCapture({ folder, capture }: Golden, bytes: Uint8Array): void {
  writeFileSync(new URL(capture, folder), bytes);
}

export function update({ folder }: Golden, { out, events, counters }: Played): void {
  writeFileSync(new URL("out.pcapng", folder), out);
  writeFileSync(new URL("events.jsonl", folder), events);
  writeFileSync(new URL("counters.json", folder), `${JSON.stringify(counters, null, 2)}\n`);
}
