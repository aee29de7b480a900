import { describe, expect, test } from "vitest";
import { type PacketSpec, packet } from "../../src/packet/build.ts";
import {
  answer,
  connections,
  ENDPOINT,
  INVALID,
  LEFT_ALONE,
  NEW,
  POD,
  REPLY,
  SYN,
  web,
} from "./scene.ts";
import { CONFIG, type Content, createWorld, type World } from "./world.ts";

const DIRECT: PacketSpec = { ...SYN, daddr: ENDPOINT, dport: 8080 };

function content(proto: "tcp" | "udp" = "tcp"): Content {
  const key = { family: "ipv4", address: ENDPOINT, port: 8080, proto } as const;
  return { ...web(proto), endpoints: [[key, { backend: 1 }]] };
}

function send(world: World, spec: PacketSpec, now = 0) {
  return world.send(packet(spec), { now });
}

describe("a connection to an endpoint itself", () => {
  test("is followed, and its packets stay as they are", () => {
    const world = createWorld(content());
    const turns: readonly [PacketSpec, string, string][] = [
      [DIRECT, "new", "SYN_SENT"],
      [answer(DIRECT, { flags: "SA", ack: 1 }), "reply", "SYN_RECV"],
      [{ ...DIRECT, flags: "A", seq: 1, ack: 1 }, "established", "ESTABLISHED"],
    ];
    for (const [spec, conntrack, state] of turns) {
      const outcome = send(world, spec);
      expect(outcome).toMatchObject({ ...LEFT_ALONE, conntrack, backend: 0, masquerade: false });
      expect(outcome.packet).toEqual(packet(spec));
      expect(connections(world)[0]![1]).toMatchObject({ state, backend: 0 });
    }
    expect(world.engine.connections(0)).toBe(0);
    expect(world.engine.counters().connections.created).toBe(1);
    expect(world.engine.traffic.backend(0)).toMatchObject({ connections: 0, inPackets: 0 });
  });

  test("takes another port when one to the service has its own, and each gets its answers", () => {
    const world = createWorld(content());
    expect(send(world, SYN)).toMatchObject({ ...NEW, backend: 1 });
    const second = send(world, DIRECT);
    expect(second).toMatchObject({ ...NEW, backend: 0 });
    const { dport } = connections(world)[1]![1].reply;
    expect(dport).not.toBe(SYN.sport);
    expect(second.packet).toEqual(packet({ ...DIRECT, sport: dport }));
    const reply = { saddr: ENDPOINT, sport: 8080, daddr: POD, flags: "SA", ack: 1 };
    const toService = send(world, { ...reply, dport: 40000 });
    expect(toService.packet).toEqual(packet(answer(SYN, { flags: "SA", ack: 1 })));
    const toDirect = send(world, { ...reply, dport });
    expect(toDirect).toMatchObject({ ...REPLY, backend: 0 });
    expect(toDirect.packet).toEqual(packet(answer(DIRECT, { flags: "SA", ack: 1 })));
  });

  test("makes a later one to the service take another port", () => {
    const world = createWorld(content("udp"));
    send(world, { ...DIRECT, proto: "udp" });
    const { packet: out } = send(world, { ...SYN, proto: "udp" });
    const { dport } = connections(world)[1]![1].reply;
    expect(dport).not.toBe(SYN.sport);
    expect(out).toEqual(packet({ ...DIRECT, proto: "udp", sport: dport }));
  });

  test("is not followed where no backend listens", () => {
    const world = createWorld(content());
    const elsewhere = [{ dport: 8081 }, { daddr: "10.244.1.11" }, { proto: "udp" }] as const;
    for (const change of elsewhere) {
      expect(send(world, { ...DIRECT, ...change })).toMatchObject(LEFT_ALONE);
    }
    expect(connections(world)).toEqual([]);
  });

  test("is not followed when there is no room", () => {
    const world = createWorld(content(), { connections: 0 });
    expect(send(world, DIRECT)).toMatchObject(LEFT_ALONE);
  });

  test("is not followed when it comes from a martian", () => {
    const world = createWorld(content());
    expect(send(world, { ...DIRECT, saddr: "240.0.0.1" })).toMatchObject(LEFT_ALONE);
    expect(connections(world)).toEqual([]);
  });
});

describe("a packet to an endpoint that belongs to no connection", () => {
  const liberal: Content = { config: [["config", { ...CONFIG, tcpBeLiberal: true }]] };
  const local: Content = {
    addresses: [[{ family: "ipv4", address: ENDPOINT }, { nodePorts: false }]],
  };

  test.each(["R", "SA", "FA", "SF"])("is dropped with flags %s", (flags) => {
    const world = createWorld(content());
    expect(send(world, { ...DIRECT, flags })).toMatchObject({ ...INVALID, service: 0, backend: 0 });
    for (const change of [liberal, local]) {
      const tolerant = createWorld({ ...content(), ...change });
      expect(send(tolerant, { ...DIRECT, flags })).toMatchObject(LEFT_ALONE);
    }
  });

  test.each([
    { flags: "SA", expected: INVALID },
    { flags: "R", expected: INVALID },
    { flags: "S", expected: LEFT_ALONE },
    { flags: "A", expected: LEFT_ALONE },
  ])("but comes from one, with flags $flags, passes only if it could begin one", (row) => {
    const world = createWorld(content());
    const sent = { saddr: ENDPOINT, sport: 8080, daddr: POD, dport: 4000, flags: row.flags };
    expect(send(world, sent)).toMatchObject({ ...row.expected, service: 0, backend: 0 });
    expect(connections(world)).toEqual([]);
  });

  test("is dropped when it is damaged", () => {
    const world = createWorld(content());
    const expected = { ...INVALID, reason: "checksum", service: 0 };
    expect(send(world, { ...DIRECT, checksum: 1 })).toMatchObject(expected);
  });

  test("and neither is one that contradicts its connection", () => {
    const far = { ...DIRECT, flags: "A", seq: 1, ack: 77_777 };
    const begin = (change: Content) => {
      const world = createWorld({ ...content(), ...change });
      send(world, DIRECT);
      send(world, answer(DIRECT, { flags: "SA", ack: 1 }));
      return world;
    };
    expect(send(begin({}), far)).toMatchObject({ ...INVALID, backend: 0 });
    expect(send(begin(local), far)).toMatchObject({ ...LEFT_ALONE, conntrack: "invalid" });
  });
});
