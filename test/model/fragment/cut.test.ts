/** Fragments that a capture has cut. */
import { beforeEach, describe, expect, test } from "vitest";
import { fragments } from "../../../src/packet/build.ts";
import { LATER, NEW } from "../scene.ts";
import type { World } from "../world.ts";
import { ARRIVED, createScene, DROPPED, HELD, OPENERS, QUERY, QUERY6, send } from "./scene.ts";

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
