import { describe, expect, test } from "vitest";
import type { Route } from "../../src/dataplane/entries.ts";
import type { Reason } from "../../src/dataplane/event.ts";
import { type PacketSpec, packet } from "../../src/packet/build.ts";
import {
  CLIENT,
  connections,
  INVALID,
  LEFT_ALONE,
  NEW,
  NODE,
  POD,
  SYN,
  SYN6,
  web,
} from "./scene.ts";
import { CONFIG, createWorld, INTERFACE, routes } from "./world.ts";

describe("who is let in", () => {
  const reasons = { pod: "no-endpoints", local: "source-range", other: "invalid" } as const;
  const drop = (reason: Reason): Route => ({ action: "drop", reason });
  const byClass = routes(drop(reasons.pod), drop(reasons.local), drop(reasons.other));
  const world = () =>
    createWorld({
      ...web("tcp", { routes: byClass }),
      interfaces: [
        [0, INTERFACE],
        [1, { ...INTERFACE, name: "cali1", pod: true }],
      ],
    });

  test.each([
    ["a source of a pod range is a pod", { saddr: POD }, {}, "pod"],
    ["so is one behind a pod's interface", { saddr: CLIENT }, { interface: 1 }, "pod"],
    ["even the node's own address there", { saddr: NODE }, { interface: 1 }, "pod"],
    ["the node's address is local", { saddr: NODE }, {}, "local"],
    ["so is loopback", { saddr: "127.0.0.9" }, { local: true }, "local"],
    ["so is what the node sends", { saddr: CLIENT }, { local: true }, "local"],
    ["others are others", { saddr: CLIENT }, {}, "other"],
    ["an unknown interface says nothing", { saddr: CLIENT }, { interface: 3 }, "other"],
  ] as const)("%s", (_, ends, input, name) => {
    const outcome = world().send(packet({ ...SYN, ...ends }), input);
    expect(outcome).toMatchObject({
      verdict: "DROP",
      action: "drop",
      conntrack: "new",
      service: 1,
    });
    expect(outcome.reason).toBe(reasons[name]);
  });

  test.each([
    ["10.244.0.255", "source-range"],
    ["10.244.1.0", null],
    ["10.244.1.255", null],
    ["10.244.2.0", "source-range"],
    ["203.0.113.9", null],
  ])("source ranges have both their ends: %s", (saddr, reason) => {
    const sourceRanges = [
      { first: "10.244.1.0", last: "10.244.1.255" },
      { first: "203.0.113.9", last: "203.0.113.9" },
    ];
    const outcome = createWorld(web("tcp", { sourceRanges })).send(packet({ ...SYN, saddr }));
    expect(outcome).toMatchObject({ reason, conntrack: "new" });
  });

  test("nodePorts on loopback can be switched off", () => {
    const ask = packet({ ...SYN, saddr: "127.0.0.1", daddr: "127.0.0.1", dport: 30080 });
    expect(createWorld(web()).send(ask)).toMatchObject(NEW);
    const config = { ...CONFIG, localhostNodePorts: false };
    const off = createWorld({ ...web(), config: [["config", config]] });
    expect(off.send(ask)).toMatchObject(LEFT_ALONE);
  });

  test.each(["SF", "R", "SA", "FA", ""])("flags %j open no connection", (flags) => {
    const outcome = createWorld(web()).send(packet({ ...SYN, flags }));
    expect(outcome).toMatchObject({ ...INVALID, service: 1, backend: 0 });
  });

  test("an ACK does while conntrack is loose", () => {
    const ask = packet({ ...SYN, flags: "A" });
    const strict = { ...CONFIG, tcpLoose: false };
    expect(createWorld(web()).send(ask)).toMatchObject(NEW);
    const world = createWorld({ ...web(), config: [["config", strict]] });
    expect(world.send(ask)).toMatchObject(INVALID);
  });

  test("the table has room for so many connections", () => {
    const world = createWorld(web(), { connections: 2 });
    const send = (sport: number) => world.send(packet({ ...SYN, sport }));
    expect([send(1), send(2)].map(({ reason }) => reason)).toEqual([null, null]);
    expect(send(3)).toMatchObject(NEW);
    expect(connections(world).length).toBe(1);
    expect(world.send(packet(SYN6))).toMatchObject(NEW);
  });
});

describe("no service's packets", () => {
  const elsewhere = { ...SYN, daddr: "10.244.9.9" };

  test.each([
    ["are left alone", elsewhere, LEFT_ALONE],
    ["nor does another port dial a service", { ...SYN, dport: 81 }, LEFT_ALONE],
    ["nor another protocol", { ...SYN, proto: "udp" }, LEFT_ALONE],
    ["ICMP is", { ...SYN, proto: "icmp" }, LEFT_ALONE],
    ["a fragment is", { ...elsewhere, fragment: { more: true }, payload: "even" }, LEFT_ALONE],
    ["senseless TCP flags are dropped", { ...elsewhere, flags: "SF" }, INVALID],
    ["but not on their way to the node itself", { ...SYN, daddr: NODE, flags: "SF" }, LEFT_ALONE],
    [
      "a malformed IP header is dropped",
      { ...SYN, ipLength: 10 },
      { ...INVALID, reason: "malformed", conntrack: "none" },
    ],
    ["a malformed TCP header is", { ...SYN, ipLength: 30 }, { ...INVALID, reason: "malformed" }],
    [
      "a truncated packet is",
      { ...SYN, ipLength: 90 },
      { ...INVALID, reason: "truncated", conntrack: "none" },
    ],
  ] as const)("%s", (_, spec, expected) => {
    const world = createWorld(web());
    const frame = packet(spec as PacketSpec);
    const outcome = world.send(frame);
    expect(outcome).toMatchObject(expected);
    expect(outcome.packet).toEqual(frame);
    expect(connections(world)).toEqual([]);
  });

  test("a liberal configuration lets senseless flags pass", () => {
    const world = createWorld({ config: [["config", { ...CONFIG, tcpBeLiberal: true }]] });
    expect(world.send(packet({ ...elsewhere, flags: "SF" }))).toMatchObject(LEFT_ALONE);
  });
});
