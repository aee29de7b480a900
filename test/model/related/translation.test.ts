/** ICMP errors of connections, translated. */
import { describe, expect, test } from "vitest";
import { fragments, type PacketSpec, packet } from "../../../src/packet/build.ts";
import { answer, CLIENT, connections, ENDPOINT, NODE, POD, VIP, VIP6 } from "../scene.ts";
import {
  DIRECT,
  DIRECT6,
  error,
  MASQUERADED,
  OTHER,
  opened,
  RELATED,
  ROUTER,
  ROUTER6,
} from "./scene.ts";

describe("an error about a request is made one about what the client has sent", () => {
  test.each([
    ["from a router", DIRECT, ROUTER, VIP],
    ["from the endpoint", DIRECT, ENDPOINT, VIP],
    ["over IPv6", DIRECT6, ROUTER6, VIP6],
    ["masqueraded", MASQUERADED, ROUTER, VIP],
  ])("%s", (_, sight, from, to) => {
    const outcome = opened(sight).send(packet(error(from, sight.seen)));
    const backend = sight === DIRECT6 ? 2 : 1;
    expect(outcome).toMatchObject({ ...RELATED, backend, masquerade: sight === MASQUERADED });
    expect(outcome.packet).toEqual(packet(error(to, sight.sent)));
  });

  test.each(["udp", "sctp"] as const)("of %s", (proto) => {
    for (const { sent, seen } of [DIRECT, DIRECT6]) {
      const sight = { sent: { ...sent, proto }, seen: { ...seen, proto } };
      const [from, to] = sent === DIRECT.sent ? [ROUTER, VIP] : [ROUTER6, VIP6];
      const outcome = opened(sight).send(packet(error(from, sight.seen)));
      expect(outcome.packet).toEqual(packet(error(to, sight.sent)));
    }
  });

  test.each([
    [{ type: 3, code: 4, rest: 1300 }],
    [{ type: 4 }],
    [{ type: 11, code: 1 }],
    [{ type: 12, rest: 0x1400_0000 }],
  ])("of every type, with what it says: %j", (icmp) => {
    const outcome = opened(DIRECT).send(packet(error(ROUTER, DIRECT.seen, { icmp })));
    expect(outcome.packet).toEqual(packet(error(VIP, DIRECT.sent, { icmp })));
  });

  test.each([
    [{ type: 2, rest: 1280 }],
    [{ type: 3, code: 1 }],
    [{ type: 4, rest: 40 }],
    [{ type: 100 }],
  ])("of every type of ICMPv6, with what it says: %j", (icmp) => {
    const outcome = opened(DIRECT6).send(packet(error(ROUTER6, DIRECT6.seen, { icmp })));
    expect(outcome.packet).toEqual(packet(error(VIP6, DIRECT6.sent, { icmp })));
  });

  test("and padding, tags and options of the frame stay", () => {
    const change = { padding: 4, vlan: [7], ipOptions: Uint8Array.of(1, 1, 1, 0) };
    const outcome = opened(DIRECT).send(packet(error(ROUTER, DIRECT.seen, change)));
    expect(outcome.packet).toEqual(packet(error(VIP, DIRECT.sent, change)));
  });

  test("a quoted first fragment is one", () => {
    const cut = ({ saddr, daddr }: PacketSpec, of: PacketSpec): PacketSpec => {
      const spec: PacketSpec = {
        ...of,
        link: "raw",
        payload: new Uint8Array(60),
        fragment: { id: 9 },
      };
      return error(saddr, of, { daddr, payload: fragments(spec, 48)[0]! });
    };
    const to = { saddr: VIP, daddr: POD };
    const outcome = opened(DIRECT).send(packet(cut({ ...to, saddr: ROUTER }, DIRECT.seen)));
    expect(outcome.packet).toEqual(packet(cut(to, DIRECT.sent)));
  });
});

describe("an error about an answer is made one about what the endpoint has sent", () => {
  test.each([
    ["from the client", DIRECT, POD, POD],
    ["from a router, which keeps its address", DIRECT, OTHER, OTHER],
    ["masqueraded, as the node's", MASQUERADED, CLIENT, NODE],
    ["masqueraded, whoever sent it", MASQUERADED, OTHER, NODE],
    ["over IPv6", DIRECT6, ROUTER6, ROUTER6],
  ])("%s", (_, sight, from, to) => {
    const outcome = opened(sight).send(packet(error(from, answer(sight.sent))));
    const backend = sight === DIRECT6 ? 2 : 1;
    expect(outcome).toMatchObject({ ...RELATED, backend, masquerade: sight === MASQUERADED });
    expect(outcome.packet).toEqual(packet(error(to, answer(sight.seen))));
  });
});

test("an error neither refreshes its connection nor answers it", () => {
  const world = opened(DIRECT);
  const before = connections(world);
  world.send(packet(error(ENDPOINT, DIRECT.seen)), { now: 5000 });
  expect(connections(world)).toEqual(before);
  expect(world.send(packet(error(ENDPOINT, DIRECT.seen)), { now: 120_001 }).action).not.toBe(
    "related",
  );
});
