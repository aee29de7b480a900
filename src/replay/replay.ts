/**
 * Plays captured packets through a dataplane. The clock is the capture's, so that a replay gives the same
 * bytes on every machine and on every day.
 */
import type { Dataplane, FrameOptions, Released } from "../dataplane/dataplane.ts";
import type { PacketEvent, Verdict } from "../dataplane/event.ts";
import type { Packet } from "../pcap/capture.ts";

/** A captured packet and what became of it. */
export interface Replayed {
  /** From 1, as Wireshark counts. */
  readonly n: number;
  readonly captured: Packet;
  readonly verdict: Verdict;
  /** The frame after the dataplane; a view that lasts until the next packet is asked for. */
  readonly packet: Uint8Array;
  readonly event: PacketEvent;
  /** Fragments held earlier that this packet has let go; views like `packet`. */
  readonly released: readonly Released[];
}

/** A frame that leaves the dataplane. */
export interface Departure extends Pick<Replayed, "n" | "captured" | "packet" | "event"> {
  /** Bytes it has on the wire: a reject is whole, a translated frame has what it came with. */
  readonly wireLength: number;
}

/** What leaves because of a packet: itself or its reject, then the fragments that waited for it. */
export function departures(replayed: Replayed): Departure[] {
  const { n, captured, verdict, packet, event, released } = replayed;
  const late = released.map((each) => ({ n, captured, ...each, wireLength: each.packet.length }));
  if (!leaves(verdict)) return late;
  const wireLength = verdict === "TX" ? packet.length : grown(captured, packet);
  return [{ n, captured, packet, event, wireLength }, ...late];
}

/** What a program has put in front or behind, or taken away, was or would have been on the wire too. */
function grown({ data, wireLength }: Packet, packet: Uint8Array): number {
  return wireLength + packet.length - data.length;
}

/**
 * Every packet in turn, numbered from `first`. While programs are attached each is processed by itself, at its own
 * time to the fraction of a millisecond: a program may look at the clock, and at what the one before has left in a map.
 */
export function replay(
  dataplane: Dataplane,
  packets: Iterable<Packet>,
  first = 1,
): Generator<Replayed> {
  return dataplane.hooks.active
    ? replaySingly(dataplane, packets, first)
    : replayInBatches(dataplane, packets, first);
}

function* replaySingly(
  dataplane: Dataplane,
  packets: Iterable<Packet>,
  first: number,
): Generator<Replayed> {
  let n = first;
  for (const packet of packets) yield processOne(dataplane, packet, n++);
}

/**
 * Those of one millisecond share the dataplane's batch, which
 * changes nothing but the speed, and that places of held fragments are free again with the next one only: time is
 * the only thing else that a batch has in common.
 */
function* replayInBatches(
  dataplane: Dataplane,
  packets: Iterable<Packet>,
  first: number,
): Generator<Replayed> {
  const { batch } = dataplane;
  let waiting: Packet[] = [];
  let n = first;
  let now = Number.NEGATIVE_INFINITY;
  batch.clear();
  for (const packet of packets) {
    const time = milliseconds(packet.time);
    const large = packet.data.length > batch.frameCapacity;
    if (waiting.length === batch.capacity || large || time > now) {
      yield* drain(dataplane, waiting, now, n);
      n += waiting.length;
      waiting = [];
    }
    // A clock that runs backwards stands still, as the dataplane's does.
    now = Math.max(now, time);
    if (large) yield processOne(dataplane, packet, n++);
    else {
      batch.push(packet.data, frameOptions(packet));
      waiting.push(packet);
    }
  }
  yield* drain(dataplane, waiting, now, n);
}

function* drain(
  dataplane: Dataplane,
  waiting: readonly Packet[],
  now: number,
  first: number,
): Generator<Replayed> {
  if (waiting.length === 0) return;
  const { batch } = dataplane;
  batch.process(now, { events: true });
  const released = batch.released();
  for (const [index, captured] of waiting.entries()) {
    yield {
      n: first + index,
      captured,
      verdict: batch.verdict(index),
      packet: batch.packet(index),
      event: batch.event(index),
      released: released.length === 0 ? released : released.filter(({ by }) => by === index),
    };
  }
  batch.clear();
}

/** One packet by itself: frames too large for a batch, and whoever must see one outcome before the next. */
export function processOne(
  dataplane: Dataplane,
  captured: Packet,
  n: number,
  data: Uint8Array = captured.data,
): Replayed {
  const options = { ...frameOptions(captured), now: exactMilliseconds(captured.time) };
  return { n, captured, ...dataplane.process(data, options) };
}

/** A damaged capture may claim any 32 bits; a dataplane takes no longer frame. */
const WIRE_LENGTH_MAX = 2 ** 31 - 1;

/** What a capture knows of a packet beside its bytes. */
export function frameOptions(packet: Packet): FrameOptions {
  const { linkType } = packet;
  const wireLength = Math.min(packet.wireLength, WIRE_LENGTH_MAX);
  return { linkType, wireLength, interface: packet.interfaceName };
}

/**
 * The dataplane's clock for a time of a capture. A damaged timestamp may lie further off than a number can
 * say in milliseconds; it counts as the furthest that can be said.
 */
export function milliseconds(time: bigint): number {
  const furthest = Number.MAX_SAFE_INTEGER;
  return Math.max(-furthest, Math.min(furthest, Number(time / 1_000_000n)));
}

/** The same with the fraction; nanoseconds of this century are exact to a quarter of a microsecond. */
function exactMilliseconds(time: bigint): number {
  const whole = milliseconds(time);
  return Math.abs(whole) === Number.MAX_SAFE_INTEGER
    ? whole
    : whole + Number(time % 1_000_000n) / 1e6;
}

/** Nanoseconds as seconds with nine decimals. */
export function seconds(time: bigint): string {
  const sign = time < 0n ? "-" : "";
  const digits = (time < 0n ? -time : time).toString().padStart(10, "0");
  return `${sign}${digits.slice(0, -9)}.${digits.slice(-9)}`;
}

/** It passes, or a frame goes back where it came from. */
function leaves(verdict: Verdict): boolean {
  return verdict === "PASS" || verdict === "TX" || verdict === "REDIRECT";
}
