/**
 * A batch looks its packets up in groups, before it judges the first of them. Here a few connections fill whole
 * groups: they open, close, reopen, collide, find no room and expire between two packets of one group. The model,
 * which takes one packet after another, must have come to the same.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Dataplane, DataplaneOptions } from "../../src/dataplane/dataplane.ts";
import type { Tuple } from "../../src/dataplane/entries.ts";
import { createDataplane, createModel, parseObjects } from "../../src/index.ts";
import { createChecked } from "../conformance/dataplanes.ts";
import { build, type Frame } from "../conformance/frame.ts";
import { NODE, scene } from "../conformance/scene.ts";
import { count, type Met } from "./met.ts";
import { runs, TIMEOUT } from "./runs.ts";

const PORTS = [
  { name: "tcp", protocol: "TCP", port: 80, target: 8080 },
  { name: "udp", protocol: "UDP", port: 80, target: 8080 },
  { name: "sctp", protocol: "SCTP", port: 80, target: 8080 },
] as const;
/** Two Services with the same endpoints: what one client sends to both has to be told apart by port. */
const OBJECTS = ["10", "20"].flatMap((number, i) =>
  scene({
    name: `same${i}`,
    clusterIPs: [`10.96.0.${number}`, `fd00:96::${number}`],
    ports: PORTS,
    endpoints: ["10.244.1.10", "10.244.1.11", "fd00:10:244:1::10"].map((address) => ({
      address,
      node: NODE,
    })),
    ...(i === 0 ? {} : { affinity: 1 }),
  }).slice(i === 0 ? 0 : 2),
);

/** With timeouts of less than some of these, entries expire that no sweep has taken yet. */
const WAITS = [0, 1, 400, 700, 999, 1000, 2001, 30_001, 120_001];
const TIMEOUTS = [undefined, 300, 600, 1500, 2500];
const FLAGS = ["S", "S", "A", "A", "A", "SA", "FA", "FA", "R", "RA", "PA", "", "SF", "AU"];
const PACKETS_MAX = 150;

const dial = fc.record({
  kind: fc.constant("dial" as const),
  v6: fc.boolean(),
  client: fc.constantFrom(5, 6, 10),
  sport: fc.constantFrom(40000, 40001, 511),
  service: fc.constantFrom("10", "20"),
  proto: fc.constantFrom("tcp", "tcp", "tcp", "udp", "sctp"),
  flags: fc.constantFrom(...FLAGS),
});
const echo = fc.record({
  kind: fc.constant("echo" as const),
  which: fc.nat(63),
  reply: fc.boolean(),
  flags: fc.constantFrom(...FLAGS),
});
type Dial = typeof dial extends fc.Arbitrary<infer T> ? T : never;
type Echo = typeof echo extends fc.Arbitrary<infer T> ? T : never;
type Sending = Dial | Echo;

/** Where there is room for one connection only, this one has to stay then. */
const handshake: fc.Arbitrary<Sending[]> = dial.map((one) => [
  { ...one, proto: "tcp", flags: "S" },
  { kind: "echo", which: 0, reply: true, flags: "SA" },
  { kind: "echo", which: 0, reply: false, flags: "A" },
]);
const sendings: fc.Arbitrary<Sending[]> = fc.oneof(
  { weight: 5, arbitrary: dial.map((one) => [one]) },
  { weight: 15, arbitrary: echo.map((one) => [one]) },
  { weight: 4, arbitrary: handshake },
);

const group = fc.record({
  wait: fc.constantFrom(...WAITS),
  sendings: fc
    .array(sendings, { minLength: 1, maxLength: PACKETS_MAX, size: "max" })
    .map((all) => all.flat().slice(0, PACKETS_MAX)),
});

const options: fc.Arbitrary<DataplaneOptions> = fc
  .tuple(fc.nat(0xffffffff), fc.constantFrom(1, 1, 2, 2, 3, 8, 64), fc.constantFrom(1, 2, 64))
  .map(([seed, connections, affinity]) => ({
    node: NODE,
    seed,
    capacity: {
      connections,
      connections6: connections,
      affinity,
      slots: 256,
      batch: PACKETS_MAX,
      frame: 256,
    },
  }));

