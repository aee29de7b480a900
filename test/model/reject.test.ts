import { describe, expect, test } from "vitest";
import { LINK_ETHERNET } from "../../abi/limits.ts";
import { packet } from "../../src/packet/build.ts";
import * as checksum from "../../src/packet/checksum.ts";
import { CLIENT, CLIENT6, NODE, NODE6, POD, SYN, SYN6, VIP, VIP6, web } from "./scene.ts";
import { type Content, createWorld, INTERFACE, REJECT, routes } from "./world.ts";

describe("reject", () => {
  const TX = {
    verdict: "TX",
    action: "reject",
    reason: "no-endpoints",
    conntrack: "new",
    service: 1,
    backend: 0,
  };
  const vacant = (interfaces: Content["interfaces"] = [[0, INTERFACE]]) =>
    createWorld({ ...web("tcp", { routes: routes(REJECT) }), interfaces });
  const macs = { smac: "02:00:00:00:00:02", dmac: "02:00:00:00:00:01" };
  const unreachable = { proto: "icmp", icmp: { type: 3, code: 3 }, tos: 0xc0 } as const;

  test("an IPv4 client gets port unreachable with its packet quoted", () => {
    const frame = packet({ ...SYN, tos: 0x1f, vlan: [5], padding: 6, payload: "data" });
    const outcome = vacant().send(frame);
    expect(outcome).toMatchObject(TX);
    const payload = frame.subarray(18, -6);
    const expected = { ...unreachable, ...macs, vlan: [5], tos: 0xde, payload };
    expect(outcome.packet).toEqual(packet({ ...expected, saddr: NODE, daddr: POD }));
  });

  test("an IPv6 client does, by ICMPv6", () => {
    const frame = packet({ ...SYN6, tos: 0x2e, flowLabel: 5 });
    const outcome = vacant().send(frame);
    expect(outcome).toMatchObject({ ...TX, service: 2 });
    const expected = packet({
      ...macs,
      saddr: NODE6,
      daddr: CLIENT6,
      proto: "icmpv6",
      icmp: { type: 1, code: 4 },
      payload: frame.subarray(14),
    });
    expect(outcome.packet).toEqual(expected);
  });

  test.each([
    ["ipv4", SYN, 14 + 576],
    ["ipv6", SYN6, 14 + 1280],
  ] as const)(
    "of a long packet so much is quoted that the answer is not (%s)",
    (_, spec, length) => {
      const { packet: out } = vacant().send(packet({ ...spec, payload: new Uint8Array(1400) }));
      expect(out.length).toBe(length);
      expect(checksum.verify(out, LINK_ETHERNET).transport).toBe("good");
    },
  );

  test("of a packet cut short, what was captured", () => {
    const frame = packet({ ...SYN, payload: "never captured" });
    const { packet: out } = vacant().send(frame.subarray(0, 14 + 40), { wireLength: frame.length });
    expect(out.subarray(14 + 28)).toEqual(frame.subarray(14, 14 + 40));
    expect(checksum.verify(out, LINK_ETHERNET)).toEqual({ ip: "good", transport: "good" });
  });

  test.each([
    ["the interface's address", { interface: 1 }, {}, "172.16.0.1"],
    ["row 0 for one without an address", { interface: 2 }, {}, NODE],
    ["row 0 for one that is not known", { interface: 3 }, {}, NODE],
    ["the dialled address for a nodePort", { interface: 1 }, { daddr: NODE, dport: 30080 }, NODE],
  ] as const)("is sent by %s", (_, input, ends, saddr) => {
    const world = vacant([
      [0, INTERFACE],
      [1, { ...INTERFACE, name: "eth1", ipv4: "172.16.0.1" }],
      [2, { ...INTERFACE, name: "eth2", ipv4: "" }],
    ]);
    const frame = packet({ ...SYN, saddr: CLIENT, ...ends });
    const expected = { ...unreachable, ...macs, saddr, daddr: CLIENT, payload: frame.subarray(14) };
    expect(world.send(frame, input).packet).toEqual(packet(expected));
  });

  test("is sent by the dialled address when there is no other", () => {
    const { packet: out } = vacant([]).send(packet(SYN));
    expect([...out.subarray(26, 30)]).toEqual([10, 96, 0, 10]);
  });

  test.each([
    ["raw", 1, (header: Uint8Array) => header],
    ["null", 2, (header: Uint8Array) => header],
    ["loop", 3, (header: Uint8Array) => header],
    ["linux-sll", 4, (header: Uint8Array) => header.fill(4, 1, 2)],
    ["linux-sll2", 5, (header: Uint8Array) => header.fill(4, 10, 11)],
  ] as const)("goes out with the link header of %s turned round", (link, slot, turned) => {
    const frame = packet({ ...SYN, link });
    const at = frame.length - 40;
    const { packet: out } = vacant().send(frame, { link: slot });
    expect(out.subarray(0, at)).toEqual(turned(frame.slice(0, at)));
    expect(out.length).toBe(frame.length + 28);
  });

  test.each([
    ["0.0.0.0", VIP],
    ["224.0.0.1", VIP],
    ["239.255.255.255", VIP],
    ["255.255.255.255", VIP],
    ["::", VIP6],
    ["ff02::1", VIP6],
  ])("is not sent to %s", (saddr, daddr) => {
    const frame = packet({ ...SYN, saddr, daddr });
    // From a wire it would be a martian.
    const outcome = vacant().send(frame, { local: true });
    const service = daddr === VIP ? 1 : 2;
    expect(outcome).toMatchObject({ ...TX, service, verdict: "DROP", action: "drop" });
    expect(outcome.packet).toEqual(frame);
  });

  test("an empty ring counts as no endpoints", () => {
    const world = createWorld({ ...web(), rings: [] });
    expect(world.send(packet(SYN))).toMatchObject(TX);
  });
});
