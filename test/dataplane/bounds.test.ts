/**
 * The packet path reads and writes memory unchecked. Frames lie among poison here: none of it may change but the
 * frame itself and what a reject puts into its headroom, and none of it may matter.
 */
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { FRAME_MAX, HEADROOM } from "../../abi/limits.ts";
import type { Dataplane, FrameOptions } from "../../src/dataplane/dataplane.ts";
import type { PacketEvent } from "../../src/dataplane/event.ts";
import { createDataplane, createModel, parseObjects } from "../../src/index.ts";
import { createChecked } from "../conformance/dataplanes.ts";
import { build, type Frame } from "../conformance/frame.ts";
import {
  answer,
  DELIVERED,
  DELIVERED_IPV6,
  NODE,
  OBJECTS,
  REQUEST,
  REQUEST_IPV6,
} from "../conformance/scene.ts";
import { aim, damage, packetOf, sending, spoil, targetsOf } from "../fuzz/packets.ts";
import { runs, TIMEOUT } from "../fuzz/runs.ts";

const OPTIONS = {
  node: NODE,
  seed: 11,
  capacity: {
    connections: 64,
    connections6: 64,
    affinity: 16,
    slots: 4096,
    batch: 16,
    frame: 1536,
  },
};
/** The longest a frame on the wire can be said to be. */
const WIRE_MAX = 2 ** 31 - 1;
/** What lies behind a frame; "rest" is what a cut has taken away, the most plausible continuation. */
const POISONS = [0x00, 0xff, 0x45, "rest"] as const;
type Poison = (typeof POISONS)[number];

/** A frame of which the first `length` bytes were captured. */
interface Cut {
  readonly whole: Uint8Array;
  readonly length: number;
  readonly options: FrameOptions;
}

interface Result {
  readonly event: PacketEvent;
  readonly packet: Uint8Array;
}

/** All slots with their headroom; the batch's own memory begins behind the first one's. */
function arenaOf({ memory, capacity, frameAt }: Dataplane["batch"]): Uint8Array {
  const length = (capacity - 1) * (frameAt(1) - frameAt(0)) + memory.length - frameAt(capacity - 1);
  return new Uint8Array(memory.buffer, memory.byteOffset - HEADROOM, HEADROOM + length);
}

/** The slot of `process`, which follows those of the batch. */
function jumboOf({ memory, capacity, frameAt }: Dataplane["batch"]): Uint8Array {
  const at = memory.byteOffset + capacity * (frameAt(1) - frameAt(0));
  return new Uint8Array(memory.buffer, at - HEADROOM, HEADROOM + FRAME_MAX);
}

/** Puts the frames among poison and takes them through; fails when poison changed. */
function processAmong({ batch }: Dataplane, cuts: readonly Cut[], poison: Poison): Result[] {
  const arena = arenaOf(batch);
  arena.fill(poison === "rest" ? 0x5a : poison);
  for (const { whole, length, options } of cuts) {
    batch.memory.set(
      whole.subarray(0, poison === "rest" ? whole.length : length),
      batch.frameAt(batch.length),
    );
    batch.commit(length, options);
  }
  const expected = arena.slice();
  batch.process(0, { events: true });
  const results = cuts.map((_, i) => ({ event: batch.event(i), packet: batch.packet(i).slice() }));
  cuts.forEach((cut, i) => {
    demandPlace(batch, i, cut.length, results[i]!.event.verdict);
    expected.set(results[i]!.packet, batch.packet(i).byteOffset - arena.byteOffset);
  });
  batch.clear();
  expect(Buffer.compare(arena, expected), `poison ${poison} is as it was`).toBe(0);
  return results;
}

/** Where the outcome of a slot may lie: a reject moves the beginning by the headers, ICMP or ICMPv6. */
function demandPlace(
  { packet, memory, frameAt }: Dataplane["batch"],
  index: number,
  length: number,
  verdict: string,
): void {
  const front = memory.byteOffset + frameAt(index) - packet(index).byteOffset;
  if (verdict === "TX") {
    expect([28, 48]).toContain(front);
    expect(packet(index).length).toBeLessThanOrEqual(length + front);
  } else {
    expect([front, packet(index).length]).toEqual([0, length]);
  }
}

/** What is cut: a frame, and the one that opens its connection first. */
interface Kind {
  readonly name: string;
  readonly frame: Frame;
  readonly opener?: Frame;
}

