/** Datagrams in fragments: each is translated for itself; those that come before the ports are known wait for them. */
import { describe, expect, test } from "vitest";
import type { Dataplane, FrameOptions, ProcessResult } from "../../src/dataplane/dataplane.ts";
import type { PacketEvent } from "../../src/dataplane/event.ts";
import type { Frame } from "./frame.ts";
import { pieces } from "./pieces.ts";
import {
  answer,
  CLIENT,
  DELIVERED,
  DELIVERED_IPV6,
  NODE_IPV4,
  REQUEST,
  REQUEST_IPV6,
  WEB_BACKEND,
} from "./scene.ts";
import { EPOCH, eachDataplane } from "./walk.ts";

const payload = Uint8Array.from({ length: 40 }, (_, i) => i);
const UDP = { proto: "udp", payload } as const;
const SENT: Frame = { ...REQUEST, ...UDP };
const THERE: Frame = { ...DELIVERED, ...UDP };
const VACANT: Frame = { ...SENT, daddr: "10.96.0.40" };
const CUTS = [16, 32];

const HELD = {
  verdict: "DROP",
  action: "hold",
  reason: "fragment",
  conntrack: "none",
  service: null,
  backend: null,
  after: null,
} as const;

type Fates = { readonly result: ProcessResult; readonly event: PacketEvent }[];

function send(
  dataplane: Dataplane,
  frames: readonly Uint8Array[],
  { at = 0, ...options }: FrameOptions & { at?: number } = {},
): Fates {
  return frames.map((frame) => {
    const result = dataplane.process(frame, { now: EPOCH + at, ...options });
    return { result, event: result.event };
  });
}

/** Addresses of a frame, the ports only of a fragment that has them. */
function tupleOf({ saddr, sport, daddr, dport, proto }: Frame, ported: boolean) {
  return { saddr, sport: ported ? sport : 0, daddr, dport: ported ? dport : 0, proto };
}

function plain(bytes: readonly Uint8Array[]): string[] {
  return bytes.map((each) => Buffer.from(each).toString("hex"));
}

function packetsOf(fates: Fates): string[] {
  return plain(fates.map(({ result }) => result.packet));
}

function releasedBy({ result }: Fates[number]): string[] {
  return plain(result.released.map(({ packet }) => packet));
}

function reversed<T>(items: readonly T[]): T[] {
  return [...items].reverse();
}

describe("in their order", () => {
  eachDataplane({}, (dataplane) => {
    test.each([
      { name: "IPv4", from: SENT, to: THERE },
      { name: "IPv6", from: { ...REQUEST_IPV6, ...UDP }, to: { ...DELIVERED_IPV6, ...UDP } },
    ])("each leaves at once, translated: $name", ({ from, to }) => {
      const fates = send(dataplane(), pieces(from, ...CUTS));
      expect(packetsOf(fates)).toEqual(plain(pieces(to, ...CUTS)));
      expect(fates.map(({ event }) => [event.action, event.conntrack])).toEqual([
        ["dnat", "new"],
        ["dnat", "established"],
        ["dnat", "established"],
      ]);
      expect(fates.map(({ result }) => result.released)).toEqual([[], [], []]);
      expect(dataplane().counters().fragments).toEqual({ held: 0, released: 0, discarded: 0 });
    });
  });
});

