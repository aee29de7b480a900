/** Fragments that are none, or contradict each other. */
import { describe, expect, test } from "vitest";
import { fragments, packet } from "../../../src/packet/build.ts";
import { LATER, NEW } from "../scene.ts";
import {
  ARRIVED,
  createScene,
  DROPPED,
  HELD,
  OPENERS,
  PAYLOAD,
  pass,
  piece,
  QUERY,
  QUERY6,
  send,
} from "./scene.ts";

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
