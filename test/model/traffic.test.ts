import { describe, expect, test } from "vitest";
import { fragments, packet } from "../../src/packet/build.ts";
import { answer, CLIENT, ENDPOINT, NODE, SYN, VIP, web } from "./scene.ts";
import { backend, createWorld, REJECT, routes, transaction } from "./world.ts";

const ASKED = { ...SYN, daddr: ENDPOINT, dport: 8080 };

describe("traffic", () => {
  test("is what leaves translated, by backend and direction", () => {
    const world = createWorld(web());
    const frames = [
      { ...SYN, payload: "hello" },
      answer(ASKED, { flags: "SA", ack: 6 }),
      { ...SYN, flags: "A", seq: 6, ack: 1 },
      { ...SYN, flags: "SF" },
      { ...SYN, flags: "A", seq: 6, ack: 1, checksum: 1 },
    ].map(packet);
    for (const frame of frames) world.send(frame);
    expect(world.engine.traffic.backend(1)).toEqual({
      connections: 1,
      inPackets: 2,
      inBytes: 59 + 54,
      outPackets: 1,
      outBytes: 54,
    });
    expect(world.engine.traffic.service(1)).toEqual({ rejected: 0, dropped: 0 });
  });

  test("of a backend is nothing when its number is given away, and stays when it changes", () => {
    const world = createWorld(web());
    world.send(packet(SYN));
    const change = backend(ENDPOINT, "tcp", { rings: [] });
    world.engine.commit(transaction({ backends: [[1, change]] }));
    expect(world.engine.traffic.backend(1).connections).toBe(1);
    world.engine.maps.backends.delete(1);
    world.engine.maps.backends.update(1, change);
    expect(world.engine.traffic.backend(1).connections).toBe(0);
  });

  test("of a datagram in pieces is every piece, the one that told the ports and the held ones too", () => {
    const world = createWorld(web("udp"), { datagrams: 1, fragments: 4, frame: 1600 });
    const query = { ...SYN, proto: "udp", payload: "a question in pieces" } as const;
    const pieces = fragments(query, 8);
    const orders = [pieces, pieces.toReversed()];
    for (const frame of orders.flat()) world.send(frame);
    const bytes = pieces.reduce((sum, { length }) => sum + length, 0);
    const counted = { inPackets: 2 * pieces.length, inBytes: 2 * bytes };
    expect(world.engine.traffic.backend(1)).toMatchObject({ connections: 1, ...counted });
  });

  test("of a service port counts the first packets it turned away", () => {
    const vacant = createWorld(web("tcp", { routes: routes(REJECT) }));
    vacant.send(packet(SYN));
    vacant.send(packet({ ...SYN, flags: "R" }));
    expect(vacant.engine.traffic.service(1)).toEqual({ rejected: 1, dropped: 0 });
    const closed = createWorld(web("tcp", { sourceRanges: [] }));
    closed.send(packet(SYN));
    expect(closed.engine.traffic.service(1)).toEqual({ rejected: 0, dropped: 1 });
  });
});

describe("a martian", () => {
  test.each([
    ["0.1.2.3", VIP],
    ["127.0.0.1", VIP],
    ["224.0.0.1", VIP],
    ["255.255.255.255", VIP],
    ["::", "fd00:96::10"],
    ["::1", "fd00:96::10"],
    ["fe80::1", "fd00:96::10"],
    ["febf::1", "fd00:96::10"],
    ["ff02::1", "fd00:96::10"],
    ["::ffff:203.0.113.9", "fd00:96::10"],
  ])("is turned away, unless the node itself sends it: %s", (saddr, daddr) => {
    const world = createWorld(web());
    const frame = packet({ ...SYN, saddr, daddr });
    expect(world.send(frame)).toMatchObject({
      verdict: "DROP",
      reason: "martian",
      conntrack: "new",
      service: daddr === VIP ? 1 : 2,
    });
    expect(world.send(frame, { local: true }).reason).toBeNull();
  });

  test.each([
    [CLIENT, VIP],
    ["126.0.0.1", VIP],
    ["223.255.255.255", VIP],
    ["::2", "fd00:96::10"],
    ["fec0::1", "fd00:96::10"],
    ["64:ff9b::1", "fd00:96::10"],
  ])("%s is none", (saddr, daddr) => {
    expect(createWorld(web()).send(packet({ ...SYN, saddr, daddr })).reason).toBeNull();
  });

  test("the node may dial its own nodePorts over loopback", () => {
    const ends = { saddr: "127.0.0.1", daddr: "127.0.0.1", dport: 30080 };
    expect(createWorld(web()).send(packet({ ...SYN, ...ends })).reason).toBeNull();
    const away = { ...ends, daddr: NODE };
    expect(createWorld(web()).send(packet({ ...SYN, ...away })).reason).toBe("martian");
  });
});