describe("out of order", () => {
  eachDataplane({}, (dataplane) => {
    test.each([
      { name: "IPv4", from: SENT, to: THERE },
      { name: "IPv6", from: { ...REQUEST_IPV6, ...UDP }, to: { ...DELIVERED_IPV6, ...UDP } },
      {
        name: "masqueraded",
        from: { ...SENT, saddr: CLIENT, daddr: NODE_IPV4, dport: 30080 },
        to: { ...THERE, saddr: NODE_IPV4 },
      },
    ])("they wait for the first, and leave behind it: $name", ({ from, to }) => {
      const fates = send(dataplane(), reversed(pieces(from, ...CUTS)));
      const [, middle, last] = pieces(to, ...CUTS).map((piece) => plain([piece])[0]);
      for (const { event } of fates.slice(0, 2)) {
        expect(event).toMatchObject({ ...HELD, before: tupleOf(from, false) });
      }
      const first = fates[2]!;
      expect(first.event).toMatchObject({ action: "dnat", conntrack: "new" });
      expect(packetsOf([first])).toEqual(plain(pieces(to, ...CUTS).slice(0, 1)));
      expect(releasedBy(first)).toEqual([last, middle]);
      for (const { event } of first.result.released) {
        expect(event).toEqual({
          ...first.event,
          conntrack: "established",
          before: tupleOf(from, false),
          after: tupleOf(to, false),
        });
      }
      expect(dataplane().counters().fragments).toEqual({ held: 2, released: 2, discarded: 0 });
      expect(dataplane().counters().actions).toMatchObject({ hold: 2, dnat: 1 });
    });

    test("answers too", () => {
      send(dataplane(), pieces(SENT, ...CUTS));
      const fates = send(dataplane(), reversed(pieces(answer(THERE), ...CUTS)));
      const [, middle, last] = plain(pieces(answer(SENT), ...CUTS));
      expect(releasedBy(fates[2]!)).toEqual([last, middle]);
      expect(fates[2]!.result.released.map(({ event }) => event)).toEqual([
        expect.objectContaining({ action: "reply", conntrack: "reply", backend: WEB_BACKEND }),
        expect.objectContaining({ before: tupleOf(answer(THERE), false) }),
      ]);
    });

    test.each([
      {
        name: "a TCP header in pieces",
        from: { ...REQUEST, payload },
        to: { ...DELIVERED, payload },
        order: [0, 1, 2],
      },
      {
        name: "SCTP, whose sum covers all",
        from: { ...REQUEST, proto: "sctp", payload } as const,
        to: { ...DELIVERED, proto: "sctp", payload } as const,
        order: [1, 0, 2],
      },
      {
        name: "SCTP over IPv6",
        from: { ...REQUEST_IPV6, proto: "sctp", payload } as const,
        to: { ...DELIVERED_IPV6, proto: "sctp", payload } as const,
        order: [1, 0, 2],
      },
    ])("the one with the ports may wait itself: $name", ({ from, to, order }) => {
      const cuts = from.saddr.includes(":") ? [16, 24] : [8, 16];
      const [sent, there] = [pieces(from, ...cuts), plain(pieces(to, ...cuts))];
      const fates = send(
        dataplane(),
        order.map((index) => sent[index]!),
      );
      expect(releasedBy(fates[2]!)).toEqual(order.slice(0, 2).map((index) => there[index]));
      expect(packetsOf(fates.slice(2))).toEqual([there[2]]);
      const events = fates[2]!.result.released.map(({ event }) => event);
      expect(events.map(({ before, after }) => ({ before, after }))).toEqual(
        order.slice(0, 2).map((index) => ({
          before: tupleOf(from, index === 0),
          after: tupleOf(to, index === 0),
        })),
      );
    });

    test("what no Service is dialled with leaves as it came", () => {
      const foreign = pieces({ ...SENT, daddr: "203.0.113.2" }, ...CUTS);
      const fates = send(dataplane(), reversed(foreign));
      expect(releasedBy(fates[2]!)).toEqual(plain(reversed(foreign.slice(1))));
      expect(fates[2]!.result.released[0]!.event).toMatchObject({
        action: "pass",
        conntrack: "none",
        before: tupleOf({ ...SENT, daddr: "203.0.113.2" }, false),
        after: tupleOf({ ...SENT, daddr: "203.0.113.2" }, false),
      });
    });

    test("each is told by the link it came in on", () => {
      const raw = pieces({ ...SENT, link: "raw" }, ...CUTS);
      send(dataplane(), [raw[2]!], { linkType: "raw" });
      send(dataplane(), [raw[1]!], { linkType: 228 });
      const [first] = send(dataplane(), pieces(SENT, ...CUTS).slice(0, 1));
      const there = plain(pieces({ ...THERE, link: "raw" }, ...CUTS));
      expect(releasedBy(first!)).toEqual([there[2], there[1]]);
      expect(first!.result.released.map(({ event }) => event.after)).toEqual([
        tupleOf(THERE, false),
        tupleOf(THERE, false),
      ]);
    });

    test("datagrams under way at the same time are not mixed up", () => {
      const [one, two] = [SENT, { ...SENT, saddr: "10.244.1.6", sport: 7 }];
      send(dataplane(), [pieces(one, ...CUTS)[1]!, pieces(two, ...CUTS)[2]!]);
      const fates = send(dataplane(), [pieces(two, ...CUTS)[0]!, pieces(one, ...CUTS)[0]!]);
      expect(releasedBy(fates[0]!)).toEqual(
        plain([pieces({ ...two, daddr: THERE.daddr, dport: 8080 }, ...CUTS)[2]!]),
      );
      expect(fates[1]!.result.released.map(({ event }) => event.before)).toEqual([
        tupleOf(one, false),
      ]);
    });
  });
});

