import { beforeEach, describe, expect, test } from "vitest";
import { LINK_SLOT_ETHERNET } from "../../abi/layout.ts";
import { LINK_ETHERNET } from "../../abi/limits.ts";
import type { Capacity } from "../../src/dataplane/dataplane.ts";
import type { FrameInput, Outcome } from "../../src/dataplane/engine.ts";
import type { Config, Proto } from "../../src/dataplane/entries.ts";
import { ACTIONS, CONNTRACKS, REASONS, VERDICTS } from "../../src/dataplane/event.ts";
import { fragments, type PacketSpec, packet } from "../../src/packet/build.ts";
import * as checksum from "../../src/packet/checksum.ts";
import {
  answer,
  CLIENT6,
  ENDPOINT,
  ENDPOINT6,
  INVALID,
  LATER,
  LEFT_ALONE,
  NEW,
  POD,
  REPLY,
  VIP,
  VIP6,
  web,
} from "./scene.ts";
import {
  CONFIG,
  type Content,
  createWorld,
  REJECT,
  routes,
  UNMARKED,
  type World,
} from "./world.ts";

const HELD = {
  verdict: "DROP",
  action: "hold",
  reason: "fragment",
  conntrack: "none",
  service: 0,
  backend: 0,
};
const DROPPED = { ...HELD, action: "drop" };

interface Leaving {
  readonly packet: Uint8Array;
  readonly sport: number;
  readonly dport: number;
}

interface Crossing extends Leaving {
  readonly released: readonly Leaving[];
}

function named(outcome: Outcome) {
  return {
    ...outcome,
    verdict: VERDICTS[outcome.verdict],
    action: ACTIONS[outcome.action],
    reason: REASONS[outcome.reason],
    conntrack: CONNTRACKS[outcome.conntrack],
  };
}

type Options = Partial<FrameInput> & { readonly now?: number };

/** Sends a frame through, and says with its outcome what it has let go. */
function send(world: World, frame: Uint8Array, { now = 0, ...options }: Options = {}): Crossing {
  const input = {
    interface: 0,
    local: false,
    link: LINK_SLOT_ETHERNET,
    wireLength: frame.length,
    ...UNMARKED,
    ...options,
  };
  const { outcome, packet, released } = world.engine.process(frame, input, now);
  return {
    ...named(outcome),
    packet,
    sport: 0,
    dport: 0,
    released: released.map((one) => ({ ...one, ...named(one.outcome) })),
  };
}

const CAPACITY = { datagrams: 3, fragments: 3, frame: 1600 };

function createScene(
  proto: Proto = "udp",
  {
    config = {},
    content = {},
    capacity = {},
  }: {
    readonly config?: Partial<Config>;
    readonly content?: Content;
    readonly capacity?: Partial<Capacity>;
  } = {},
): World {
  const podRanges = { ...CONFIG.podRanges, ipv6: [{ first: CLIENT6, last: CLIENT6 }] };
  const fragmentTimeouts = { ipv4: 30_000, ipv6: 60_000 };
  const whole = { ...CONFIG, podRanges, checksum: true, fragmentTimeouts, ...config };
  return createWorld(
    { ...web(proto), config: [["config", whole]], ...content },
    { ...CAPACITY, ...capacity },
  );
}

const PAYLOAD = Uint8Array.from({ length: 61 }, (_, at) => at * 7);
const QUERY: PacketSpec = {
  saddr: POD,
  sport: 40000,
  daddr: VIP,
  dport: 80,
  proto: "udp",
  payload: PAYLOAD,
  id: 77,
};
const ARRIVED: PacketSpec = { ...QUERY, daddr: ENDPOINT, dport: 8080 };
const QUERY6: PacketSpec = { ...QUERY, saddr: CLIENT6, daddr: VIP6 };
const ARRIVED6: PacketSpec = { ...ARRIVED, saddr: CLIENT6, daddr: ENDPOINT6 };
const FAMILIES = [
  ["IPv4", QUERY, ARRIVED, 1],
  ["IPv6", QUERY6, ARRIVED6, 2],
] as const;
/** What opens a connection of each protocol, long enough to be cut. */
const OPENERS: Readonly<Record<Proto, Partial<PacketSpec>>> = {
  tcp: { proto: "tcp", flags: "S", tcpOptions: { mss: 1460, windowScale: 7 } },
  udp: { proto: "udp" },
  sctp: {
    proto: "sctp",
    chunks: [{ type: "INIT", value: new Uint8Array(60).fill(1) }],
    payload: "",
  },
};

