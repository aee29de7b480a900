/**
 * One TCP connection and numbers on and around the edges of its windows. Clusters at random seldom stay with a
 * connection long enough to come to such edges, and half a circle away never.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { createDataplane, createModel, type Dataplane, parseObjects } from "../../src/index.ts";
import { packet } from "../../src/packet/build.ts";
import { serviceObjects } from "../conformance/cluster.ts";
import { runs, TIMEOUT } from "./runs.ts";

const CLIENT = { saddr: "203.0.113.9", sport: 40000, daddr: "10.96.0.1", dport: 80 };
const SERVER = { saddr: "10.244.1.1", sport: 8080, daddr: "203.0.113.9", dport: 40000 };
const OBJECTS = parseObjects(
  serviceObjects({
    name: "one",
    type: "ClusterIP",
    clusterIPs: ["10.96.0.1"],
    ports: [{ name: "http", port: 80, protocol: "TCP", target: 8080 }],
    endpoints: [{ address: "10.244.1.1" }],
  }),
);

const TALKS = 600;

/** How far from an edge; beside small steps and windows the bounds of RFC 1982's comparison. */
const distance = fc.constantFrom(
  ...[0, 1, -1, 2, 10, 1000, -1000, 65535, 65536, -65536, -66000, -66001],
  ...[2 ** 20, 2 ** 30, 2 ** 31 - 1, 2 ** 31, 2 ** 31 + 1],
);
/** Mostly the number a stack would send. */
const aside = fc.option(distance, { freq: 4 });

const segment = fc.record({
  direction: fc.nat(1),
  flags: fc.constantFrom("A", "A", "A", "A", "PA", "FA", "R", "RA", "SA", "S", "AU"),
  seq: aside,
  ack: aside,
  window: fc.constantFrom(0, 1, 100, 1000, 29200, 65535, 65535),
  length: fc.constantFrom(0, 0, 1, 10, 100, 1400),
  options: fc.constantFrom("none", "none", "timestamp", "sack"),
  /** Sends the last segment of that direction again. */
  repeats: fc.constantFrom(false, false, false, true),
  wait: fc.constantFrom(0, 0, 1, 1000, 200_000),
});
type Segment = typeof segment extends fc.Arbitrary<infer Value> ? Value : never;

const opening = fc.record({
  /** Else it is picked up in mid-stream. */
  isSeen: fc.boolean(),
  numbers: fc.tuple(...[0, 1].map(() => fc.constantFrom(0, 0xffffff00, 0x7fffff00, 123456789))),
  scales: fc.tuple(...[0, 1].map(() => fc.nat(14))),
  permits: fc.tuple(...[0, 1].map(() => fc.boolean())),
});
type Opening = typeof opening extends fc.Arbitrary<infer Value> ? Value : never;

const sysctls = fc.record({
  nf_conntrack_tcp_no_window_check: fc.constantFrom(0, 0, 0, 1),
  nf_conntrack_tcp_be_liberal: fc.constantFrom(0, 0, 0, 1),
  nf_conntrack_tcp_max_retrans: fc.constantFrom(0, 1, 3),
  nf_conntrack_tcp_timeout_max_retrans: fc.constantFrom(300, 600_000),
  nf_conntrack_tcp_timeout_unacknowledged: fc.constantFrom(300, 600_000),
});

type Settings = typeof sysctls extends fc.Arbitrary<infer Value> ? Value : never;

test(
  "Wasm and the model agree after every segment of a connection with hostile numbers",
  async () => {
    let sent = 0;
    const talk = fc.asyncProperty(
      sysctls,
      opening,
      fc.array(segment, { minLength: 5, maxLength: 50, size: "max" }),
      async (settings, begin, segments) => {
        sent += play(await createPair(settings), begin, segments);
      },
    );
    await fc.assert(talk, runs<[Settings, Opening, Segment[]]>(TALKS));
    expect(sent).toBeGreaterThan(TALKS * 10);
  },
  TIMEOUT,
);