const VACANT: Frame = { ...REQUEST, daddr: "10.96.0.40" };
const VACANT_IPV6: Frame = { ...REQUEST_IPV6, daddr: "fd00:96::40" };
const TAGS = [
  [0x88a8, 5],
  [0x8100, 6],
] as const;
const EXTENSIONS = [
  [0, Uint8Array.of(0, 1, ...new Uint8Array(14))],
  [44, new Uint8Array(8)],
  [51, Uint8Array.of(0, 4, ...new Uint8Array(22))],
] as const;
const ODD = new Uint8Array(21).fill(7);
const EIGHTS = new Uint8Array(24).fill(7);
/** What comes first of a datagram, and what comes last. */
const FIRST: Frame = { ...REQUEST, proto: "udp", payload: EIGHTS, fragment: 0x2000 };
const LAST: Frame = { ...FIRST, payload: ODD, fragment: 4 };
const pieceOf = (frame: Frame, field: number): Frame => ({
  ...REQUEST_IPV6,
  proto: "udp",
  payload: frame.payload,
  extensions: [[44, Uint8Array.of(0, 0, field >>> 8, field & 0xff, 0, 0, 0, 9)]],
});
const OPTIONAL = Uint8Array.of(1, 1, 1, 1, 0, 0, 0, 0);

const opens = (name: string, frame: Frame): Kind => ({ name, frame });
const follows = (name: string, opener: Frame, frame: Frame): Kind => ({ name, frame, opener });

const KINDS: readonly Kind[] = [
  ...(["tcp", "udp", "sctp"] as const).flatMap((proto) => [
    opens(proto, { ...REQUEST, proto }),
    opens(`${proto}, odd`, { ...REQUEST, proto, payload: ODD, padding: 6 }),
    opens(`${proto} over IPv6`, { ...REQUEST_IPV6, proto, payload: ODD }),
    opens(`${proto} over IPv6, extended`, { ...REQUEST_IPV6, proto, extensions: EXTENSIONS }),
    opens(`${proto} to nobody`, { ...VACANT, proto, payload: ODD }),
    opens(`${proto} to nobody over IPv6`, { ...VACANT_IPV6, proto, payload: ODD }),
    follows(
      `${proto}, answer`,
      { ...REQUEST, proto },
      { ...answer(DELIVERED), proto, flags: "SA" },
    ),
    follows(
      `${proto} over IPv6, answer`,
      { ...REQUEST_IPV6, proto },
      { ...answer(DELIVERED_IPV6), proto, flags: "SA" },
    ),
  ]),
  follows("tcp, steady", { ...REQUEST, flags: "A" }, { ...REQUEST, flags: "A", payload: ODD }),
  opens("options", { ...REQUEST, options: OPTIONAL, tcpOptions: OPTIONAL }),
  opens("options, to nobody", { ...VACANT, options: OPTIONAL, tags: TAGS }),
  opens("tags, to nobody over IPv6", { ...VACANT_IPV6, tags: TAGS }),
  opens("a reset", { ...REQUEST, flags: "R" }),
  opens("a fragment of odd length", { ...REQUEST, fragment: 0x2000 }),
  opens("a first fragment", { ...FIRST, id: 1 }),
  opens("a fragment that waits", { ...LAST, id: 2 }),
  follows("a fragment that another waits for", { ...LAST, id: 3 }, { ...FIRST, id: 3 }),
  follows("a fragment behind the first", { ...FIRST, id: 4 }, { ...LAST, id: 4 }),
  follows(
    "a fragment to nobody",
    { ...LAST, daddr: VACANT.daddr, id: 5 },
    { ...FIRST, daddr: VACANT.daddr, id: 5 },
  ),
  opens("a fragment of IPv6", pieceOf(FIRST, 1)),
  follows("a fragment that another of IPv6 waits for", pieceOf(LAST, 32), pieceOf(FIRST, 1)),
  opens("icmp", { ...REQUEST, proto: "icmp" }),
  opens("icmp over IPv6, extended", { ...REQUEST_IPV6, proto: "icmp", extensions: EXTENSIONS }),
  ...(["raw", "null", "loop", "linux-sll", "linux-sll2"] as const).flatMap((link) => [
    opens(link, { ...REQUEST, link }),
    opens(`${link}, to nobody`, { ...VACANT, link }),
    opens(`${link}, to nobody over IPv6`, { ...VACANT_IPV6, link }),
  ]),
];

function cutOf(frame: Frame, length?: number, unseen?: number): Cut {
  const whole = build(frame);
  const captured = length ?? whole.length;
  const wireLength = unseen === undefined ? captured : Math.min(whole.length + unseen, WIRE_MAX);
  return { whole, length: captured, options: { linkType: frame.link, wireLength } };
}

/** Every length, the wire having had no more, the whole frame, or more than any frame. */
function everyCut(frame: Frame): Cut[] {
  const { length } = build(frame);
  return Array.from({ length: length + 1 }, (_, captured) => captured).flatMap((captured) =>
    [undefined, 0, WIRE_MAX].map((unseen) => cutOf(frame, captured, unseen)),
  );
}