/** One fragment of any bytes. */
function piece(offset: number, length: number, more: boolean, change: Partial<PacketSpec> = {}) {
  const fragment = { id: 77, offset, more };
  const later = { ...QUERY, fragment, payload: PAYLOAD.subarray(0, length), ...change };
  if (offset > 0) return packet(later);
  return packet({ ...later, payload: PAYLOAD.subarray(0, length - 8), udpLength: 200 });
}

/** Everything that has left, in order, of frames sent one after another. */
function pass(world: World, frames: readonly Uint8Array[]): Uint8Array[] {
  return frames.flatMap((frame) => {
    const crossing = send(world, frame) as Crossing & { verdict: string };
    const own = crossing.verdict === "PASS" ? [crossing.packet] : [];
    return [...own, ...crossing.released.map(({ packet }) => packet)];
  });
}

describe("a datagram in pieces comes out as the pieces of the translated one", () => {
  const orders = [
    ["in order", (frames: Uint8Array[]) => frames],
    ["last first", (frames: Uint8Array[]) => frames.toReversed()],
    ["first last", ([first, ...rest]: Uint8Array[]) => [...rest, first!]],
    [
      "even ones first",
      (frames: Uint8Array[]) => [
        ...frames.filter((_, at) => at % 2 === 0),
        ...frames.filter((_, at) => at % 2 === 1),
      ],
    ],
  ] as const;

  describe.each(["tcp", "udp", "sctp"] as const)("%s", (proto) => {
    describe.each(FAMILIES)("%s", (family, sent, seen) => {
      // The first fragment of IPv6 has to hold the whole header.
      const smallest = family === "IPv6" ? { tcp: 24, udp: 8, sctp: 16 }[proto] : 8;

      test.each([smallest, 40])("in pieces of %i bytes", (size) => {
        const change = OPENERS[proto];
        const capacity = { fragments: 16 };
        for (const [order, arrange] of orders) {
          const came = fragments({ ...sent, ...change }, size);
          const expected = fragments({ ...seen, ...change }, size);
          const left = pass(createScene(proto, { capacity }), arrange(came));
          const byPlace = (a: Uint8Array, b: Uint8Array) => placeOf(a) - placeOf(b);
          expect(left.toSorted(byPlace), order).toEqual(expected);
        }
      });
    });
  });

  function placeOf(frame: Uint8Array): number {
    const at = frame[14]! >>> 4 === 4 ? 20 : 56;
    return ((frame[at]! << 8) | frame[at + 1]!) & (at === 20 ? 0x1fff : 0xfff8);
  }

  test("answers too", () => {
    for (const [, sent, seen] of FAMILIES) {
      const world = createScene();
      send(world, packet(sent));
      const left = pass(world, fragments(answer(seen), 32));
      expect(left).toEqual(fragments(answer(sent), 32));
    }
  });

  test("a client that is masqueraded too", () => {
    const world = createScene();
    const saddr = "203.0.113.9";
    const left = pass(world, fragments({ ...QUERY, saddr }, 32));
    expect(left).toEqual(fragments({ ...ARRIVED, saddr: "192.168.0.2" }, 32));
  });

  test("with extension headers in front of the ports", () => {
    const chain = (spec: PacketSpec) => {
      const whole = packet({ ...spec, extensions: [{ type: "destination" }], link: "raw" });
      // Cut behind the IPv6 header, as a sender does: the extension header goes with the first piece.
      const body = whole.subarray(40);
      const piece = (offset: number, size: number) =>
        packet({
          ...spec,
          proto: 60,
          payload: body.subarray(offset, offset + size),
          fragment: { id: 5, offset, more: offset + size < body.length },
        });
      return [piece(0, 16), piece(16, 32), piece(48, 32)];
    };
    const came = chain(QUERY6);
    const left = pass(createScene(), [came[1]!, came[0]!, came[2]!]);
    const [first, second, third] = chain(ARRIVED6);
    expect(left).toEqual([first, second, third]);
  });

  test("and none of it is checked: a wrong checksum stays as wrong, none stays none", () => {
    for (const field of [0, 0x1234]) {
      const came = fragments({ ...QUERY, checksum: field }, 32);
      const left = pass(createScene(), came);
      const at = (frames: Uint8Array[]) => checksum.sum(frames[0]!.subarray(26, 66));
      expect(left[0]!.subarray(40, 42)).toEqual(
        field === 0 ? new Uint8Array(2) : expect.anything(),
      );
      if (field !== 0) expect(at(left)).toBe(at(came));
      expect(left.map((frame) => checksum.verify(frame, LINK_ETHERNET).ip)).not.toContain("bad");
    }
  });
});

