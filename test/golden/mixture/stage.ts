/** Where the mixture is played: a model of the node, whose translations say whom endpoints answer, and a clock. */
import type { Dataplane, ProcessResult } from "../../../src/dataplane/dataplane.ts";
import type { Tuple } from "../../../src/dataplane/entries.ts";
import { fragments, type PacketSpec, packet } from "../../../src/packet/build.ts";
import { LINK_TYPES } from "../../../src/packet/link.ts";
import { parse } from "../../../src/packet/parse.ts";
import type { PacketInput } from "../../../src/pcap/encoder.ts";
import { createDice } from "../../fuzz/dice.ts";

/** What becomes of a frame between its sender and the capture. */
export interface Spoil {
  /** Bytes that were captured of it. */
  readonly keep?: number;
  /** A byte that arrives as another one, from the IP header on. */
  readonly flip?: number;
}

export interface Stage {
  /** Captures a frame as the node gets it, and says what the node does. */
  send(spec: PacketSpec, spoil?: Spoil): ProcessResult;
  /** The same in pieces of `size` bytes, which come in `order`; what the node does with each. */
  sendPieces(spec: PacketSpec, size: number, order: readonly number[]): ProcessResult[];
  wait(milliseconds: number): void;
  /** From 0 to `below`, exclusively. */
  roll(below: number): number;
  pick<T>(from: readonly T[]): T;
  bytes(length: number): Uint8Array;
  readonly packets: readonly PacketInput[];
}

const SEED = 0x5eed;
/** 2026-11-21, in nanoseconds. */
const BEGINNING = 1_795_219_200_000_000_000n;
/** Most nanoseconds between two frames. */
const PACE = 3_000_000;

export function createStage(dataplane: Dataplane): Stage {
  const packets: PacketInput[] = [];
  const { below: roll, oneOf: pick, bytes } = createDice(SEED);
  let time = BEGINNING;

  function capture(frame: Uint8Array, spec: PacketSpec, spoil: Spoil = {}): ProcessResult {
    const linkType = LINK_TYPES[spec.link ?? "ethernet"];
    const data = spoiled(frame, linkType, spoil);
    const wireLength = frame.length;
    time += BigInt(1 + roll(PACE));
    packets.push({ time, data, wireLength, linkType });
    const now = Number(time / 1_000_000n);
    return dataplane.process(data, { now, linkType, wireLength });
  }

  return {
    packets,
    roll,
    pick,
    bytes,
    wait(milliseconds) {
      time += BigInt(milliseconds) * 1_000_000n;
    },
    send: (spec, spoil) => capture(packet(spec), spec, spoil),
    sendPieces(spec, size, order) {
      const pieces = fragments(spec, size);
      return order.map((index) => capture(pieces[index]!, spec));
    },
  };
}

function spoiled(frame: Uint8Array, linkType: number, { keep, flip }: Spoil): Uint8Array {
  const data = frame.slice(0, keep);
  if (flip === undefined) return data;
  const parsed = parse(data, linkType);
  const at = ("ip" in parsed ? parsed.ip.at : 0) + flip;
  data[at] = (data[at] ?? 0) ^ 0x20;
  return data;
}

/** One side of a talk: what every packet of it has. */
export type Line = Omit<PacketSpec, "saddr" | "daddr"> & Pick<Tuple, "saddr" | "daddr">;

/** A client and whoever answers it. */
export interface Dialogue {
  ask(spec?: Partial<PacketSpec>, spoil?: Spoil): ProcessResult;
  answer(spec?: Partial<PacketSpec>, spoil?: Spoil): ProcessResult;
  askInPieces(spec: Partial<PacketSpec>, size: number, order: readonly number[]): ProcessResult[];
  answerInPieces(
    spec: Partial<PacketSpec>,
    size: number,
    order: readonly number[],
  ): ProcessResult[];
}

export function createDialogue(stage: Stage, line: Line): Dialogue {
  let asked: Line = line;
  /** What came out at the endpoint is what it answers; of pieces, the one that has the ports. */
  function note(results: readonly ProcessResult[]): void {
    const events = results.flatMap(({ event, released }) => [
      event,
      ...released.map((one) => one.event),
    ]);
    for (const { action, after } of events) {
      if (action === "dnat" && after?.sport) asked = { ...line, ...endsOf(after) };
    }
  }
  function noted(result: ProcessResult): ProcessResult {
    note([result]);
    return result;
  }
  return {
    ask: (spec, spoil) => noted(stage.send({ ...line, ...spec }, spoil)),
    answer: (spec, spoil) => stage.send({ ...backOf(asked), ...spec }, spoil),
    askInPieces(spec, size, order) {
      const results = stage.sendPieces({ ...line, ...spec }, size, order);
      note(results);
      return results;
    },
    answerInPieces: (spec, size, order) =>
      stage.sendPieces({ ...backOf(asked), ...spec }, size, order),
  };
}

function endsOf({ saddr, sport, daddr, dport }: Tuple) {
  return { saddr, sport, daddr, dport };
}

export function backOf(line: Line): Line {
  const { saddr, daddr, sport, dport } = line;
  return { ...line, saddr: daddr, daddr: saddr, sport: dport, dport: sport };
}

/** Packets of one purpose; others may come between any two. */
export type Talk = Generator<unknown>;

/** Plays talks together, at most `width` at a time, in the order chance gives. */
export function playTogether(stage: Stage, talks: readonly Talk[], width: number): void {
  const waiting = [...talks];
  const active: Talk[] = [];
  while (waiting.length + active.length > 0) {
    while (active.length < width && waiting.length > 0) active.push(...waiting.splice(0, 1));
    const talk = stage.pick(active);
    if (talk.next().done) active.splice(active.indexOf(talk), 1);
  }
}
