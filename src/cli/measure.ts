/** How many packets per second a packet path handles: rounds over packets in memory, the engines in turn. */
import type { Dataplane } from "../dataplane/dataplane.ts";
import type { Packet } from "../pcap/index.ts";
import { frameOptions, milliseconds } from "../replay/replay.ts";

const PACKETS_MAX = 10_000;
const BYTES_MAX = 16 * 1024 * 1024;
/** The engines take turns of this length. The first turn of each is for the compilers and does not count. */
const TURN_MS = 50;
const TURNS = 6;

export interface Sample {
  readonly packets: readonly Packet[];
  add(packet: Packet): void;
}

/** The first packets of a capture, copied, as many as fit the bounds; none where they are not wanted. */
export function createSample(wanted: boolean): Sample {
  const packets: Packet[] = [];
  let bytes = 0;
  return {
    packets,
    add(packet) {
      if (!wanted || packets.length === PACKETS_MAX || bytes > BYTES_MAX) return;
      bytes += packet.data.length;
      packets.push({ ...packet, data: packet.data.slice() });
    },
  };
}

export interface Rate {
  readonly engine: Dataplane["engine"];
  /** Median of the rounds. */
  readonly packetsPerSecond: number;
  readonly rounds: number;
}

export interface Rates {
  /** In a round. */
  readonly packets: number;
  readonly engines: readonly Rate[];
}

/**
 * The dataplanes are fresh and the caller's to throw away. Only `batch.process` is timed: frames are laid
 * into the batch before, connections are forgotten between rounds, so that every round does the same work.
 */
export function measure(dataplanes: readonly Dataplane[], sample: readonly Packet[]): Rates | null {
  const packets = sample.filter((packet) => dataplanes.every((one) => fits(one, packet)));
  if (packets.length === 0) return null;
  const players = dataplanes.map((dataplane) => createPlayer(dataplane, packets));
  for (let turn = 0; turn <= TURNS; turn++) {
    for (const player of players) player.takeTurn(turn > 0);
  }
  return { packets: packets.length, engines: players.map(rateOf) };
}

function rateOf({ engine, rates }: Player): Rate {
  return { engine, packetsPerSecond: median(rates) * 1000, rounds: rates.length };
}

interface Player {
  readonly engine: Dataplane["engine"];
  /** Packets per millisecond of each round that counted. */
  readonly rates: readonly number[];
  takeTurn(counts: boolean): void;
}

function createPlayer(dataplane: Dataplane, packets: readonly Packet[]): Player {
  const now = packets.reduce((latest, { time }) => Math.max(latest, milliseconds(time)), 0);
  const rates: number[] = [];
  return {
    engine: dataplane.engine,
    rates,
    takeTurn(counts) {
      const end = performance.now() + TURN_MS;
      do {
        const spent = playRound(dataplane, packets, now);
        if (counts) rates.push(packets.length / spent);
      } while (performance.now() < end);
    },
  };
}

/** Frames larger than a slot of the batch go another way, one by one. */
function fits({ batch }: Dataplane, { data }: Packet): boolean {
  return data.length <= batch.frameCapacity;
}

/**
 * Milliseconds that the packet path took. The dataplane's clock stands still, so that sweeps, which come once
 * a second, do not come once a round.
 */
function playRound(dataplane: Dataplane, packets: readonly Packet[], now: number): number {
  const { batch } = dataplane;
  let spent = 0;
  dataplane.flush();
  for (let from = 0; from < packets.length; from += batch.capacity) {
    batch.clear();
    for (const packet of packets.slice(from, from + batch.capacity)) {
      batch.push(packet.data, frameOptions(packet));
    }
    const started = performance.now();
    batch.process(now);
    spent += performance.now() - started;
  }
  return spent;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >>> 1] ?? 0;
}