function dialled({ v6, client, sport, service, proto, flags }: Dial): Frame {
  const [saddr, daddr] = v6
    ? [`fd00:10:244:1::${client}`, `fd00:96::${service}`]
    : [`10.244.1.${client}`, `10.96.0.${service}`];
  return { saddr, sport, daddr, dport: 80, proto: proto as Frame["proto"], flags };
}

/** A packet of a connection that is there when its turn comes; one that opens another when there is none. */
function frameOf(sending: Sending, { maps }: Dataplane): Frame {
  if (sending.kind === "dial") return dialled(sending);
  const connections = [...maps.conntrack.entries()];
  const found = connections[sending.which % connections.length];
  if (found === undefined) {
    return dialled({
      kind: "dial",
      v6: sending.reply,
      client: 5,
      sport: 40000,
      service: "10",
      proto: "tcp",
      flags: sending.flags,
    });
  }
  const tuple: Tuple = sending.reply ? found[1].reply : found[0];
  return { ...tuple, proto: tuple.proto as Frame["proto"], flags: sending.flags };
}

/** Gives it the objects, and one timeout to all states. */
function begin({ apply, maps }: Dataplane, timeout: number | undefined): void {
  apply(parseObjects([...OBJECTS]));
  if (timeout === undefined) return;
  const config = maps.config.lookup("config")!;
  const states = Object.keys(config.timeouts).map((state) => [state, timeout]);
  maps.config.update("config", { ...config, timeouts: Object.fromEntries(states) });
}

function inOneBatch({ batch }: Dataplane, frames: readonly Uint8Array[], now: number): unknown[] {
  for (const frame of frames) batch.push(frame);
  batch.process(now, { events: true });
  const results = frames.map((_, i) => ({
    event: batch.event(i),
    packet: batch.packet(i).slice(),
  }));
  batch.clear();
  return results;
}

/** What is remembered, in an order of its own. */
function memoryOf({ maps, counters }: Dataplane): unknown {
  const rows = [...maps.conntrack.entries(), ...maps.affinity.entries()].map((row) =>
    JSON.stringify(row),
  );
  return { counters: counters(), rows: rows.sort() };
}

for (const [name, create] of [
  ["wasm", createDataplane],
  ["wasm with assertions", createChecked],
] as const) {
  test(
    `${name}: packets of one group that change what its later ones meet`,
    async () => {
      const met: Met = new Map();
      const property = fc.asyncProperty(
        options,
        fc.constantFrom(...TIMEOUTS),
        fc.array(group, { minLength: 1, maxLength: 8 }),
        async (given, timeout, groups) => {
          const [wasm, model] = [await create(given), await createModel(given)];
          for (const dataplane of [wasm, model]) begin(dataplane, timeout);
          let now = 0;
          for (const { wait, sendings } of groups) {
            now += wait;
            const frames: Uint8Array[] = [];
            const expected = sendings.map((sending) => {
              const frame = build(frameOf(sending, model));
              frames.push(frame);
              const { event, packet } = model.process(frame, { now });
              return { event, packet };
            });
            expect(inOneBatch(wasm, frames, now)).toEqual(expected);
            expect(memoryOf(wasm)).toEqual(memoryOf(model));
          }
          note(met, model);
        },
      );
      await fc.assert(property, runs(60));
      for (const one of [
        "expired",
        "closed",
        "conntrack-full",
        "invalid",
        "established",
        "reply",
      ]) {
        expect(met.get(one) ?? 0, one).toBeGreaterThan(0);
      }
    },
    TIMEOUT,
  );
}

/** Adds up what has happened, so that a search that met none of it does not count. */
function note(met: Met, { counters }: Dataplane): void {
  const { connections, reasons, conntrack } = counters();
  const counted = { ...connections, ...reasons, ...conntrack };
  for (const [name, times] of Object.entries(counted)) count(met, name, Number(times));
}
