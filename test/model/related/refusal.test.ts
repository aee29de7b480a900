/** ICMP errors that are not believed, or belong to nobody. */
import { describe, expect, test } from "vitest";
import { packet } from "../../../src/packet/build.ts";
import {
  answer,
  CLIENT,
  connections,
  ENDPOINT,
  ENDPOINT6,
  INVALID,
  LEFT_ALONE,
  NODE,
  POD,
  VIP,
  web,
} from "../scene.ts";
import { createWorld } from "../world.ts";
import {
  DAMAGED,
  DIRECT,
  DIRECT6,
  error,
  OTHER,
  opened,
  ROUTER,
  ROUTER6,
  withConfig,
  worldOf,
} from "./scene.ts";

describe("an error about a connection is not believed", () => {
  const REFUSED = { ...INVALID, service: 0, backend: 1 };

  test.each([
    ["with a wrong checksum", error(ROUTER, DIRECT.seen, { checksum: 1 }), { reason: "checksum" }],
    ["for somebody else", error(ROUTER, DIRECT.seen, { daddr: CLIENT }), {}],
    ["that redirects", error(ROUTER, DIRECT.seen, { icmp: { type: 5, code: 1 } }), {}],
    ["that quotes what its sender never saw", error(ROUTER, DIRECT.sent), {}],
    ["that quotes the answer as it never left", error(POD, answer(DIRECT.seen)), {}],
  ])("%s", (_, spec, change) => {
    const frame = packet(spec);
    const world = opened(DIRECT);
    const before = connections(world);
    const outcome = world.send(frame, { now: 1 });
    expect(outcome).toMatchObject({ ...REFUSED, ...change });
    expect(outcome.packet).toEqual(frame);
    expect(connections(world)).toEqual(before);
  });
});

describe("an error about no connection", () => {
  const stranger = { saddr: CLIENT, sport: 4444, daddr: OTHER, dport: 9 };

  test.each([
    ["passes when it is about nobody's packet", error(ROUTER, stranger), LEFT_ALONE],
    [
      "is invalid about a service's",
      error(ROUTER, { ...stranger, daddr: VIP, dport: 80 }),
      {
        ...INVALID,
        service: 1,
      },
    ],
    [
      "is invalid about a service's answer",
      error(CLIENT, { ...stranger, saddr: VIP, sport: 80 }),
      {
        ...INVALID,
        service: 1,
      },
    ],
    [
      "is invalid about a nodePort's answer",
      error(CLIENT, answer({ ...stranger, daddr: NODE, dport: 30080 }), { daddr: ENDPOINT }),
      {
        ...INVALID,
        service: 1,
      },
    ],
    [
      "passes to the host",
      error(CLIENT, answer({ ...stranger, daddr: NODE, dport: 30080 })),
      LEFT_ALONE,
    ],
    [
      "passes about another port of a vip",
      error(ROUTER, { ...stranger, daddr: VIP, dport: 81 }),
      LEFT_ALONE,
    ],
    ["is dropped with a wrong checksum", error(ROUTER, stranger, { checksum: 1 }), DAMAGED],
  ])("%s", (_, spec, expected) => {
    const frame = packet(spec);
    const outcome = worldOf().send(frame);
    expect(outcome).toMatchObject({ backend: 0, ...expected });
    expect(outcome.packet).toEqual(frame);
  });

  test.each([ENDPOINT, ENDPOINT6])(
    "is invalid about a packet to or from an endpoint (%s)",
    (address) => {
      const v6 = address === ENDPOINT6;
      const family = v6 ? "ipv6" : "ipv4";
      const endpoint = { family, address, port: 8080, proto: "tcp" } as const;
      const content = { ...web(), endpoints: [[endpoint, { backend: v6 ? 2 : 1 }]] } as const;
      const world = createWorld({ ...content, ...withConfig({}) });
      const to = { ...(v6 ? DIRECT6 : DIRECT).seen, sport: 5 };
      const from = v6 ? ROUTER6 : ROUTER;
      const named = { service: 0, backend: 0 };
      expect(world.send(packet(error(from, to)))).toMatchObject({ ...INVALID, ...named });
      expect(world.send(packet(error(from, answer(to))))).toMatchObject({ ...INVALID, ...named });
      expect(world.send(packet(error(from, { ...to, dport: 8081 })))).toMatchObject(LEFT_ALONE);
    },
  );
});

describe("what quotes no packet that could be known", () => {
  const quoted = packet({ ...DIRECT.seen, link: "raw" });
  const broken = (daddr: string) =>
    packet(error(ROUTER, DIRECT.seen, { daddr, payload: quoted.subarray(0, 27) }));

  test("is invalid", () => {
    expect(opened(DIRECT).send(broken(POD))).toMatchObject({ ...INVALID, service: 0, backend: 0 });
  });

  test("passes to the host, and where tcpBeLiberal lets everything pass", () => {
    expect(opened(DIRECT).send(broken(NODE))).toMatchObject(LEFT_ALONE);
    expect(opened(DIRECT).send(broken("127.0.0.1"))).toMatchObject(LEFT_ALONE);
    expect(opened(DIRECT, { tcpBeLiberal: true }).send(broken(POD))).toMatchObject(LEFT_ALONE);
  });

  test.each([
    ["a packet of another protocol", error(ROUTER, { ...DIRECT.seen, proto: 47 })],
    ["an echo", error(ROUTER, { ...DIRECT.seen, proto: "icmp" })],
  ])("passes when it is about %s", (_, spec) => {
    expect(opened(DIRECT).send(packet(spec))).toMatchObject(LEFT_ALONE);
  });
});
