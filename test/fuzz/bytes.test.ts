/** Hostile bytes: whatever comes in, on whatever link, ends in a verdict, the same from both engines. */
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import type { Dataplane, FrameOptions } from "../../src/dataplane/dataplane.ts";
import { VERDICTS } from "../../src/dataplane/event.ts";
import { createModel, parseObjects } from "../../src/index.ts";
import { createChecked } from "../conformance/dataplanes.ts";
import { NODE, OBJECTS } from "../conformance/scene.ts";
import { aim, damage, INTACT, packetOf, sending, targetsOf } from "./packets.ts";
import { runs, TIMEOUT } from "./runs.ts";

const LINK_TYPES = [0, 1, 12, 14, 101, 108, 113, 147, 228, 229, 276];
const CAPACITY = { connections: 256, connections6: 256, affinity: 64, slots: 4096, batch: 4 };
const JUMBO = 70_000;

/** First bytes that lead deep into the parser, on some link. */
const LEADS = [
  [],
  [...new Array<number>(12).fill(2), 0x08, 0x00, 0x45],
  [...new Array<number>(12).fill(2), 0x86, 0xdd, 0x60],
  [...new Array<number>(12).fill(2), 0x81, 0x00, 0, 1, 0x86, 0xdd, 0x60, 0, 0, 0, 0, 64, 0],
  [0x45, 0, 0, 60, 0, 0, 0, 0, 64, 6],
  [0x60, 0, 0, 0, 0, 64, 44],
  [0x60, 0, 0, 0, 0, 64, 51],
  [2, 0, 0, 0, 0x4f, 0, 0, 60],
  [0, 0, 0, 30, 0x60],
];

const noise = fc
  .tuple(fc.constantFrom(...LEADS), fc.uint8Array({ maxLength: 200 }))
  .map(([lead, rest]) => Uint8Array.of(...lead, ...rest));

describe("hostile frames", () => {
  let wasm: Dataplane;
  let model: Dataplane;
  beforeAll(async () => {
    const options = { node: NODE, seed: 9, capacity: CAPACITY };
    [wasm, model] = [await createChecked(options), await createModel(options)];
    for (const dataplane of [wasm, model]) dataplane.apply(parseObjects([...OBJECTS]));
  });

  function agree(bytes: Uint8Array, options: FrameOptions): void {
    const given = { ...options, now: 0 };
    const result = wasm.process(bytes, given);
    expect(VERDICTS).toContain(result.verdict);
    expect(result).toEqual(model.process(bytes, given));
  }

  test(
    "random bytes",
    () => {
      const property = fc.property(
        noise,
        fc.constantFrom(...LINK_TYPES),
        fc.nat(80),
        (bytes, linkType, unseen) => agree(bytes, { linkType, wireLength: bytes.length + unseen }),
      );
      fc.assert(property, runs(3000));
    },
    TIMEOUT,
  );

  test(
    "packets for a Service, damaged",
    () => {
      const targets = targetsOf(model.maps);
      const property = fc.property(sending, damage, fc.nat(), (one, damage, which) => {
        const { bytes, options } = packetOf({ ...aim(one, targets, which), damage });
        agree(bytes, options);
      });
      fc.assert(property, runs(3000));
    },
    TIMEOUT,
  );

  test(
    "good packets on a link they are not of",
    () => {
      const property = fc.property(sending, fc.constantFrom(...LINK_TYPES), (one, linkType) => {
        agree(packetOf(one).bytes, { linkType });
      });
      fc.assert(property, runs(1500));
    },
    TIMEOUT,
  );

  test("every prefix of a frame", () => {
    const whole = packetOf({
      frame: { saddr: "10.244.1.5", sport: 1, daddr: "10.96.0.40", dport: 80, proto: "tcp" },
      damage: INTACT,
      arrival: {},
    }).bytes;
    for (let length = 0; length <= whole.length; length++) {
      agree(whole.subarray(0, length), {});
      agree(whole.subarray(0, length), { wireLength: whole.length });
    }
  });

  test("frames larger than any packet, and larger than a slot of the batch", () => {
    for (const fill of [0x00, 0x45, 0x60, 0xff]) {
      agree(new Uint8Array(JUMBO).fill(fill), { linkType: "raw" });
      agree(new Uint8Array(JUMBO).fill(fill), {});
    }
  });
});