describe("until the ports are known", () => {
  test("fragments are held, and then leave behind the one that has them", () => {
    const world = createScene();
    const [first, second, third] = fragments(QUERY, 24);
    const expected = fragments(ARRIVED, 24);
    expect(send(world, third!)).toMatchObject({ ...HELD, released: [] });
    expect(send(world, second!)).toMatchObject({ ...HELD, released: [] });
    const crossing = send(world, first!);
    expect(crossing).toMatchObject({ ...NEW, backend: 1, packet: expected[0] });
    const later = { ...LATER, backend: 1, by: 0, link: LINK_SLOT_ETHERNET, sport: 0, dport: 0 };
    expect(crossing.released).toEqual([
      expect.objectContaining({ ...later, packet: expected[2] }),
      expect.objectContaining({ ...later, packet: expected[1] }),
    ]);
    expect(world.engine.counters()).toMatchObject({
      fragments: { held: 2, released: 2, discarded: 0 },
      actions: { hold: 2, dnat: 1 },
      packets: 3,
    });
  });

  test("a fragment that is let go says the ports it came with", () => {
    const world = createScene("tcp");
    const pieces = fragments({ ...QUERY, ...OPENERS.tcp }, 8);
    expect(send(world, pieces[0]!)).toMatchObject(HELD);
    expect(send(world, pieces[1]!)).toMatchObject(HELD);
    const { released } = send(world, pieces[2]!);
    const ports = released.map(({ sport, dport }) => [sport, dport]);
    expect(ports).toEqual([
      [40000, 80],
      [0, 0],
    ]);
  });

  test("later fragments are those of a connection", () => {
    const world = createScene();
    const outcomes = fragments(QUERY, 24).map((frame) => send(world, frame));
    expect(outcomes).toMatchObject([NEW, LATER, LATER]);
    const answers = fragments(answer(ARRIVED), 24).map((frame) => send(world, frame));
    expect(answers).toMatchObject([REPLY, REPLY, REPLY]);
  });

  test("datagrams are told apart by addresses, identification and protocol", () => {
    const world = createScene("udp", { capacity: { datagrams: 8, fragments: 8 } });
    const other = [
      piece(24, 8, true, { fragment: { id: 78, offset: 24, more: true } }),
      piece(24, 8, true, { saddr: "10.244.1.6" }),
      piece(24, 8, true, { daddr: "10.96.0.11" }),
      piece(24, 8, true, { proto: "tcp" }),
    ];
    for (const frame of other) expect(send(world, frame)).toMatchObject(HELD);
    expect(send(world, piece(0, 24, true))).toMatchObject({ ...NEW, released: [] });
  });

  test("SCTP waits for everything, since its checksum covers all of it", () => {
    const world = createScene("sctp");
    const [first, second] = fragments({ ...QUERY, ...OPENERS.sctp }, 48);
    expect(send(world, first!)).toMatchObject(HELD);
    expect(send(world, second!)).toMatchObject({ ...NEW, released: [LATER] });
  });
});

describe("a datagram that is none of our business passes in pieces", () => {
  test.each([
    ["to no service", { daddr: "10.96.0.99" }],
    ["of ICMP, an error too", { proto: "icmp", icmp: { type: 3, code: 1 } }],
    ["of another protocol", { proto: 47 }],
  ] as const)("%s", (_, change) => {
    const world = createScene();
    const [first, second] = fragments({ ...QUERY, ...change }, 40);
    expect(send(world, second!)).toMatchObject(HELD);
    const crossing = send(world, first!);
    expect(crossing).toMatchObject({
      ...LEFT_ALONE,
      packet: first,
      released: [{ packet: second }],
    });
    expect(crossing.released).toMatchObject([{ ...LEFT_ALONE, backend: 0 }]);
  });
});

