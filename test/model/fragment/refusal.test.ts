/** Datagrams in pieces that are refused. */
import { describe, expect, test } from "vitest";
import { LINK_ETHERNET } from "../../../abi/limits.ts";
import { fragments } from "../../../src/packet/build.ts";
import * as checksum from "../../../src/packet/checksum.ts";
import { INVALID, LEFT_ALONE, web } from "../scene.ts";
import { type Content, REJECT, routes } from "../world.ts";
import { createScene, DROPPED, HELD, OPENERS, QUERY, send } from "./scene.ts";

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
