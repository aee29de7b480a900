/** How many datagrams and fragments there is room for. */
import { describe, expect, test } from "vitest";
import { LINK_SLOT_ETHERNET } from "../../../abi/layout.ts";
import { fragments } from "../../../src/packet/build.ts";
import { LATER, NEW } from "../scene.ts";
import { UNMARKED } from "../world.ts";
import { createScene, DROPPED, HELD, named, piece, QUERY, send } from "./scene.ts";

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
