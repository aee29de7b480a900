/** Datagrams that are translated in pieces. */
import { describe, expect, test } from "vitest";
import { LINK_ETHERNET } from "../../../abi/limits.ts";
import { fragments, type PacketSpec, packet } from "../../../src/packet/build.ts";
import * as checksum from "../../../src/packet/checksum.ts";
import { answer } from "../scene.ts";
import {
  ARRIVED,
  ARRIVED6,
  createScene,
  FAMILIES,
  OPENERS,
  pass,
  QUERY,
  QUERY6,
  send,
} from "./scene.ts";

describe("a datagram in pieces comes out as the pieces of the translated one", () => {
  const orders = [
    ["in order", (frames: Uint8Array[]) => frames],
    ["last first", (frames: Uint8Array[]) => frames.toReversed()],
    ["first last", ([first, ...rest]: Uint8Array[]) => [...rest, first!]],
    [
      "even ones first",
      (frames: Uint8Array[]) => [
        ...frames.filter((_, at) => at % 2 === 0),
        ...frames.filter((_, at) => at % 2 === 1),
      ],
    ],
  ] as const;

  describe.each(["tcp", "udp", "sctp"] as const)("%s", (proto) => {
    describe.each(FAMILIES)("%s", (family, sent, seen) => {
      // The first fragment of IPv6 has to hold the whole header.
      const smallest = family === "IPv6" ? { tcp: 24, udp: 8, sctp: 16 }[proto] : 8;

      test.each([smallest, 40])("in pieces of %i bytes", (size) => {
        const change = OPENERS[proto];
        const capacity = { fragments: 16 };
        for (const [order, arrange] of orders) {
          const came = fragments({ ...sent, ...change }, size);
          const expected = fragments({ ...seen, ...change }, size);
          const left = pass(createScene(proto, { capacity }), arrange(came));
          const byPlace = (a: Uint8Array, b: Uint8Array) => placeOf(a) - placeOf(b);
          expect(left.toSorted(byPlace), order).toEqual(expected);
        }
      });
    });
  });

  function placeOf(frame: Uint8Array): number {
    const at = frame[14]! >>> 4 === 4 ? 20 : 56;
    return ((frame[at]! << 8) | frame[at + 1]!) & (at === 20 ? 0x1fff : 0xfff8);
  }

  test("answers too", () => {
    for (const [, sent, seen] of FAMILIES) {
      const world = createScene();
      send(world, packet(sent));
      const left = pass(world, fragments(answer(seen), 32));
      expect(left).toEqual(fragments(answer(sent), 32));
    }
  });

  test("a client that is masqueraded too", () => {
    const world = createScene();
    const saddr = "203.0.113.9";
    const left = pass(world, fragments({ ...QUERY, saddr }, 32));
    expect(left).toEqual(fragments({ ...ARRIVED, saddr: "192.168.0.2" }, 32));
  });

  test("with extension headers in front of the ports", () => {
    const chain = (spec: PacketSpec) => {
      const whole = packet({ ...spec, extensions: [{ type: "destination" }], link: "raw" });
      // Cut behind the IPv6 header, as a sender does: the extension header goes with the first piece.
      const body = whole.subarray(40);
      const piece = (offset: number, size: number) =>
        packet({
          ...spec,
          proto: 60,
          payload: body.subarray(offset, offset + size),
          fragment: { id: 5, offset, more: offset + size < body.length },
        });
      return [piece(0, 16), piece(16, 32), piece(48, 32)];
    };
    const came = chain(QUERY6);
    const left = pass(createScene(), [came[1]!, came[0]!, came[2]!]);
    const [first, second, third] = chain(ARRIVED6);
    expect(left).toEqual([first, second, third]);
  });

  test("and none of it is checked: a wrong checksum stays as wrong, none stays none", () => {
    for (const field of [0, 0x1234]) {
      const came = fragments({ ...QUERY, checksum: field }, 32);
      const left = pass(createScene(), came);
      const at = (frames: Uint8Array[]) => checksum.sum(frames[0]!.subarray(26, 66));
      expect(left[0]!.subarray(40, 42)).toEqual(
        field === 0 ? new Uint8Array(2) : expect.anything(),
      );
      if (field !== 0) expect(at(left)).toBe(at(came));
      expect(left.map((frame) => checksum.verify(frame, LINK_ETHERNET).ip)).not.toContain("bad");
    }
  });
});
