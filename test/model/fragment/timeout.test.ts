/** How long a datagram has for its fragments. */
import { describe, expect, test } from "vitest";
import { fragments, packet } from "../../../src/packet/build.ts";
import { LATER, NEW } from "../scene.ts";
import { createScene, QUERY, QUERY6, send } from "./scene.ts";

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