describe("a datagram that is refused", () => {
  const refusing: Content = {
    services: web("udp", { routes: routes(REJECT) }).services!,
  };
  const REFUSED = { ...DROPPED, reason: "no-endpoints", service: 1 };

  test("is rejected once, with the fragment at hand quoted", () => {
    const world = createScene("udp", { content: refusing });
    const [first, second, third] = fragments(QUERY, 24);
    const crossing = send(world, first!);
    expect(crossing).toMatchObject({
      ...REFUSED,
      verdict: "TX",
      action: "reject",
      conntrack: "new",
    });
    expect(crossing.packet.subarray(14 + 28)).toEqual(first!.subarray(14));
    expect(checksum.verify(crossing.packet, LINK_ETHERNET)).toEqual({
      ip: "good",
      transport: "good",
    });
    expect(send(world, second!)).toMatchObject({ ...REFUSED, packet: second });
    expect(send(world, third!)).toMatchObject(REFUSED);
  });

  test("lets go of nothing it has held", () => {
    const world = createScene("udp", { content: refusing });
    const [first, second] = fragments(QUERY, 40);
    expect(send(world, second!)).toMatchObject(HELD);
    expect(send(world, first!)).toMatchObject({ verdict: "TX", released: [] });
    const { fragments: counted } = world.engine.counters();
    expect(counted).toEqual({ held: 1, released: 0, discarded: 1 });
  });

  test("as invalid, or with a header that contradicts itself, stays so", () => {
    const [first, second] = fragments({ ...QUERY, ...OPENERS.tcp, flags: "SF" }, 40);
    const world = createScene("tcp");
    expect(send(world, first!)).toMatchObject({ ...INVALID, service: 1 });
    expect(send(world, second!)).toMatchObject({ ...DROPPED, reason: "invalid", service: 1 });
    const [short, rest] = fragments({ ...QUERY, udpLength: 7 }, 40);
    const malformed = { ...DROPPED, reason: "malformed" };
    expect(send(createScene(), short!)).toMatchObject({ ...malformed, conntrack: "invalid" });
    const other = createScene();
    send(other, short!);
    expect(send(other, rest!)).toMatchObject(malformed);
  });

  test("does not hold up the next one", () => {
    const world = createScene("udp", { content: refusing });
    for (const frame of fragments(QUERY, 24)) send(world, frame);
    const next = fragments({ ...QUERY, id: 78, daddr: "10.96.0.99" }, 24);
    expect(next.map((frame) => send(world, frame))).toMatchObject([
      LEFT_ALONE,
      LEFT_ALONE,
      LEFT_ALONE,
    ]);
  });
});

describe("a fragment that cannot be one", () => {
  const malformed = { ...DROPPED, reason: "malformed" };

  test.each([
    ["is empty", piece(8, 0, true)],
    ["is the last one and empty", piece(8, 0, false)],
    ["is no multiple of eight before the last", piece(8, 20, true)],
    ["ends behind the longest datagram", piece(65528, 8, false)],
  ])("%s", (_, frame) => {
    const world = createScene();
    expect(send(world, frame)).toMatchObject(malformed);
    expect(send(world, piece(0, 24, true))).toMatchObject(NEW);
  });

  test("the longest datagram ends with 65535 bytes", () => {
    expect(send(createScene(), piece(65528, 7, false))).toMatchObject(HELD);
  });

  test.each([
    ["with half a TCP header", { proto: "tcp", payload: "" }, 16],
    ["with less than SCTP's header", { proto: "sctp", payload: "" }, 8],
  ] as const)("IPv6 begins no datagram %s (RFC 7112)", (_, change, size) => {
    const [first] = fragments({ ...QUERY6, ...change }, size);
    expect(send(createScene(), first!)).toMatchObject({ ...malformed, conntrack: "invalid" });
  });

  test("nor with extension headers that do not end, or with a fragment in it", () => {
    const outer = { type: "fragment", more: true } as const;
    const spec = { ...QUERY6, payload: PAYLOAD.subarray(0, 56) };
    const long = packet({ ...spec, extensions: [outer, { type: "destination" }] });
    long[14 + 40 + 8 + 1] = 100;
    const twice = packet({ ...spec, extensions: [outer, outer] });
    for (const frame of [long, twice]) {
      const whole = createScene();
      expect(send(whole, frame)).toMatchObject({ ...malformed, conntrack: "invalid" });
    }
  });

  test("IPv4 may spread a header over fragments, but not end within it", () => {
    const world = createScene("tcp");
    const [first] = fragments({ ...QUERY, ...OPENERS.tcp }, 8);
    expect(send(world, first!)).toMatchObject(HELD);
    const end = send(world, piece(8, 8, false, { proto: "tcp" }));
    expect(end).toMatchObject({ ...malformed, conntrack: "invalid", released: [] });
  });
});

