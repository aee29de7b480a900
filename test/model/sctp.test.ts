import { describe, expect, test } from "vitest";
import { type ChunkSpec, type PacketSpec, packet } from "../../src/packet/build.ts";
import {
  answer,
  connections,
  ENDPOINT,
  INVALID,
  initiation,
  NEW,
  REPLY,
  SYN,
  web,
} from "./scene.ts";
import { createWorld, type World } from "./world.ts";

const ASK: PacketSpec = { ...SYN, proto: "sctp" };
const ASKED: PacketSpec = { ...ASK, daddr: ENDPOINT, dport: 8080 };

/** Packets of the client carry 22, those of the endpoint 11. */
const [TO_ENDPOINT, TO_CLIENT] = [22, 11];

type Turn = readonly ["orig" | "reply", number, ...ChunkSpec[]];

const named = (type: ChunkSpec["type"], flags = 0): ChunkSpec => ({ type, flags });
const INIT: Turn = ["orig", 0, initiation("INIT", TO_CLIENT)];
const INIT_ACK: Turn = ["reply", TO_CLIENT, initiation("INIT ACK", TO_ENDPOINT)];
const ECHO: Turn = ["orig", TO_ENDPOINT, named("COOKIE ECHO")];
const COOKIE_ACK: Turn = ["reply", TO_CLIENT, named("COOKIE ACK")];
const OPENED = [INIT, INIT_ACK, ECHO, COOKIE_ACK];

function say(world: World, [direction, verificationTag, ...chunks]: Turn, now = 0) {
  const spec = direction === "orig" ? ASK : answer(ASKED);
  return world.send(packet({ ...spec, verificationTag, chunks }), { now });
}

function begun(turns: readonly Turn[] = OPENED): World {
  const world = createWorld(web("sctp"));
  for (const turn of turns) expect(say(world, turn).verdict).toBe("PASS");
  return world;
}

function only(world: World) {
  expect(connections(world).length).toBe(1);
  return connections(world)[0]![1];
}

test("a whole life", () => {
  const world = createWorld(web("sctp"));
  const life: readonly [Turn, string, boolean][] = [
    [INIT, "SCTP_CLOSED", false],
    [INIT_ACK, "SCTP_COOKIE_WAIT", false],
    [ECHO, "SCTP_COOKIE_ECHOED", false],
    [COOKIE_ACK, "SCTP_ESTABLISHED", true],
    [["orig", TO_ENDPOINT, named("DATA")], "SCTP_ESTABLISHED", true],
    [["reply", TO_CLIENT, named("SACK")], "SCTP_ESTABLISHED", true],
    [["orig", TO_ENDPOINT, named("SHUTDOWN")], "SCTP_SHUTDOWN_SENT", true],
    [["reply", TO_CLIENT, named("SHUTDOWN ACK")], "SCTP_SHUTDOWN_ACK_SENT", true],
    [["orig", TO_ENDPOINT, named("SHUTDOWN COMPLETE")], "SCTP_CLOSED", true],
  ];
  life.forEach(([turn, state, assured], now) => {
    expect(say(world, turn, now).verdict).toBe("PASS");
    expect(only(world)).toMatchObject({ state, timer: state, assured, lastSeen: now });
  });
});

