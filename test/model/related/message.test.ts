/** ICMP messages that are no errors. */
import { describe, expect, test } from "vitest";
import { type PacketSpec, packet } from "../../../src/packet/build.ts";
import { CLIENT6, INVALID, LEFT_ALONE, NODE, POD, VIP, VIP6 } from "../scene.ts";
import { DAMAGED, DIRECT, opened, worldOf } from "./scene.ts";

describe("messages that are no errors", () => {
  const echo: PacketSpec = { saddr: POD, daddr: VIP, proto: "icmp", payload: "ping" };

  test.each([
    ["an echo to a vip", echo],
    ["an echo's answer", { ...echo, icmp: { type: 0 } }],
    ["a timestamp", { ...echo, icmp: { type: 13 } }],
    ["what looks like a quote", { ...echo, payload: packet({ ...DIRECT.seen, link: "raw" }) }],
    ["an ICMPv6 echo", { saddr: CLIENT6, daddr: VIP6, proto: "icmpv6" }],
    [
      "a neighbor solicitation",
      { saddr: CLIENT6, daddr: VIP6, proto: "icmpv6", icmp: { type: 135 } },
    ],
  ] as const)("%s passes", (_, spec) => {
    const frame = packet(spec);
    const outcome = opened(DIRECT).send(frame);
    expect(outcome).toMatchObject(LEFT_ALONE);
    expect(outcome.packet).toEqual(frame);
  });

  test("with a wrong checksum they pass to the host only", () => {
    const wrong = { ...echo, checksum: 1 };
    expect(opened(DIRECT).send(packet(wrong))).toMatchObject({ ...DAMAGED, service: 0 });
    expect(opened(DIRECT).send(packet({ ...wrong, daddr: NODE }))).toMatchObject(LEFT_ALONE);
    expect(opened(DIRECT, { tcpBeLiberal: true }).send(packet(wrong))).toMatchObject(LEFT_ALONE);
    expect(opened(DIRECT).send(packet(wrong), { local: true })).toMatchObject(LEFT_ALONE);
  });

  test("a message without its header is malformed", () => {
    const outcome = worldOf().send(packet({ ...echo, ipLength: 27 }));
    expect(outcome).toMatchObject({ ...INVALID, reason: "malformed" });
  });
});
