/**
 * The Wasm dataplane against the model: whatever cluster, packets, times and changes, both do the same to every
 * byte, tell the same of it, count the same and remember the same.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Dataplane } from "../../src/dataplane/dataplane.ts";
import { STATES, type Tuple } from "../../src/dataplane/entries.ts";
import { REASONS, type Reason } from "../../src/dataplane/event.ts";
import { createDataplane, createModel, parseObjects } from "../../src/index.ts";
import { createChecked } from "../conformance/dataplanes.ts";
import type { Frame } from "../conformance/frame.ts";
import { cluster, options } from "./clusters.ts";
import {
  aim,
  type Echo,
  echo,
  type Packet,
  packetOf,
  type Sending,
  sending,
  targetsOf,
} from "./packets.ts";
import { runs, TIMEOUT } from "./runs.ts";

type Command =
  | { readonly kind: "send"; readonly sending: Sending }
  | { readonly kind: "dial"; readonly which: number; readonly sending: Sending }
  | { readonly kind: "echo"; readonly which: number; readonly reply: boolean; readonly echo: Echo }
  | { readonly kind: "talk"; readonly which: number; readonly length: number; readonly echo: Echo }
  | {
      readonly kind: "batch";
      readonly dials: readonly (readonly [which: number, sending: Sending])[];
    }
  | { readonly kind: "wait"; readonly milliseconds: number }
  | { readonly kind: "apply"; readonly which: number }
  | { readonly kind: "flush" };

/** Around every limit that time has here, and far beyond. */
const WAITS = [
  0,
  1,
  500,
  999,
  1000,
  1001,
  2000,
  2001,
  9999,
  10_000,
  10_001,
  30_000,
  30_001,
  60_001,
  120_000,
  120_001,
  86_400_001,
  2 ** 31,
  2 ** 32 + 5,
];
/** The life of a TCP connection after its SYN; packets drawn one by one would seldom get through it. */
const LIFE = [
  { reply: true, flags: "SA" },
  { reply: false, flags: "A" },
  { reply: false, flags: "FA" },
  { reply: true, flags: "A" },
  { reply: true, flags: "FA" },
  { reply: false, flags: "A" },
  { reply: false, flags: "S" },
];
const COMMANDS_MAX = 40;
const WHICH_MAX = 1023;