function chunks<T>(items: readonly T[], length: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / length) }, (_, i) =>
    items.slice(i * length, (i + 1) * length),
  );
}

const LINK_TYPES = [0, 1, 12, 101, 108, 113, 147, 276];

describe.each([
  { module: "release", create: createDataplane },
  { module: "debug", create: createChecked },
])("the $module module", ({ create }) => {
  /** One for each poison: what they draw and remember goes on from frame to frame. */
  const wasm = new Map<Poison, Dataplane>();
  let model: Dataplane;
  beforeAll(async () => {
    model = await createModel(OPTIONS);
    for (const poison of POISONS) wasm.set(poison, await create(OPTIONS));
    for (const dataplane of [model, ...wasm.values()]) {
      dataplane.apply(parseObjects([...OBJECTS]));
    }
  });

  /** What the model makes of the captured bytes alone, the packet path makes of them among any poison. */
  function agree(cuts: readonly Cut[]): void {
    model.flush();
    const expected = cuts.map(({ whole, length, options }): Result => {
      const { event, packet } = model.process(whole.slice(0, length), { ...options, now: 0 });
      return { event, packet };
    });
    for (const [poison, dataplane] of wasm) {
      dataplane.flush();
      expect(processAmong(dataplane, cuts, poison), `among ${poison}`).toEqual(expected);
    }
  }

  test.each(KINDS)("$name, cut everywhere", ({ frame, opener }) => {
    for (const some of chunks(everyCut(frame), OPTIONS.capacity.batch - 1)) {
      agree([...(opener ? [cutOf(opener)] : []), ...some]);
    }
  });

  test.each([
    { name: "IPv4", frame: VACANT, quote: 548 },
    { name: "IPv6", frame: VACANT_IPV6, quote: 1232 },
  ])("refusals around the longest quote, $name", ({ frame, quote }) => {
    const whole = { ...frame, payload: new Uint8Array(1400).fill(3) };
    const lengths = Array.from({ length: 12 }, (_, i) => 14 + quote - 6 + i);
    agree(lengths.map((length) => cutOf(whole, length, 0)));
  });

  test(
    "damaged frames",
    () => {
      const targets = targetsOf(model.maps);
      const one = fc
        .tuple(sending, damage, fc.nat(), fc.constantFrom(0, 1, 60, WIRE_MAX))
        .map(([given, { flips, keep }, which, unseen]): Cut => {
          const { bytes, options } = packetOf(aim(given, targets, which));
          const whole = spoil(bytes, { flips, keep: bytes.length, unseen });
          const wireLength = Math.min(whole.length + unseen, WIRE_MAX);
          return {
            whole,
            length: Math.min(keep, whole.length),
            options: { ...options, wireLength },
          };
        });
      const batch = fc.array(one, { minLength: 1, maxLength: OPTIONS.capacity.batch });
      fc.assert(fc.property(batch, agree), runs(150));
    },
    TIMEOUT,
  );

  test(
    "noise on any link",
    () => {
      const one = fc
        .tuple(fc.uint8Array({ maxLength: 120 }), fc.nat(120), fc.constantFrom(...LINK_TYPES))
        .chain(([whole, keep, linkType]) =>
          fc.constantFrom(0, WIRE_MAX).map((wireLength) => {
            const length = Math.min(keep, whole.length);
            return { whole, length, options: { linkType, wireLength } };
          }),
        );
      const batch = fc.array(one, { minLength: 1, maxLength: OPTIONS.capacity.batch });
      fc.assert(fc.property(batch, agree), runs(100));
    },
    TIMEOUT,
  );

  test.each(KINDS)("$name, by itself in the slot of any size", ({ frame }) => {
    const dataplane = wasm.get(0)!;
    const slot = jumboOf(dataplane.batch);
    const whole = build(frame);
    for (let length = 0; length <= whole.length; length++) {
      slot.fill(0xa5, 0, 2 * HEADROOM + whole.length);
      const options = { linkType: frame.link, wireLength: whole.length, now: 0 };
      const { verdict, packet } = dataplane.process(whole.subarray(0, length), options);
      const front = verdict === "TX" ? (frame.saddr.includes(":") ? 48 : 28) : 0;
      expect(packet).toEqual(slot.slice(HEADROOM - front, HEADROOM - front + packet.length));
      const outside = [
        slot.subarray(0, HEADROOM - front),
        slot.subarray(HEADROOM + length, 2 * HEADROOM + whole.length),
      ];
      for (const bytes of outside) expect(bytes.every((byte) => byte === 0xa5)).toBe(true);
    }
  });
});