describe("not let go", () => {
  eachDataplane({}, (dataplane) => {
    test("when the first is turned away", () => {
      const sent = pieces(VACANT, ...CUTS);
      const fates = send(dataplane(), [sent[1]!, sent[0]!, sent[2]!]);
      expect(fates.map(({ event }) => [event.verdict, event.reason])).toEqual([
        ["DROP", "fragment"],
        ["TX", "no-endpoints"],
        ["DROP", "no-endpoints"],
      ]);
      expect(fates[1]!.result.released).toEqual([]);
      expect(dataplane().counters().fragments).toEqual({ held: 1, released: 0, discarded: 1 });
    });

    test.each([
      { family: "IPv4", timeout: 30_000, from: SENT },
      { family: "IPv6", timeout: 60_000, from: { ...REQUEST_IPV6, ...UDP } },
    ])("when the first comes too late: $family", ({ timeout, from }) => {
      const sent = pieces(from, ...CUTS);
      send(dataplane(), [sent[2]!]);
      send(dataplane(), [sent[1]!], { at: timeout });
      const [late] = send(dataplane(), [sent[0]!], { at: timeout + 1 });
      expect(late!.event.action).toBe("dnat");
      expect(late!.result.released).toEqual([]);
      expect(dataplane().counters().fragments).toEqual({ held: 2, released: 0, discarded: 2 });
    });

    test("after a flush", () => {
      const sent = pieces(SENT, ...CUTS);
      send(dataplane(), [sent[2]!]);
      dataplane().flush();
      const [first] = send(dataplane(), [sent[0]!]);
      expect(first!.result.released).toEqual([]);
      expect(dataplane().counters().fragments.discarded).toBe(1);
    });

    test("twice, nor when they overlap", () => {
      const sent = pieces(SENT, ...CUTS);
      const overlapping = pieces(SENT, 24)[1]!;
      const fates = send(dataplane(), [sent[1]!, sent[1]!, overlapping, sent[0]!]);
      expect(fates.map(({ event }) => event.reason)).toEqual([
        "fragment",
        "fragment-duplicate",
        "fragment-overlap",
        "fragment-overlap",
      ]);
      expect(dataplane().counters().fragments).toEqual({ held: 1, released: 0, discarded: 1 });
    });
  });
  eachDataplane({ sysctls: { ipfrag_time: 5 } }, (dataplane) => {
    test("when the kernel is told to be less patient", () => {
      const sent = pieces(SENT, ...CUTS);
      send(dataplane(), [sent[2]!]);
      const [late] = send(dataplane(), [sent[0]!], { at: 5_001 });
      expect(late!.result.released).toEqual([]);
    });
  });
  eachDataplane({ capacity: { fragments: 1, datagrams: 2, frame: 128 } }, (dataplane) => {
    test("when there is no room to keep them", () => {
      const sent = pieces(SENT, ...CUTS);
      const long = pieces({ ...SENT, payload: new Uint8Array(400) }, 8)[1]!;
      const reasons = (frames: Uint8Array[]) =>
        send(dataplane(), frames).map(({ event }) => event.reason);
      expect(reasons([long])).toEqual(["fragment-full"]);
      dataplane().flush();
      expect(reasons([sent[2]!, sent[1]!])).toEqual(["fragment", "fragment-full"]);
      expect(releasedBy(send(dataplane(), [sent[0]!])[0]!)).toHaveLength(1);
      expect(reasons([pieces({ ...SENT, saddr: "10.244.1.6" }, ...CUTS)[2]!])).toEqual([
        "fragment",
      ]);
    });

    test("when there are too many datagrams to follow", () => {
      const first = (saddr: string) => pieces({ ...SENT, saddr }, ...CUTS)[0]!;
      const fates = send(dataplane(), ["10.244.1.6", "10.244.1.7", "10.244.1.8"].map(first));
      expect(fates.map(({ event }) => event.reason)).toEqual([null, null, "fragment-full"]);
    });
  });
});

describe("in a batch", () => {
  eachDataplane({}, (dataplane) => {
    const push = (...frames: Uint8Array[]) => {
      for (const frame of frames) dataplane().batch.push(frame);
    };
    const sent = pieces(SENT, ...CUTS);
    const there = plain(pieces(THERE, ...CUTS));

    test("they name the frame they leave after, in a second round too", () => {
      const { batch } = dataplane();
      push(sent[2]!);
      batch.process(EPOCH, { events: true });
      expect(batch.released()).toEqual([]);
      push(sent[1]!, new Uint8Array(60), sent[0]!);
      batch.process(EPOCH, { events: true });
      const released = batch.released();
      expect(released.map(({ by }) => by)).toEqual([3, 3]);
      expect(plain(released.map(({ packet }) => packet))).toEqual([there[2], there[1]]);
      for (const { event } of released) {
        expect(event).toEqual({
          ...batch.event(3),
          conntrack: "established",
          before: tupleOf(SENT, false),
          after: tupleOf(THERE, false),
        });
      }
      batch.process(EPOCH);
      expect(batch.released()).toEqual([]);
    });

    test("their events cost nothing where none are asked for", () => {
      const { batch } = dataplane();
      push(sent[1]!, sent[0]!);
      batch.process(EPOCH);
      const [released] = batch.released();
      expect(plain([released!.packet])).toEqual([there[1]]);
      expect(() => released!.event).toThrow(expect.objectContaining({ code: "events-off" }));
    });

    test("a packet taken through alone says nothing of them", () => {
      const { batch, process } = dataplane();
      push(sent[1]!, sent[0]!);
      batch.process(EPOCH, { events: true });
      const alone = process(pieces({ ...SENT, sport: 9 }, ...CUTS)[0]!, { now: EPOCH });
      expect(alone.released).toEqual([]);
      expect(batch.released()).toHaveLength(1);
      batch.clear();
      expect(batch.released()).toEqual([]);
    });

    test("packets that release none share one empty list, which nobody can change", () => {
      const results = send(dataplane(), sent).map(({ result }) => result.released);
      expect(new Set(results).size).toBe(1);
      expect(Object.isFrozen(results[0])).toBe(true);
    });
  });
});
