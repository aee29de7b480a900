/** Fragments that come before the one with the ports: what is said of them is what one engine says. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  createDataplane,
  createDataplanePool,
  type Dataplane,
  type DataplanePool,
  parseObjects,
} from "../../src/index.ts";
import { pieces } from "../conformance/pieces.ts";
import { NODE, OBJECTS, REQUEST, REQUEST_IPV6 } from "../conformance/scene.ts";
import { createDice } from "../fuzz/dice.ts";
import { outcomeOf } from "./mixture.ts";

const OPTIONS = {
  node: NODE,
  seed: 7,
  scheduler: "maglev" as const,
  capacity: { slots: 65536, batch: 64, fragments: 6, datagrams: 4, frame: 256 },
};
const WORKERS = 3;
const PAYLOAD = Uint8Array.from({ length: 60 }, (_, i) => i);

/** Of a datagram of a flow, or of a TCP segment whose header is not in one piece. */
function datagram(sport: number, proto: "udp" | "tcp" | "sctp", v6 = false): Uint8Array[] {
  const saddr = v6 ? `2001:db8:f::${sport.toString(16)}` : `203.0.113.${sport % 250}`;
  const asked = v6 ? REQUEST_IPV6 : REQUEST;
  return pieces({ ...asked, saddr, sport, proto, payload: PAYLOAD }, 16, 32, 48);
}

let alone: Dataplane;
let pool: DataplanePool;
beforeAll(async () => {
  alone = await createDataplane(OPTIONS);
  pool = await createDataplanePool({ ...OPTIONS, workers: WORKERS });
  alone.apply(parseObjects([...OBJECTS]));
  await pool.apply(parseObjects([...OBJECTS]));
});
afterAll(() => pool.close());

async function demandSame(frames: readonly Uint8Array[], now: number): Promise<void> {
  const [batch] = pool.batches;
  for (const each of [batch, alone.batch]) {
    each.clear();
    for (const frame of frames) each.push(frame);
  }
  alone.batch.process(now, { events: true });
  await batch.process(now, { events: true });
  expect(outcomeOf(batch, frames.length)).toEqual(outcomeOf(alone.batch, frames.length));
  expect(pool.counters()).toEqual(alone.counters());
}

let now = 0;

/** Past every timeout, and the pool has been told the time: nothing is followed any more. */
async function later(): Promise<number> {
  now += 200_000;
  await demandSame([], now);
  return now;
}

describe.each(["udp", "tcp", "sctp"] as const)("%s", (proto) => {
  test.each([false, true])("in every order, IPv6 %s", async (v6) => {
    const dice = createDice(3);
    for (let round = 0; round < 12; round++) {
      await demandSame(dice.shuffled(datagram(41000 + round, proto, v6)), await later());
    }
  });

  test("a fragment in each batch, the first one last", async () => {
    const start = await later();
    const parts = datagram(42000, proto).toReversed();
    for (const [index, part] of parts.entries()) await demandSame([part], start + index);
  });

  test("duplicates and overlaps", async () => {
    const [a, b, c, d] = datagram(43000, proto) as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
    const asked = { ...REQUEST, saddr: `203.0.113.${43001 % 250}`, sport: 43001, payload: PAYLOAD };
    const crossing = pieces({ ...asked, proto }, 24, 40);
    await demandSame([b, b, c, a, b, a, d], await later());
    await demandSame([d, b, d, a, c], await later());
    await demandSame(
      [crossing[1]!, ...datagram(43001, proto).slice(1), crossing[0]!],
      await later(),
    );
  });

  test("to a Service that turns it away, what comes behind too", async () => {
    const asked = { ...REQUEST, saddr: "203.0.113.5", sport: 44000, daddr: "10.96.0.40", proto };
    const parts = pieces({ ...asked, payload: PAYLOAD }, 16, 32);
    const start = await later();
    await demandSame([parts[1]!, parts[0]!, parts[2]!], start);
    await demandSame([parts[1]!, parts[2]!, parts[0]!], start + 1000);
    await demandSame([parts[1]!, parts[0]!, parts[2]!], await later());
  });
});

test("what is no fragment in order is judged at once", async () => {
  const [, whole] = datagram(45000, "udp") as [Uint8Array, Uint8Array];
  const damaged = whole.slice();
  damaged[24] = damaged[24]! ^ 0xff;
  const ragged = whole.subarray(0, whole.length - 3);
  await demandSame([damaged, ragged, whole.subarray(0, 30), whole], await later());
});

test("no more wait than there is room for", async () => {
  const parts = [46000, 46001].flatMap((sport) => datagram(sport, "udp").slice(1));
  await demandSame([...parts, ...datagram(46002, "udp").slice(1)], await later());
  await demandSame([datagram(46000, "udp")[0]!], now + 1);
  await demandSame(datagram(46003, "udp").slice(1), now + 2);
});

test("no more datagrams are followed than there is room for", async () => {
  const firsts = [47000, 47001, 47002, 47003].map((sport) => datagram(sport, "udp")[1]!);
  await demandSame(
    [...firsts, datagram(47004, "udp")[1]!, datagram(47005, "udp")[0]!],
    await later(),
  );
});

test("those that wait are given up in time, and by a flush", async () => {
  const start = await later();
  const [a, b] = datagram(48000, "udp") as [Uint8Array, Uint8Array];
  await demandSame([b], start);
  await demandSame([], start + 29_000);
  await demandSame([], start + 32_000);
  await demandSame([a], start + 32_001);
  await demandSame([datagram(48001, "udp")[2]!], await later());
  alone.flush();
  await pool.flush();
  await demandSame([datagram(48001, "udp")[0]!], now + 1);
});

test("a batch that has no room for all that waits for a fragment says so, and takes it when it is empty", async () => {
  const small = await createDataplanePool({
    ...OPTIONS,
    workers: 2,
    capacity: { ...OPTIONS.capacity, batch: 2, fragments: 3 },
  });
  try {
    await small.apply(parseObjects([...OBJECTS]));
    const [first, second] = small.batches;
    const [a, b, c, d] = datagram(49000, "udp") as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
    for (const part of [c, d]) first.push(part);
    await first.process(0);
    first.clear();
    first.push(b);
    await first.process(0);
    for (const part of [a, a]) second.push(part);
    expect(() => second.push(a)).toThrow(expect.objectContaining({ code: "batch-full" }));
    await second.process(0, { events: true });
    expect(second.released()).toHaveLength(3);
    expect(second.released().map(({ by }) => by)).toEqual([0, 0, 0]);
  } finally {
    await small.close();
  }
});