async function createPair(sysctls: Settings): Promise<readonly Dataplane[]> {
  const options = { node: "worker-1", sysctls, capacity: CAPACITY };
  const pair = [await createDataplane(options), await createModel(options)];
  for (const dataplane of pair) dataplane.apply(OBJECTS);
  return pair;
}

/** Small, so that a talk can have dataplanes of its own. */
const CAPACITY = {
  ...{ services: 2, frontends: 2, backends: 2, slots: 2, ranges: 2, addresses: 2, interfaces: 2 },
  ...{ connections: 2, connections6: 2, affinity: 2, datagrams: 2, fragments: 2, batch: 1 },
};

/** What an end has sent. */
interface End {
  seq: number;
  end: number;
  ack: number;
  window: number;
}

/** The segments, after a handshake or without; returns how many they are. */
function play(pair: readonly Dataplane[], begin: Opening, segments: readonly Segment[]): number {
  const ends: End[] = begin.numbers.map((seq) => ({ seq, end: seq + 1, ack: 0, window: 65535 }));
  let now = 0;
  if (begin.isSeen) shake(pair, begin);
  for (const each of segments) {
    const sent = next(each, ends[each.direction] as End, ends[1 - each.direction] as End);
    now += each.wait;
    show(
      pair,
      now,
      frameOf(each.direction, each.flags, sent, new Uint8Array(each.length), told(each, sent)),
    );
    ends[each.direction] = sent;
  }
  return segments.length;
}

function shake(pair: readonly Dataplane[], begin: Opening): void {
  show(pair, 0, frameOf(0, "S", syn(begin, 0), new Uint8Array(0), optionsOf(begin, 0)));
  show(pair, 0, frameOf(1, "SA", syn(begin, 1), new Uint8Array(0), optionsOf(begin, 1)));
}

function syn({ numbers }: Opening, direction: number): End {
  const seq = numbers[direction] as number;
  return {
    seq,
    end: seq + 1,
    ack: direction === 0 ? 0 : (numbers[0] as number) + 1,
    window: 65535,
  };
}

function next({ flags, seq, ack, window, length, repeats }: Segment, own: End, other: End): End {
  if (repeats) return own;
  const from = own.end + (seq ?? 0);
  const end = from + length + (/[SF]/.test(flags) ? 1 : 0);
  // What lies far off is not where the stream goes on.
  const goesOn = seq === null || Math.abs(seq) < 2 ** 20;
  return { seq: from, end: goesOn ? end : own.end, ack: other.end + (ack ?? 0), window };
}

function optionsOf({ scales, permits }: Opening, direction: number) {
  return { windowScale: scales[direction] as number, sackPermitted: permits[direction] as boolean };
}

function told({ options }: Segment, { ack }: End): Uint8Array | undefined {
  if (options === "none") return undefined;
  if (options === "timestamp") return Uint8Array.of(1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2);
  const bytes = Uint8Array.of(1, 1, 5, 10, 0, 0, 0, 0, 0, 0, 0, 0);
  const view = new DataView(bytes.buffer);
  view.setUint32(4, (ack + 1000) >>> 0);
  view.setUint32(8, (ack + 2000) >>> 0);
  return bytes;
}

function frameOf(
  direction: number,
  flags: string,
  { seq, ack, window }: End,
  payload: Uint8Array,
  tcpOptions: Uint8Array | ReturnType<typeof optionsOf> | undefined,
): Uint8Array {
  const ends = direction === 0 ? CLIENT : SERVER;
  const numbers = { seq: seq >>> 0, ack: ack >>> 0, window };
  const given = tcpOptions === undefined ? {} : { tcpOptions };
  return packet({ ...ends, ...numbers, ...given, proto: "tcp", flags, payload } as never);
}

/** Both see the frame, and must do, tell and remember the same. */
function show(pair: readonly Dataplane[], now: number, frame: Uint8Array): void {
  const [wasm, model] = pair.map((dataplane) => {
    const { verdict, packet, event } = dataplane.process(frame, { now });
    return { verdict, packet, event, conntrack: [...dataplane.maps.conntrack.entries()].sort() };
  });
  expect(wasm).toEqual(model);
}
