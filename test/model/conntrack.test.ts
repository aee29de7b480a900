import { describe, expect, test } from "vitest";
import { fragments, packet } from "../../src/packet/build.ts";
import {
  answer,
  connections,
  ENDPOINT,
  INVALID,
  LATER,
  LEFT_ALONE,
  NEW,
  REPLY,
  SYN,
  web,
} from "./scene.ts";
import { createWorld, TIMEOUTS, type World } from "./world.ts";

const ASKED = { ...SYN, daddr: ENDPOINT, dport: 8080 };

/** A pod's connection to the service, one packet a line: direction, flags, time. */
function converse(world: World, ...packets: readonly ["orig" | "reply", string, number][]) {
  return packets.map(([direction, flags, now]) => {
    const spec = direction === "orig" ? SYN : answer(ASKED);
    return world.send(packet({ ...spec, flags }), { now });
  });
}

function only(world: World) {
  expect(connections(world).length).toBe(1);
  return connections(world)[0]![1];
}

function ended(world: World) {
  const { created, expired, closed, ipv4 } = world.engine.counters().connections;
  return { created, expired, closed, now: ipv4 };
}

describe("TCP", () => {
  test("a whole life", () => {
    const world = createWorld(web());
    const states: string[] = [];
    for (const [direction, flags] of [
      ["orig", "S"],
      ["reply", "SA"],
      ["orig", "A"],
      ["orig", "PA"],
      ["reply", "FA"],
      ["orig", "A"],
      ["orig", "FA"],
      ["reply", "A"],
    ] as const) {
      converse(world, [direction, flags, 0]);
      states.push(only(world).state);
    }
    expect(states).toEqual([
      "SYN_SENT",
      "SYN_RECV",
      "ESTABLISHED",
      "ESTABLISHED",
      "FIN_WAIT",
      "CLOSE_WAIT",
      "LAST_ACK",
      "TIME_WAIT",
    ]);
    expect(only(world)).toMatchObject({ seenReply: true, assured: true, backend: 1 });
  });

  test("an invalid packet is dropped in the connection's name and keeps nothing alive", () => {
    const world = createWorld(web());
    const [, invalid] = converse(world, ["orig", "S", 0], ["orig", "SA", 500]);
    expect(invalid).toMatchObject({ ...INVALID, service: 0, backend: 1, masquerade: false });
    expect(invalid!.packet).toEqual(packet({ ...SYN, flags: "SA" }));
    expect(only(world)).toMatchObject({ state: "SYN_SENT", lastSeen: 0 });
  });

  test("an ignored answer is translated and keeps nothing alive, but is an answer", () => {
    const world = createWorld(web());
    const [, ignored] = converse(world, ["orig", "S", 0], ["reply", "A", 500]);
    expect(ignored).toMatchObject(REPLY);
    expect(ignored!.packet).toEqual(packet({ ...answer(SYN), flags: "A" }));
    expect(only(world)).toMatchObject({ state: "SYN_SENT", lastSeen: 0, seenReply: true });
  });

  test.each([
    ["the client's", ["orig", "R", 1], LATER],
    ["the endpoint's refusal", ["reply", "RA", 1], REPLY],
  ] as const)("an RST before any answer is translated and ends it: %s", (_, reset, expected) => {
    const world = createWorld(web());
    const [, outcome] = converse(world, ["orig", "S", 0], [...reset]);
    expect(outcome).toMatchObject({ ...expected, backend: 1 });
    expect(connections(world)).toEqual([]);
    expect(ended(world)).toEqual({ created: 1, expired: 0, closed: 1, now: 0 });
  });

  test("an RST after an answer closes, and a SYN opens anew", () => {
    const world = createWorld(web());
    const outcomes = converse(
      world,
      ["orig", "S", 0],
      ["reply", "SA", 0],
      ["orig", "R", 0],
      ["orig", "S", 5],
    );
    expect(outcomes[2]).toMatchObject(LATER);
    expect(outcomes[3]).toMatchObject(NEW);
    expect(only(world)).toMatchObject({ state: "SYN_SENT", created: 5, seenReply: false });
    expect(ended(world)).toEqual({ created: 2, expired: 0, closed: 1, now: 1 });
  });

  test("a SYN of the endpoint in TIME_WAIT ends the connection and is judged by itself", () => {
    const world = createWorld(web());
    converse(world, ["orig", "A", 0], ["reply", "FA", 0], ["orig", "FA", 0], ["reply", "A", 0]);
    expect(only(world).state).toBe("TIME_WAIT");
    const [outcome] = converse(world, ["reply", "S", 0]);
    expect(outcome).toMatchObject(LEFT_ALONE);
    expect(ended(world)).toEqual({ created: 1, expired: 0, closed: 1, now: 0 });
  });
});

