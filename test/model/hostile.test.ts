import fc from "fast-check";
import { expect, test } from "vitest";
import { type PacketSpec, packet } from "../../src/packet/build.ts";
import { parse, tupleOf } from "../../src/packet/parse.ts";
import { answer, ENDPOINT, PROTOS, SYN, SYN6, web } from "./scene.ts";
import { createWorld, REJECT, routes } from "./world.ts";

const LINK_TYPES = [0, 1, 12, 14, 101, 108, 113, 228, 229, 276, 147, -1];
const SHAPES: readonly Partial<PacketSpec>[] = [
  {},
  { vlan: [5, 6] },
  { ipOptions: new Uint8Array(8).fill(1) },
  { extensions: [{ type: "hop-by-hop" }, { type: "fragment" }, { type: "authentication" }] },
];

/** Packets in good order, then some bytes of them at random, and cut anywhere. */
const frames = fc
  .record({
    spec: fc.constantFrom<PacketSpec>(SYN, SYN6),
    shape: fc.constantFrom(...SHAPES),
    proto: fc.constantFrom(...PROTOS),
    patches: fc.array(fc.tuple(fc.nat(100), fc.nat(255)), { maxLength: 4 }),
    length: fc.nat(120),
  })
  .map(({ spec, shape, proto, patches, length }) => {
    const frame = packet({ ...spec, ...shape, proto, payload: "payload" });
    for (const [at, value] of patches) if (at < frame.length) frame[at] = value;
    return frame.subarray(0, length);
  });
const hostile = fc.oneof(frames, fc.uint8Array({ maxLength: 100 }));

test("no frame, whatever its link type, trips the parser", () => {
  fc.assert(
    fc.property(hostile, fc.constantFrom(...LINK_TYPES), fc.nat(200), (frame, link, wire) => {
      const parsed = parse(frame, link, wire);
      expect(tupleOf(frame, link, wire) !== null).toBe("tuple" in parsed);
      if (parsed.found === "flow")
        expect(parsed.ip.transport + 8).toBeLessThanOrEqual(frame.length);
    }),
    { numRuns: 2000 },
  );
});

test("no frame trips the walk, and each is counted", () => {
  const worlds = [createWorld(web()), createWorld(web("tcp", { routes: routes(REJECT) }))];
  let sent = 0;
  fc.assert(
    fc.property(hostile, fc.nat(7), fc.nat(200), (frame, link, wireLength) => {
      sent++;
      const wire = Math.max(wireLength, frame.length);
      for (const world of worlds) world.send(frame, { link, wireLength: wire, now: sent * 100 });
    }),
    { numRuns: 2000 },
  );
  for (const { engine } of worlds) expect(engine.counters().packets).toBe(sent);
});

/** Numbers at which a window or the circle of sequence numbers may end. */
const numbers = fc.oneof(
  fc.constantFrom(0, 1, 2, 66_000, 66_001, 0x7fffffff, 0x80000000, 0xffff0000, 0xffffffff),
  fc.nat(0xffffffff),
);
const segments = fc.record({
  flags: fc.constantFrom("S", "SA", "A", "PA", "FA", "R", "RA", "F", ""),
  seq: numbers,
  ack: numbers,
  window: fc.constantFrom(0, 1, 1000, 65535),
  tcpOptions: fc.uint8Array({ maxLength: 40 }),
  payload: fc.uint8Array({ maxLength: 30 }),
});
const ZEROS = new Uint8Array(12);
const packets = fc.record({
  verificationTag: fc.constantFrom(0, 1, 2),
  chunks: fc.array(
    fc.record({
      type: fc.nat(15),
      flags: fc.nat(1),
      value: fc.constantFrom(...[0, 1, 2].map((tag) => Uint8Array.of(0, 0, 0, tag, ...ZEROS))),
    }),
    { maxLength: 3 },
  ),
});

test.each([
  ["tcp", segments],
  ["sctp", packets],
] as const)(
  "no conversation over %s trips its tracking, and all is undone at last",
  (proto, one) => {
    const turns = fc.array(
      fc.record({ spec: one, reply: fc.boolean(), wait: fc.constantFrom(0, 1, 4000, 130_000) }),
      { minLength: 1, maxLength: 12 },
    );
    const ask = { ...SYN, proto };
    const asked = { ...ask, daddr: ENDPOINT, dport: 8080 };
    fc.assert(
      fc.property(turns, (life) => {
        const world = createWorld(web(proto), { connections: 1 });
        let now = 0;
        for (const { spec, reply, wait } of life) {
          now += wait;
          const [from, to] = reply ? [answer(asked), answer(ask)] : [ask, asked];
          const { action, packet: out } = world.send(packet({ ...from, ...spec }), { now });
          const translated = action === "dnat" || action === "reply";
          expect(out).toEqual(packet({ ...(translated ? to : from), ...spec }));
        }
        const { created, expired, closed, evicted, ipv4 } = world.engine.counters().connections;
        expect(created).toBe(expired + closed + evicted + ipv4);
        expect(world.engine.connections(1)).toBe(ipv4);
      }),
      { numRuns: 1000 },
    );
  },
);
