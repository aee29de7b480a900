/** Fragments that wait for the one with the ports. */
import { describe, expect, test } from "vitest";
import { LINK_SLOT_ETHERNET } from "../../../abi/layout.ts";
import { fragments } from "../../../src/packet/build.ts";
import { answer, LATER, LEFT_ALONE, NEW, REPLY } from "../scene.ts";
import { ARRIVED, createScene, HELD, OPENERS, piece, QUERY, send } from "./scene.ts";

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