describe("fragments that contradict each other", () => {
  const overlap = { ...DROPPED, reason: "fragment-overlap" };
  const duplicate = { ...DROPPED, reason: "fragment-duplicate" };

  test("one that was here before is dropped, and changes nothing", () => {
    const world = createScene();
    const [first, second, third] = fragments(QUERY, 24);
    send(world, first!);
    expect(send(world, first!)).toMatchObject(duplicate);
    expect(send(world, second!)).toMatchObject(LATER);
    expect(send(world, second!)).toMatchObject(duplicate);
    expect(send(world, third!)).toMatchObject(LATER);
  });

  test.each([
    ["covers more than one that was here", [piece(0, 24, true), piece(16, 16, true)]],
    ["covers less than all of one that was not", [piece(24, 8, true), piece(16, 24, true)]],
    ["ends the datagram elsewhere", [piece(40, 8, false), piece(48, 8, false)]],
    ["ends the datagram before another", [piece(48, 8, true), piece(40, 8, false)]],
    ["stands behind the end", [piece(40, 8, false), piece(48, 8, true)]],
  ])("with one that %s the whole datagram goes", (_, [first, second]) => {
    const world = createScene();
    send(world, first!);
    expect(send(world, second!)).toMatchObject(overlap);
    expect(send(world, piece(32, 8, true))).toMatchObject(overlap);
    expect(send(world, piece(0, 16, true))).toMatchObject(overlap);
    const { held, released, discarded } = world.engine.counters().fragments;
    expect([released, discarded]).toEqual([0, held]);
  });

  test("when all have come the datagram is forgotten, and another may have its name", () => {
    const world = createScene();
    for (let round = 0; round < 3; round++) {
      const left = pass(world, fragments(QUERY, 24));
      expect(left).toEqual(fragments(ARRIVED, 24));
    }
  });
});

describe("time", () => {
  test.each([
    ["IPv4", QUERY, 30_000],
    ["IPv6", QUERY6, 60_000],
  ] as const)("a datagram over %s has so long for all its fragments", (_, query, timeout) => {
    const world = createScene();
    const [first, second, third] = fragments(query, 24);
    send(world, second!);
    send(world, third!, { now: timeout - 1 });
    expect(send(world, first!, { now: timeout })).toMatchObject({ released: [LATER, LATER] });
    const late = createScene();
    send(late, second!);
    send(late, third!, { now: timeout });
    expect(send(late, first!, { now: timeout + 1 })).toMatchObject({ ...NEW, released: [] });
    expect(late.engine.counters().fragments).toEqual({ held: 2, released: 0, discarded: 2 });
  });

  test("a sweep gives up what nobody asks for", () => {
    const world = createScene();
    send(world, fragments(QUERY, 24)[1]!);
    send(world, packet({ ...QUERY, daddr: "10.96.0.99" }), { now: 31_000 });
    expect(world.engine.counters().fragments).toMatchObject({ held: 1, discarded: 1 });
  });

  test("a datagram met after its time goes alone, the others by the sweep", () => {
    const world = createScene("udp", { config: { fragmentTimeouts: { ipv4: 0, ipv6: 0 } } });
    const [, second] = fragments(QUERY, 24);
    const [, another] = fragments({ ...QUERY, id: 78 }, 24);
    for (const frame of [second!, another!]) send(world, frame);
    send(world, second!, { now: 999 });
    expect(world.engine.counters().fragments).toMatchObject({ held: 3, discarded: 1 });
    send(world, packet({ ...QUERY, daddr: "10.96.0.99" }), { now: 1000 });
    expect(world.engine.counters().fragments).toMatchObject({ held: 3, discarded: 3 });
  });

  test("a flush gives up everything", () => {
    const world = createScene();
    const [first, second] = fragments(QUERY, 40);
    send(world, second!);
    world.engine.flush();
    expect(world.engine.counters().fragments).toMatchObject({ held: 1, discarded: 1 });
    expect(send(world, first!)).toMatchObject({ ...NEW, released: [] });
  });
});

