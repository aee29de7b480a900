import { describe, expect, test } from "vitest";
import type { Dataplane } from "../../src/dataplane/dataplane.ts";
import type { Packet } from "../../src/pcap/index.ts";
import { departures, milliseconds, processOne, replay, seconds } from "../../src/replay/replay.ts";
import { createTally } from "../../src/replay/tally.ts";
import { applied, captured, conversation, engines } from "./scene.ts";

const POD = "10.244.1.9";
const VIP = { daddr: "10.96.0.10", dport: 80 };

/** Many connections, several packets in a millisecond, a clock that steps back, one jumbo frame. */
function traffic(): Packet[] {
  const flows = Array.from({ length: 300 }, (_, index) =>
    conversation(index * 0.7, { saddr: POD, sport: 20000 + index, ...VIP }),
  );
  const jumbo = captured(250, {
    saddr: POD,
    sport: 9,
    ...VIP,
    flags: "S",
    payload: new Uint8Array(4000),
  });
  const late = captured(100, { saddr: POD, sport: 10, ...VIP, flags: "S" });
  return [
    ...flows.flat(),
    jumbo,
    late,
    captured(251, { saddr: POD, sport: 11, ...VIP, flags: "S" }),
  ];
}

function copies(dataplane: Dataplane, packets: Iterable<Packet>) {
  return [...mapped(replay(dataplane, packets))];
}

function* mapped(all: ReturnType<typeof replay>) {
  for (const { n, verdict, packet, event } of all)
    yield { n, verdict, packet: packet.slice(), event };
}

describe.each(engines)("replay ($engine)", ({ create }) => {
  test("batches of a millisecond give what packets one by one give", async () => {
    const packets = traffic();
    const batched = copies(await applied(create), packets);
    const alone = await applied(create);
    const single = packets.map((packet, index) => {
      const { n, verdict, packet: data, event } = processOne(alone, packet, index + 1);
      return { n, verdict, packet: data.slice(), event };
    });
    expect(batched).toEqual(single);
  });

  test("packets are numbered through, whatever the chunks are", async () => {
    const packets = traffic();
    const whole = copies(await applied(create), packets);
    const dataplane = await applied(create);
    const parts = [packets.slice(0, 7), [], packets.slice(7)];
    let n = 1;
    const joined = parts.flatMap((part) => {
      const outcomes = [...mapped(replay(dataplane, part, n))];
      n += part.length;
      return outcomes;
    });
    expect(joined).toEqual(whole);
    expect(joined.map((one) => one.n)).toEqual(packets.map((_, index) => index + 1));
  });

  test("leaving in the middle leaves no frame behind in the batch", async () => {
    const dataplane = await applied(create);
    for (const { n } of replay(dataplane, traffic())) if (n === 3) break;
    expect(
      copies(dataplane, [captured(999, { saddr: POD, sport: 7, ...VIP, flags: "S" })]),
    ).toHaveLength(1);
  });

  test("services and verdicts are counted", async () => {
    const tally = createTally();
    const packets = [
      ...conversation(0, { saddr: POD, sport: 1000, ...VIP }),
      captured(5, { saddr: POD, daddr: "10.96.0.11", dport: 80, flags: "S" }),
      captured(6, { saddr: POD, daddr: "192.0.2.1", dport: 80, flags: "S" }),
    ];
    for (const replayed of replay(await applied(create), packets)) tally.add(replayed);
    const { services, verdicts, packets: length, first, last } = tally.summary();
    expect([length, first, last]).toEqual([10, 0n, 6_000_000n]);
    expect(services.map(({ service, flows }) => [service, flows])).toEqual([
      ["default/empty", 0],
      ["default/web:http", 1],
    ]);
    expect(services[0]?.backends).toMatchObject([{ backend: null, packets: 1 }]);
    expect(services[1]?.backends).toMatchObject([{ flows: 1, packets: 5 }]);
    expect(verdicts).toContainEqual(
      expect.objectContaining({
        verdict: "TX",
        action: "reject",
        reason: "no-endpoints",
        packets: 1,
      }),
    );
  });
});

test("both engines replay alike", async () => {
  const [wasm, model] = await Promise.all(engines.map(({ create }) => applied(create)));
  if (!wasm || !model) throw new Error("two engines");
  expect(copies(wasm, traffic())).toEqual(copies(model, traffic()));
});

test("both engines live through timestamps that jump as far as a file can say", async () => {
  const step = (ms: number, sport: number) =>
    captured(ms, { saddr: POD, sport, ...VIP, flags: "S" });
  const far = (time: bigint, sport: number) => ({ ...step(0, sport), time });
  const packets = [
    step(5, 1),
    step(6, 1),
    far(2n ** 63n * 1000n, 1),
    step(7, 1),
    far(-(2n ** 70n), 2),
    far(2n ** 64n * 1000n, 1),
  ];
  const [wasm, model] = await Promise.all(engines.map(({ create }) => applied(create)));
  if (!wasm || !model) throw new Error("two engines");
  const outcomes = copies(wasm, packets);
  expect(outcomes.map(({ event }) => event.action)).toEqual(Array(6).fill("dnat"));
  expect(outcomes).toEqual(copies(model, packets));
  expect(wasm.counters()).toEqual(model.counters());
});

test("times are told with nine decimals", () => {
  expect([0n, 1n, 1_500_000_000n, 1_389_719_041_819_644_000n].map(seconds)).toEqual([
    "0.000000000",
    "0.000000001",
    "1.500000000",
    "1389719041.819644000",
  ]);
  expect(milliseconds(1_999_999n)).toBe(1);
});

test("only what passes or is sent back leaves, and after it the fragments that waited", async () => {
  const dataplane = await applied(engines[0].create);
  const [replayed] = replay(dataplane, [captured(0, { saddr: POD, sport: 7, ...VIP, flags: "S" })]);
  if (!replayed) throw new Error("nothing was replayed");
  const leaving = (["ABORTED", "DROP", "PASS", "TX", "REDIRECT"] as const).filter(
    (verdict) => departures({ ...replayed, verdict }).length > 0,
  );
  expect(leaving).toEqual(["PASS", "TX", "REDIRECT"]);
  const late = { packet: new Uint8Array(7), event: replayed.event };
  expect(departures({ ...replayed, released: [late] }).map(({ packet }) => packet)).toEqual([
    replayed.packet,
    late.packet,
  ]);
});
