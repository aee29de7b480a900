/** A short run of `npm run fuzz`, and that it would notice if something were wrong. */
import { describe, expect, test } from "vitest";
import type { Dataplane } from "../../src/dataplane/dataplane.ts";
import { createModel, parseObjects } from "../../src/index.ts";
import { type PacketSpec, packet } from "../../src/packet/build.ts";
import { NODE, OBJECTS } from "../conformance/scene.ts";
import { SEED } from "../seed.ts";
import type { Group } from "./corpus.ts";
import { Defect, examine } from "./examination.ts";
import { reduce } from "./reduction.ts";
import { TIMEOUT } from "./runs.ts";
import { collect, search } from "./search.ts";

const ETHERNET = 1;
const NUMBER = SEED >>> 0;
const PACKETS = 100_000 * Number(process.env.WAXDP_FUZZ_RUNS ?? 1);

test(
  `${PACKETS} mutated packets from seed ${NUMBER}: no trap, nothing changed that should not be, no bad checksum`,
  async () => {
    const found = await search({ seed: NUMBER, packets: PACKETS, lockstep: 6 }, () => true);
    expect(found.failure?.message).toBeUndefined();
    expect(found.packets).toBeGreaterThanOrEqual(PACKETS);
  },
  TIMEOUT,
);

test("a search ends when it is asked to", async () => {
  let asked = 0;
  const proceed = () => ++asked < 4;
  const found = await search({ seed: 1, packets: 1e9, lockstep: 50 }, proceed);
  expect([found.batch, found.failure]).toEqual([4, undefined]);
});

test("the packets of an episode are the same again", async () => {
  const kind = { checked: false, lockstep: false };
  const [once, again] = [await collect(7, 3, kind), await collect(7, 3, kind)];
  expect(again).toEqual(once);
  expect(once.groups.length).toBe(3);
});

const V4 = { saddr: "10.244.1.5", daddr: "10.96.0.10", sport: 40000, dport: 80 };
const V6 = { ...V4, saddr: "fd00:10:244:1::5", daddr: "fd00:96::10" };
const SPECS: readonly (readonly [name: string, spec: PacketSpec])[] = [
  ["TCP", { ...V4, flags: "S", payload: "words" }],
  ["UDP", { ...V4, proto: "udp", payload: "odd" }],
  ["SCTP", { ...V4, proto: "sctp", chunks: [{ type: "INIT", value: new Uint8Array(16).fill(1) }] }],
  ["TCP over IPv6", { ...V6, flags: "S" }],
  ["a reject", { ...V4, daddr: "10.96.0.40", proto: "udp" }],
  ["a reject over IPv6", { ...V6, daddr: "fd00:96::40", proto: "udp" }],
];

describe("examination", () => {
  test.each(SPECS)("%s: any other byte that changes is noticed", async (_, spec) => {
    const came = packet(spec);
    const { verdict, packet: left } = (await scene()).process(came, { now: 0 });
    expect(left).not.toEqual(came);
    examine(came, left, verdict, ETHERNET);
    for (let at = 14; at < left.length; at++) {
      const wrong = left.slice();
      wrong[at]! ^= 0x10;
      expect(() => examine(came, wrong, verdict, ETHERNET), `byte ${at}`).toThrow(Defect);
    }
  });

  test("a checksum where there was none is noticed", async () => {
    const came = packet({ ...V4, proto: "udp", checksum: 0 });
    const { verdict, packet: left } = (await scene()).process(came, { now: 0 });
    examine(came, left, verdict, ETHERNET);
    left[41] = 1;
    expect(() => examine(came, left, verdict, ETHERNET)).toThrow(Defect);
  });

  test("a length that changes is noticed", async () => {
    const came = packet(V4);
    const { verdict, packet: left } = (await scene()).process(came, { now: 0 });
    expect(() => examine(came, left.subarray(1), verdict, ETHERNET)).toThrow(Defect);
  });

  test("a dropped packet that was changed is noticed", () => {
    const [came, left] = [packet(V4), packet({ ...V4, sport: 1 })];
    expect(() => examine(came, left, "DROP", ETHERNET)).toThrow(Defect);
  });

  test("an abort is noticed", () => {
    expect(() => examine(packet(V4), packet(V4), "ABORTED", ETHERNET)).toThrow(Defect);
  });
});

async function scene(): Promise<Dataplane> {
  const capacity = { connections: 8, connections6: 8, slots: 256, batch: 4 };
  const dataplane = await createModel({ node: NODE, capacity });
  dataplane.apply(parseObjects([...OBJECTS]));
  return dataplane;
}

describe("reduction", () => {
  const group = (waited: number, ...fills: number[]): Group => ({
    waited,
    packets: fills.map((fill) => ({ bytes: Uint8Array.of(fill), options: {} })),
  });

  test("leaves the packets a failure needs, and the time between them", async () => {
    const groups = [group(1, 1, 2, 3), group(20, 4, 5), group(300, 6), group(4000, 7, 8)];
    const check = async (given: { groups: readonly Group[] }) => {
      const fills = given.groups.flatMap(({ packets }) => packets.map(({ bytes }) => bytes[0]));
      if (fills.includes(2) && fills.includes(7)) throw new Defect("both");
    };
    const given = { name: "", options: {}, objects: [], groups };
    const reduced = await reduce(given, check, new Defect("both"));
    expect(reduced.groups).toEqual([group(1, 2), group(4320, 7)]);
  });

  test("leaves alone what fails for nobody else", async () => {
    const given = { name: "", options: {}, objects: [], groups: [group(1, 1, 2)] };
    expect(await reduce(given, async () => undefined, new Defect("once"))).toEqual(given);
  });
});