const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("send" as const), sending }) },
  {
    weight: 14,
    arbitrary: fc.record({ kind: fc.constant("dial" as const), which: fc.nat(WHICH_MAX), sending }),
  },
  {
    weight: 14,
    arbitrary: fc.record({
      kind: fc.constant("echo" as const),
      which: fc.nat(WHICH_MAX),
      reply: fc.boolean(),
      echo,
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("talk" as const),
      which: fc.nat(WHICH_MAX),
      length: fc.integer({ min: 2, max: LIFE.length }),
      echo,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("batch" as const),
      dials: fc.array(fc.tuple(fc.nat(WHICH_MAX), sending), { maxLength: 70 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("wait" as const),
      milliseconds: fc.constantFrom(...WAITS),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("apply" as const), which: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("flush" as const) }) },
);

const scenario = fc.record({
  options,
  clusters: fc.array(cluster, { minLength: 3, maxLength: 3 }),
  epoch: fc.constantFrom(0, 1_700_000_000_000.75),
  commands: fc.array(command, { minLength: 1, maxLength: COMMANDS_MAX, size: "max" }),
});
type Scenario = typeof scenario extends fc.Arbitrary<infer T> ? T : never;

/** Both engines and the time. */
interface Pair {
  readonly wasm: Dataplane;
  readonly model: Dataplane;
  now: number;
}

/** Ports run out only after hundreds of connections: a case of its own in conformance/ports.test.ts. */
const UNREACHED: readonly Reason[] = ["port-exhausted"];

test(
  "Wasm and the model agree on everything that can be seen",
  async () => {
    await fc.assert(fc.asyncProperty(scenario, play), runs<[Scenario]>(1000));
    const rare = new Set<string>(UNREACHED);
    expect(REASONS.filter((reason) => reason && !rare.has(reason) && !reached.has(reason))).toEqual(
      [],
    );
    expect(STATES.filter((state) => !reached.has(state))).toEqual([]);
  },
  TIMEOUT,
);

/** Reasons and states that were met: a search that misses the interesting places would always pass. */
const reached = new Set<string>();

function note({ maps, counters }: Dataplane): void {
  for (const [reason, count] of Object.entries(counters().reasons))
    if (count > 0) reached.add(reason);
  for (const [, { state }] of maps.conntrack.entries()) reached.add(state);
}

async function play({ options, clusters, epoch, commands }: Scenario): Promise<void> {
  const pair: Pair = {
    // Half of the scenarios run with the assertions of the debug build.
    wasm: await ((options.seed ?? 0) % 2 === 0 ? createDataplane : createChecked)(options),
    model: await createModel(options),
    now: epoch,
  };
  apply(pair, clusters[0]!);
  for (const command of commands) {
    run(pair, command, clusters);
    expect(memoryOf(pair.wasm)).toEqual(memoryOf(pair.model));
    note(pair.model);
  }
}

function run(pair: Pair, command: Command, clusters: readonly object[][]): void {
  if (command.kind === "send") process(pair, packetOf(command.sending));
  if (command.kind === "dial")
    process(pair, packetOf(dialled(pair, command.which, command.sending)));
  if (command.kind === "echo") processEcho(pair, command);
  if (command.kind === "talk") talk(pair, command);
  if (command.kind === "batch") {
    processBatch(
      pair,
      command.dials.map(([which, one]) => packetOf(dialled(pair, which, one))),
    );
  }
  if (command.kind === "wait") pair.now += command.milliseconds;
  if (command.kind === "apply") apply(pair, clusters[command.which]!);
  if (command.kind === "flush") for (const dataplane of [pair.wasm, pair.model]) dataplane.flush();
}

function apply({ wasm, model }: Pair, objects: readonly object[]): void {
  const printed = wasm.apply(parseObjects([...objects])).toString();
  expect(printed).toBe(model.apply(parseObjects([...objects])).toString());
}

function process({ wasm, model, now }: Pair, { bytes, options }: Packet): void {
  const given = { ...options, now };
  expect(wasm.process(bytes, given)).toEqual(model.process(bytes, given));
}

/** The packet sent to something that is served at the moment. */
function dialled({ model }: Pair, which: number, sending: Sending): Sending {
  return aim(sending, targetsOf(model.maps), which);
}

/** A packet of a connection that the model remembers, in one of its directions. */
function processEcho(
  pair: Pair,
  { which, reply, echo }: Omit<Extract<Command, { kind: "echo" }>, "kind">,
): void {
  const connections = [...pair.model.maps.conntrack.entries()];
  if (connections.length === 0) return;
  const [orig, connection] = connections[which % connections.length]!;
  const frame = { ...echo.shape, ...frameOf(reply ? connection.reply : orig), flags: echo.flags };
  process(pair, packetOf({ frame, damage: echo.damage, arrival: echo.arrival }));
}

/** The beginning of a connection's life, or all of it. */
function talk(pair: Pair, { which, length, echo }: Extract<Command, { kind: "talk" }>): void {
  for (const { reply, flags } of LIFE.slice(0, length)) {
    processEcho(pair, { which, reply, echo: { ...echo, flags } });
  }
}

function frameOf(tuple: Tuple): Frame {
  return { ...tuple, proto: tuple.proto as Frame["proto"] };
}

function processBatch(pair: Pair, packets: readonly Packet[]): void {
  expect(batchOf(pair.wasm, packets, pair.now)).toEqual(batchOf(pair.model, packets, pair.now));
}

function batchOf({ batch }: Dataplane, packets: readonly Packet[], now: number): unknown[] {
  for (const { bytes, options } of packets) batch.push(bytes, options);
  batch.process(now, { events: true });
  const results = packets.map((_, i) => ({
    event: batch.event(i),
    packet: batch.packet(i).slice(),
  }));
  batch.clear();
  return results;
}

/** All that a dataplane counts and remembers, in an order of its own. */
function memoryOf(dataplane: Dataplane): unknown {
  const { conntrack, affinity } = dataplane.maps;
  return {
    counters: dataplane.counters(),
    conntrack: sorted(conntrack.entries()),
    affinity: sorted(affinity.entries()),
  };
}

function sorted(entries: Iterable<[unknown, unknown]>): [string, unknown][] {
  return [...entries]
    .map(([key, value]): [string, unknown] => [JSON.stringify(key), value])
    .sort(([a], [b]) => (a < b ? -1 : 1));
}
