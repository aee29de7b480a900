import { describe, expect, test } from "vitest";
import { LINK_ETHERNET } from "../../abi/limits.ts";
import type { Proto } from "../../src/dataplane/entries.ts";
import { type PacketSpec, packet } from "../../src/packet/build.ts";
import * as checksum from "../../src/packet/checksum.ts";
import {
  answer,
  CLIENT,
  ENDPOINT,
  ENDPOINT6,
  LATER,
  LEFT_ALONE,
  NEW,
  NODE,
  NODE6,
  PROTOS,
  REPLY,
  SYN,
  SYN6,
  TURNS,
  web,
} from "./scene.ts";
import { createWorld, DNAT, routes } from "./world.ts";

describe.each(PROTOS)("a conversation over %s", (proto) => {
  test("the endpoint and the pod see each other, and the VIP", () => {
    const world = createWorld(web(proto));
    const [opening, answering, next] = TURNS[proto];
    const ask = { ...SYN, proto, ...opening };
    const asked = { ...ask, daddr: ENDPOINT, dport: 8080 };
    const first = world.send(packet(ask));
    expect(first).toMatchObject({ ...NEW, backend: 1, masquerade: false });
    expect(first.packet).toEqual(packet(asked));
    const reply = world.send(packet(answer(asked, answering)));
    expect(reply).toMatchObject({ ...REPLY, backend: 1 });
    expect(reply.packet).toEqual(packet(answer(ask, answering)));
    const second = world.send(packet({ ...ask, ...next }));
    expect(second).toMatchObject({ ...LATER, backend: 1 });
    expect(second.packet).toEqual(packet({ ...asked, ...next }));
  });

  test("a client from outside comes by the node's address, in both families", () => {
    const world = createWorld(web(proto));
    const [opening, answering] = TURNS[proto];
    const ends = [
      [{ ...SYN, saddr: CLIENT, proto, ...opening }, ENDPOINT, NODE],
      [{ ...SYN6, proto, ...opening }, ENDPOINT6, NODE6],
    ] as const;
    for (const [ask, daddr, saddr] of ends) {
      const asked = { ...ask, saddr, daddr, dport: 8080 };
      const first = world.send(packet(ask));
      expect(first).toMatchObject({ ...NEW, masquerade: true });
      expect(first.packet).toEqual(packet(asked));
      const reply = world.send(packet(answer(asked, answering)));
      expect(reply).toMatchObject({ ...REPLY, masquerade: true });
      expect(reply.packet).toEqual(packet(answer(ask, answering)));
    }
  });

  test("a nodePort is reached on the node's address", () => {
    const world = createWorld(web(proto));
    const [opening] = TURNS[proto];
    const ask = { ...SYN, saddr: CLIENT, daddr: NODE, dport: 30080, proto, ...opening };
    const first = world.send(packet(ask));
    expect(first).toMatchObject({ ...NEW, backend: 1, masquerade: true });
    expect(first.packet).toEqual(packet({ ...ask, saddr: NODE, daddr: ENDPOINT, dport: 8080 }));
    expect(world.send(packet({ ...ask, daddr: "192.168.0.3" }))).toMatchObject(LEFT_ALONE);
  });
});

describe("rewriting", () => {
  const shapes: readonly [string, Partial<PacketSpec>][] = [
    [
      "VLAN tags, options and padding stay",
      {
        vlan: [5, 6],
        ipOptions: Uint8Array.of(1, 1, 1, 0),
        tcpOptions: { mss: 1460 },
        padding: 6,
        tos: 0x2e,
        id: 77,
        ttl: 3,
      },
    ],
    ["a payload of odd length", { payload: "odd" }],
    ["UDP without a checksum stays without", { proto: "udp", checksum: 0 }],
  ];

  test.each(shapes)("%s", (_, shape) => {
    const world = createWorld(web(shape.proto as Proto));
    const { packet: out } = world.send(packet({ ...SYN, ...shape }));
    expect(out).toEqual(packet({ ...SYN, ...shape, daddr: ENDPOINT, dport: 8080 }));
  });

  test("wrong checksums stay wrong", () => {
    const world = createWorld(web());
    const { packet: out } = world.send(packet({ ...SYN, checksum: 0x1234, ipChecksum: 0x4321 }));
    expect(checksum.verify(out, LINK_ETHERNET)).toEqual({ ip: "bad", transport: "bad" });
  });

  test("extension headers stay, behind them the ports change", () => {
    const extensions = [{ type: "hop-by-hop" }, { type: "fragment" }] as const;
    const world = createWorld(web("udp", { routes: routes(DNAT) }));
    const ask = { ...SYN6, proto: "udp", extensions, payload: "?" } as const;
    const { packet: out } = world.send(packet(ask));
    expect(out).toEqual(packet({ ...ask, daddr: ENDPOINT6, dport: 8080 }));
  });

  test("a UDP checksum that comes out as zero is written as all ones", () => {
    const world = createWorld(web("udp"));
    const asked = { ...SYN, proto: "udp", daddr: ENDPOINT, dport: 8080 } as const;
    const summed = packet({ ...asked, payload: Uint8Array.of(0, 0) });
    const rest = (summed[40]! << 8) | summed[41]!;
    const payload = Uint8Array.of(rest >>> 8, rest & 0xff);
    const { packet: out } = world.send(packet({ ...SYN, proto: "udp", payload }));
    expect([out[40], out[41]]).toEqual([0xff, 0xff]);
    expect(out).toEqual(packet({ ...asked, payload }));
  });

  test("the CRC of an SCTP packet cut short is left alone", () => {
    const world = createWorld(web("sctp"));
    const frame = packet({ ...SYN, proto: "sctp", payload: "payload" });
    const { packet: out } = world.send(frame.subarray(0, -2), { wireLength: frame.length });
    expect(out.subarray(42, 46)).toEqual(frame.subarray(42, 46));
    expect(out.length).toBe(frame.length - 2);
  });
});