describe("TCP in pieces", () => {
  const pieces = (change: object) =>
    fragments({ ...SYN, payload: new Uint8Array(40), ...change }, 24);

  test("an RST before any answer closes, but its later pieces still find their way", () => {
    const world = createWorld(web());
    converse(world, ["orig", "S", 0]);
    const outcomes = pieces({ flags: "R", id: 5 }).map((frame) => world.send(frame, { now: 7 }));
    for (const outcome of outcomes) expect(outcome).toMatchObject(LATER);
    expect(only(world)).toMatchObject({ state: "CLOSE", timer: "CLOSE", lastSeen: 7 });
  });

  test("no window is kept up from there on", () => {
    const world = createWorld(web());
    converse(world, ["orig", "S", 0], ["reply", "SA", 0], ["orig", "A", 0]);
    const far = { ...SYN, flags: "A", seq: 1_000_000 };
    expect(world.send(packet(far))).toMatchObject(INVALID);
    for (const frame of pieces({ flags: "A", id: 6 })) world.send(frame);
    expect(only(world).state).toBe("ESTABLISHED");
    expect(world.send(packet(far))).toMatchObject(LATER);
  });
});

describe("UDP", () => {
  const udp = (world: World, direction: "orig" | "reply", now: number) =>
    world.send(packet({ ...(direction === "orig" ? SYN : answer(ASKED)), proto: "udp" }), { now });

  test("UDP is a stream once it is answered and older than two seconds", () => {
    const world = createWorld(web("udp"));
    const seen = (
      [
        ["orig", 0],
        ["orig", 2500],
        ["reply", 2500],
      ] as const
    ).map(([direction, now]) => {
      udp(world, direction, now);
      return [only(world).state, only(world).assured];
    });
    expect(seen).toEqual([
      ["UDP", false],
      ["UDP", false],
      ["UDP_STREAM", true],
    ]);
  });

  test("a query and its answer are no stream", () => {
    const world = createWorld(web("udp"));
    udp(world, "orig", 0);
    udp(world, "reply", 2000);
    expect(only(world)).toMatchObject({ state: "UDP", seenReply: true, assured: false });
    udp(world, "orig", 2001);
    expect(only(world)).toMatchObject({ state: "UDP_STREAM", assured: true });
  });
});

describe("time", () => {
  test("a connection lives through its timeout, and not a millisecond longer", () => {
    const world = createWorld(web());
    const [, kept] = converse(world, ["orig", "S", 0], ["orig", "S", TIMEOUTS.SYN_SENT]);
    expect(kept).toMatchObject(LATER);
    const [late] = converse(world, ["orig", "S", TIMEOUTS.SYN_SENT + 1]);
    expect(late).toMatchObject(NEW);
    expect(ended(world)).toEqual({ created: 2, expired: 1, closed: 0, now: 1 });
  });

  test("between two sweeps an expired one is found out when it is met", () => {
    const world = createWorld(web());
    converse(world, ["orig", "S", 0]);
    const other = packet({ ...SYN, daddr: "10.244.9.9" });
    world.send(other, { now: TIMEOUTS.SYN_SENT });
    world.send(other, { now: TIMEOUTS.SYN_SENT + 1 });
    expect(ended(world)).toMatchObject({ expired: 0, now: 1 });
    expect(connections(world).length).toBe(1);
    expect(converse(world, ["orig", "S", TIMEOUTS.SYN_SENT + 2])[0]).toMatchObject(NEW);
    expect(ended(world)).toEqual({ created: 2, expired: 1, closed: 0, now: 1 });
  });

  test("a sweep removes it unmet, and its backend no longer has it", () => {
    const world = createWorld(web());
    converse(world, ["orig", "S", 0]);
    expect(world.engine.connections(1)).toBe(1);
    world.send(packet({ ...SYN, daddr: "10.244.9.9" }), { now: TIMEOUTS.SYN_SENT + 1 });
    expect(ended(world)).toEqual({ created: 1, expired: 1, closed: 0, now: 0 });
    expect(world.engine.connections(1)).toBe(0);
  });

  test("time does not run backwards", () => {
    const world = createWorld(web());
    converse(world, ["orig", "S", 5000], ["orig", "S", 10]);
    expect(only(world)).toMatchObject({ created: 5000, lastSeen: 5000 });
  });
});
