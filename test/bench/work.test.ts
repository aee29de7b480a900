/** What the benchmark sends is what it says: whole packets in good order, each of which is translated. */
import { describe, expect, it } from "vitest";
import type { Row, Work } from "../../bench/heats/contestant.ts";
import { createFeed } from "../../bench/rows/feed.ts";
import { ARENA, frameAt, makeWork } from "../../bench/rows/work.ts";
import type { Dataplane } from "../../src/dataplane/dataplane.ts";
import { createDataplane, parseObjects } from "../../src/index.ts";
import { verify } from "../../src/packet/checksum.ts";
import { tupleOf } from "../../src/packet/parse.ts";
import { PLAIN } from "./row.ts";

const ETHERNET = 1;
const ROWS: readonly Row[] = [
  PLAIN,
  { ...PLAIN, name: "one flow", flows: 1 },
  { ...PLAIN, name: "datagrams", proto: "udp" },
  { ...PLAIN, name: "both protocols", proto: "mixed" },
  { ...PLAIN, name: "IPv6", family: "ipv6", proto: "mixed" },
  { ...PLAIN, name: "forward", kind: "forward" },
  { ...PLAIN, name: "reply", kind: "reply" },
  { ...PLAIN, name: "new", kind: "new", flows: 4096 },
  { ...PLAIN, name: "mixed", kind: "mixed" },
  { ...PLAIN, name: "masquerade", masquerade: true },
  { ...PLAIN, name: "masquerade, IPv6", masquerade: true, family: "ipv6", proto: "mixed" },
  { ...PLAIN, name: "long frames", payload: 1446 },
];
/** Frames looked at one by one. */
const SAMPLE = 200;

interface Passage {
  readonly before: Uint8Array;
  readonly after: Uint8Array;
}

/** Opens the connections of a row and takes an arena full of its packets through. */
function play(dataplane: Dataplane, work: Work): Passage[] {
  const { batch } = dataplane;
  dataplane.apply(parseObjects(work.objects));
  work.opening.forEach((pack, number) => {
    batch.clear();
    for (let at = 0; at < pack.bytes.length; at += pack.size) {
      batch.push(pack.bytes.subarray(at, at + pack.size));
    }
    batch.process(3000 * number);
  });
  const feed = createFeed(work, batch.memory);
  batch.clear();
  const before: Uint8Array[] = [];
  for (let i = 0; i < ARENA; i++) {
    feed.write(batch.frameAt(i));
    batch.commit(feed.size);
    if (i < SAMPLE) before.push(batch.packet(i).slice());
  }
  batch.process(3000 * work.opening.length);
  return before.map((frame, index) => ({ before: frame, after: batch.packet(index).slice() }));
}

describe.each(ROWS)("$name", (row) => {
  it("has packets with good checksums, all of which are translated", async () => {
    const work = await makeWork(row);
    const dataplane = await createDataplane(work.options);
    for (const { before, after } of play(dataplane, work)) {
      expect([verify(before, ETHERNET).transport, verify(after, ETHERNET).transport]).toEqual([
        "good",
        "good",
      ]);
      expect(tupleOf(after, ETHERNET)).not.toEqual(tupleOf(before, ETHERNET));
    }
    const { packets, actions, conntrack } = dataplane.counters();
    expect(actions.dnat + actions.reply).toBe(packets);
    expect(conntrack.invalid).toBe(0);
  });
});

it("knows the tuples of open connections, which are those of their frames", async () => {
  const { opened, forward, reply } = await makeWork({ ...PLAIN, masquerade: true });
  const { orig, reply: back } = opened(7);
  expect(orig).toEqual(tupleOf(frameAt(forward, 7), ETHERNET));
  expect(back).toEqual(tupleOf(frameAt(reply, 7), ETHERNET));
  expect(back).toMatchObject({ sport: 8080, daddr: "192.168.0.10", dport: orig.sport });
});

it("visits flows evenly, or the popular ones more often", async () => {
  const even = await makeWork({ ...PLAIN, flows: 64 });
  expect(new Set(even.visits)).toEqual(new Set([even.order.length / 64]));
  const zipf = await makeWork({ ...PLAIN, flows: 64, popularity: "zipf" });
  const counts = [...zipf.visits].sort((a, b) => b - a);
  expect((counts[0] as number) / (counts[3] as number)).toBeCloseTo(4, 0);
});

it("opens one new connection in a hundred packets of kind mixed, each of them once", async () => {
  const { order } = await makeWork({ ...PLAIN, kind: "mixed" });
  const fresh = order.filter((flow) => flow >= PLAIN.flows);
  expect(fresh.length).toBe(Math.floor(order.length / 100));
  expect(new Set(fresh).size).toBe(fresh.length);
});