describe("a first packet", () => {
  test.each([
    ["INIT", [INIT], "SCTP_CLOSED"],
    [
      "SHUTDOWN ACK out of the blue",
      [["orig", 9, named("SHUTDOWN ACK")]],
      "SCTP_SHUTDOWN_ACK_SENT",
    ],
    ["HEARTBEAT of a path", [["orig", 9, named("HEARTBEAT")]], "SCTP_HEARTBEAT_SENT"],
    ["INIT with a tag", [["orig", 9, ...INIT.slice(2)]], undefined],
    ["INIT cut short", [["orig", 0, named("INIT")]], undefined],
    ["DATA", [["orig", 9, named("DATA")]], undefined],
    ["ABORT", [["orig", 0, named("ABORT")]], undefined],
    ["SHUTDOWN COMPLETE", [["orig", 0, named("SHUTDOWN COMPLETE")]], undefined],
    ["COOKIE ACK", [["orig", 0, named("COOKIE ACK")]], undefined],
    ["nothing at all", [["orig", 0]], undefined],
    ["INIT and more", [["orig", 0, INIT[2]!, named("DATA")]], undefined],
    ["a cookie behind another chunk", [["orig", 9, named("HEARTBEAT"), ECHO[2]!]], undefined],
  ] as [string, Turn[], string | undefined][])("%s", (_, [turn], state) => {
    const world = createWorld(web("sctp"));
    const outcome = say(world, turn!);
    expect(outcome).toMatchObject(state === undefined ? { ...INVALID, service: 1 } : NEW);
    expect(connections(world).map(([, { state }]) => state)).toEqual(state ? [state] : []);
  });

  test("a chunk of length zero is none", () => {
    const world = createWorld(web("sctp"));
    const frame = packet({ ...ASK, payload: Uint8Array.of(4, 0, 0, 0) });
    expect(world.send(frame)).toMatchObject(INVALID);
  });
});

describe("verification tags", () => {
  test.each([
    ["DATA with the right one", ["orig", TO_ENDPOINT, named("DATA")], true],
    ["DATA with the other side's", ["orig", TO_CLIENT, named("DATA")], false],
    ["ABORT with the right one", ["orig", TO_ENDPOINT, named("ABORT")], true],
    ["ABORT that reflects", ["orig", TO_CLIENT, named("ABORT", 1)], true],
    ["ABORT that reflects its own", ["orig", TO_ENDPOINT, named("ABORT", 1)], false],
    ["SHUTDOWN COMPLETE with a wrong one", ["reply", 5, named("SHUTDOWN COMPLETE")], false],
    ["COOKIE ECHO with a wrong one", ["orig", 5, named("COOKIE ECHO")], false],
    ["INIT with any", ["orig", 5, INIT[2]!], false],
    ["INIT ACK that wants the one it has", ["reply", TO_CLIENT, INIT_ACK[2]!], true],
    ["INIT ACK that wants another", ["reply", TO_CLIENT, initiation("INIT ACK", 6)], false],
  ] as [string, Turn, boolean][])("%s", (_, turn, valid) => {
    const world = begun();
    const { state } = only(world);
    expect(say(world, turn, 5)).toMatchObject(valid ? { verdict: "PASS" } : INVALID);
    if (!valid) expect(only(world)).toMatchObject({ state, lastSeen: 0 });
  });

  test("a HEARTBEAT teaches those of a path", () => {
    const world = begun([["orig", 9, named("HEARTBEAT")]]);
    expect(say(world, ["reply", 8, named("HEARTBEAT ACK")])).toMatchObject(REPLY);
    expect(only(world)).toMatchObject({ state: "SCTP_ESTABLISHED", assured: true });
    expect(say(world, ["reply", 8, named("DATA")])).toMatchObject(REPLY);
    expect(say(world, ["reply", 9, named("DATA")])).toMatchObject(INVALID);
  });

  test("a strange HEARTBEAT passes, and its answer proves it", () => {
    const world = begun();
    expect(say(world, ["orig", 5, named("HEARTBEAT")], 3).verdict).toBe("PASS");
    expect(only(world).lastSeen).toBe(0);
    expect(say(world, ["orig", 5, named("HEARTBEAT ACK")], 3)).toMatchObject(INVALID);
    expect(say(world, ["reply", 6, named("HEARTBEAT ACK")], 3).verdict).toBe("PASS");
    expect(say(world, ["reply", 6, named("DATA")], 3).verdict).toBe("PASS");
  });

  test("a strange HEARTBEAT with data does not pass", () => {
    const turn: Turn = ["orig", 5, named("HEARTBEAT"), named("DATA")];
    expect(say(begun(), turn)).toMatchObject(INVALID);
  });
});

test("an INIT that nobody answers does not keep the entry alive", () => {
  const world = begun([INIT]);
  expect(say(world, INIT, 7).verdict).toBe("PASS");
  expect(only(world)).toMatchObject({ state: "SCTP_CLOSED", lastSeen: 0 });
});
