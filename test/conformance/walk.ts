/** Packet tables: steps in, what the dataplane made of each out. Every case runs on every implementation. */
import { beforeEach, describe, expect, test } from "vitest";
import type { Dataplane, DataplaneOptions, FrameOptions } from "../../src/dataplane/dataplane.ts";
import type { Connection } from "../../src/dataplane/entries.ts";
import type { PacketEvent } from "../../src/dataplane/event.ts";
import { parseObjects } from "../../src/index.ts";
import { dataplanes } from "./dataplanes.ts";
import { build, type Frame } from "./frame.ts";
import { NODE, OBJECTS } from "./scene.ts";

export interface Step {
  /** Milliseconds since the case began; the time of the step before when absent. */
  readonly at?: number;
  readonly send: Frame | Uint8Array;
  readonly options?: FrameOptions;
  readonly event: Partial<PacketEvent>;
  /** The frame that leaves; not looked at when absent. */
  readonly out?: Frame | Uint8Array;
  /** Replaces the cluster before the packet is sent. */
  readonly apply?: readonly object[];
}

export interface Case {
  readonly name: string;
  /** OBJECTS of the scene when absent. */
  readonly given?: readonly object[];
  readonly options?: DataplaneOptions;
  readonly steps: readonly Step[];
  /** Looked at when all steps are done. */
  readonly after?: (dataplane: Dataplane) => void;
}

const POISON = 0xa5;
const MARGIN = 64;
/** Any moment will do; a real one shows that times need not be small. */
export const EPOCH = 1_700_000_000_000;
const CAPACITY = { connections: 1024, connections6: 1024, affinity: 256, batch: 8, slots: 65536 };

/** A dataplane as a case wants it, its cluster applied. */
export async function prepare(
  create: (options: DataplaneOptions) => Promise<Dataplane>,
  { given = OBJECTS, options }: Pick<Case, "given" | "options">,
): Promise<Dataplane> {
  const capacity = { ...CAPACITY, ...options?.capacity };
  const dataplane = await create({ node: NODE, seed: 7, ...options, capacity });
  dataplane.apply(parseObjects([...given]));
  return dataplane;
}

export function walk(cases: readonly Case[]): void {
  for (const { name, create } of dataplanes) {
    describe(name, () => {
      for (const one of cases) {
        test(one.name, async () => {
          const dataplane = await prepare(create, one);
          take(dataplane, one.steps);
          one.after?.(dataplane);
        });
      }
    });
  }
}

/** One suite for each implementation; `dataplane()` is a fresh one in each test. */
export function eachDataplane(
  options: DataplaneOptions,
  suite: (dataplane: () => Dataplane) => void,
): void {
  for (const { name, create } of dataplanes) {
    describe(name, () => {
      let dataplane: Dataplane;
      beforeEach(async () => {
        dataplane = await prepare(create, { options });
      });
      suite(() => dataplane);
    });
  }
}

/** Sends every step and holds it against what the step expects. */
export function take(dataplane: Dataplane, steps: readonly Step[]): void {
  let now = 0;
  for (const [index, step] of steps.entries()) {
    now = step.at ?? now;
    if (step.apply) dataplane.apply(parseObjects([...step.apply]));
    takeOne(dataplane, step, now, `step ${index + 1}`);
  }
}

function takeOne(dataplane: Dataplane, step: Step, now: number, label: string): void {
  const bytes = bytesOf(step.send);
  const window = poisoned(bytes);
  const input = window.subarray(MARGIN, MARGIN + bytes.length);
  const result = dataplane.process(input, { now: EPOCH + now, ...step.options });
  expect(window, `${label}: the caller's memory`).toEqual(poisoned(bytes));
  expect(result.event, label).toMatchObject(expected(step));
  expect(result.verdict, label).toBe(result.event.verdict);
  if (step.out !== undefined) expect(hex(result.packet), label).toBe(hex(bytesOf(step.out)));
}

function expected({ send, out, event }: Step): Partial<PacketEvent> {
  const tuples =
    isFrame(send) && isFrame(out) ? { before: tupleOf(send), after: tupleOf(out) } : {};
  return { ...tuples, ...event };
}

function tupleOf({ saddr, sport, daddr, dport, proto }: Frame): PacketEvent["before"] {
  return { saddr, sport: sport ?? 0, daddr, dport: dport ?? 0, proto };
}

function isFrame(packet: Frame | Uint8Array | undefined): packet is Frame {
  return packet !== undefined && !(packet instanceof Uint8Array);
}

function bytesOf(packet: Frame | Uint8Array): Uint8Array {
  return isFrame(packet) ? build(packet) : packet;
}

/** The frame with foreign memory in front of it and behind. */
function poisoned(frame: Uint8Array): Uint8Array {
  const window = new Uint8Array(frame.length + 2 * MARGIN).fill(POISON);
  window.set(frame, MARGIN);
  return window;
}

/** Text, because a difference of two strings is shown better than one of two arrays. */
function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex").replace(/.{32}/g, "$&\n");
}

/** The only connection there is. */
export function connectionOf(dataplane: Dataplane): Connection | undefined {
  const connections = [...dataplane.maps.conntrack.entries()];
  expect(connections.length).toBeLessThanOrEqual(1);
  return connections[0]?.[1];
}