describe("room", () => {
  const full = { ...DROPPED, reason: "fragment-full" };
  const other = (id: number, offset = 0) =>
    piece(offset, 24, true, { fragment: { id, offset, more: true } });

  test("so many datagrams are followed, until others have had their time", () => {
    const world = createScene();
    for (const id of [1, 2, 3]) expect(send(world, other(id))).toMatchObject({ verdict: "PASS" });
    expect(send(world, other(4))).toMatchObject(full);
    expect(send(world, other(1, 24))).toMatchObject(LATER);
    expect(send(world, other(4), { now: 30_001 })).toMatchObject({ verdict: "PASS" });
  });

  test("so many fragments are held, and one that has no place is not missed", () => {
    const world = createScene("udp", { capacity: { fragments: 1 } });
    const [first, second, third] = fragments(QUERY, 24);
    expect(send(world, second!)).toMatchObject(HELD);
    expect(send(world, third!)).toMatchObject(full);
    expect(send(world, first!)).toMatchObject({ ...NEW, released: [LATER] });
    expect(send(world, third!)).toMatchObject(LATER);
  });

  test("a place is free again with the next call", () => {
    const world = createScene("udp", { capacity: { fragments: 1, frame: 256 } });
    const { batch } = world.engine;
    const queries = [QUERY, { ...QUERY, id: 78 }].map((query) => fragments(query, 40));
    const [[first, second], [other, later]] = queries as [Uint8Array[], Uint8Array[]];
    for (const frame of [second!, first!, later!]) {
      batch.memory.set(frame, batch.frameAt(batch.length));
      const input = { ...UNMARKED, interface: 0, local: false, link: LINK_SLOT_ETHERNET };
      batch.commit(frame.length, { ...input, wireLength: frame.length });
    }
    batch.process(0);
    const outcomes = [0, 1, 2].map((index) => named(batch.outcome(index)));
    expect(outcomes).toMatchObject([HELD, NEW, full]);
    expect(batch.released().map(({ by }) => by)).toEqual([1]);
    expect(send(world, later!)).toMatchObject(HELD);
    expect(send(world, other!)).toMatchObject({ released: [LATER] });
  });

  test("a frame longer than a place is not held", () => {
    const frame = fragments(QUERY, 40)[1]!;
    const fits = { capacity: { frame: frame.length } };
    expect(send(createScene("udp", fits), frame)).toMatchObject(HELD);
    const exceeds = { capacity: { frame: frame.length - 1 } };
    expect(send(createScene("udp", exceeds), frame)).toMatchObject(full);
  });
});

describe("where the capture has cut a fragment", () => {
  const truncated = { ...DROPPED, reason: "truncated" };
  let world: World;
  beforeEach(() => {
    world = createScene();
  });
  const cut = (frame: Uint8Array, length: number) =>
    send(world, frame.subarray(0, length), { wireLength: frame.length });

  test("it is translated when it decides, or the datagram is decided", () => {
    const [first, second] = fragments(QUERY, 40);
    const expected = fragments(ARRIVED, 40);
    expect(cut(first!, 42)).toMatchObject({ ...NEW, packet: expected[0]!.subarray(0, 42) });
    expect(cut(second!, 40)).toMatchObject({ ...LATER, packet: expected[1]!.subarray(0, 40) });
  });

  test("it is not held, and not missed", () => {
    const [first, second] = fragments(QUERY, 40);
    expect(cut(second!, 50)).toMatchObject(truncated);
    expect(send(world, second!)).toMatchObject(HELD);
    expect(send(world, first!)).toMatchObject({ ...NEW, released: [LATER] });
  });

  test("it decides nothing without the whole header", () => {
    const [first] = fragments(QUERY, 40);
    expect(cut(first!, 41)).toMatchObject(truncated);
    expect(send(world, first!)).toMatchObject(NEW);
    const [first6] = fragments(QUERY6, 40);
    expect(cut(first6!, 14 + 48 + 7)).toMatchObject(truncated);
  });

  test("SCTP's checksum stays when not all that it covers is there", () => {
    world = createScene("sctp");
    const whole = { ...QUERY, ...OPENERS.sctp };
    const [first, second] = fragments(whole, 48);
    expect(send(world, first!)).toMatchObject(HELD);
    const { released } = cut(second!, second!.length - 1);
    expect(released[0]!.packet.subarray(42, 46)).toEqual(first!.subarray(42, 46));
  });
});
