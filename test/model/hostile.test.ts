import fc from "fast-check";
import { expect, test } from "vitest";
import { type PacketSpec, packet } from "../../src/packet/build.ts";
import { parse, tupleOf } from "../../src/packet/parse.ts";
import { PROTOS, SYN, SYN6, web } from "./scene.ts";
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
