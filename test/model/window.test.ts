import { describe, expect, test } from "vitest";
import type { Config, Connection } from "../../src/dataplane/entries.ts";
import { type PacketSpec, packet } from "../../src/packet/build.ts";
import { answer, connections, ENDPOINT, SYN, web } from "./scene.ts";
import { CONFIG, createWorld, transaction, type World } from "./world.ts";

type Direction = "orig" | "reply";
type Turn = readonly [Direction, string, Partial<PacketSpec>?];

const ASKED = { ...SYN, daddr: ENDPOINT, dport: 8080 };

/** Client and endpoint begin at 1000 and 5000, and have room for 1000 and 2000 bytes. */
const HANDSHAKE: readonly Turn[] = [
  ["orig", "S", { seq: 1000, window: 1000 }],
  ["reply", "SA", { seq: 5000, ack: 1001, window: 2000 }],
  ["orig", "A", { seq: 1001, ack: 5001, window: 1000 }],
];

function say(world: World, [direction, flags, change]: Turn, now: number) {
  const spec = direction === "orig" ? SYN : answer(ASKED);
  return world.send(packet({ ...spec, flags, window: 1000, ...change }), { now });
}

function begun(turns: readonly Turn[] = HANDSHAKE, config: Partial<Config> = {}): World {
  const world = createWorld({ ...web(), config: [["config", { ...CONFIG, ...config }]] });
  for (const turn of turns) say(world, turn, 0);
  return world;
}

function only(world: World): Connection {
  const found = connections(world);
  expect(found.length).toBe(1);
  return found[0]![1];
}

/** What came of a packet: let through and learnt from, let through only, or dropped. */
function fate(world: World, turn: Turn): "accept" | "ignore" | "invalid" {
  const { verdict, reason } = say(world, turn, 1000);
  if (verdict === "DROP") {
    expect(reason).toBe("invalid");
    return "invalid";
  }
  return only(world).lastSeen === 1000 ? "accept" : "ignore";
}

const BYTES = new Uint8Array(10);

describe("the window", () => {
  test.each([
    ["what comes next", { seq: 1001, payload: BYTES }, "accept"],
    ["what begins where the room ends", { seq: 3001, payload: BYTES }, "accept"],
    ["what begins behind it, but not by a window", { seq: 3002, payload: BYTES }, "ignore"],
    ["what ends a window behind it", { seq: 4990, payload: BYTES }, "ignore"],
    ["what ends further", { seq: 4991, payload: BYTES }, "invalid"],
    ["what was sent before, by less than a window", { seq: 4294966297 }, "accept"],
    ["by more than one", { seq: 4294966296 }, "ignore"],
    ["an acknowledgement of what was not sent", { seq: 1001, ack: 5002 }, "invalid"],
    ["one of long ago", { seq: 1001, ack: 4294906297 }, "accept"],
    ["one of longer ago", { seq: 1001, ack: 4294906296 }, "ignore"],
  ] as const)("%s: %o is %s", (_, change, expected) => {
    const turn: Turn = ["orig", "A", { ack: 5001, ...change }];
    expect(fate(begun(), turn)).toBe(expected);
    const liberal = begun(HANDSHAKE, { tcpBeLiberal: true });
    expect(fate(liberal, turn)).toBe("accept");
  });

  test("goes on as the other side acknowledges and offers", () => {
    const world = begun();
    const far: Turn = ["orig", "A", { seq: 6000, ack: 5001 }];
    expect(fate(world, far)).toBe("invalid");
    say(world, ["orig", "A", { seq: 1001, ack: 5001, payload: new Uint8Array(1000) }], 0);
    say(world, ["reply", "A", { seq: 5001, ack: 2001, window: 4000 }], 0);
    expect(fate(world, far)).toBe("accept");
  });

  test("knows no end of the circle", () => {
    const near = 0xffffff00;
    const world = begun([
      ["orig", "S", { seq: near }],
      ["reply", "SA", { seq: 0xffffffff, ack: near + 1, window: 2000 }],
      ["orig", "A", { seq: near + 1, ack: 0 }],
    ]);
    expect(fate(world, ["orig", "A", { seq: 1500, ack: 0 }])).toBe("accept");
    expect(fate(world, ["orig", "A", { seq: 3900, ack: 0 }])).toBe("invalid");
  });

  test.each([
    ["both sides offer to", 7, "accept"],
    ["only one side offers to", undefined, "invalid"],
  ])("is scaled when %s", (_, windowScale, expected) => {
    const world = begun([
      ["orig", "S", { seq: 1000, tcpOptions: { windowScale: 7 } }],
      ["reply", "SA", { seq: 5000, ack: 1001, window: 100, tcpOptions: { windowScale } }],
      ["orig", "A", { seq: 1001, ack: 5001 }],
      ["reply", "A", { seq: 5001, ack: 1001, window: 100 }],
    ]);
    expect(fate(world, ["orig", "A", { seq: 1001 + 12800, ack: 5001 }])).toBe(expected);
  });

  test.each([
    ["counts when the other side permits it", true, "invalid"],
    ["does not count else", false, "accept"],
  ])("a selective acknowledgement of what was not sent %s", (_, sackPermitted, expected) => {
    const tcpOptions = { sackPermitted };
    const world = begun([
      ["orig", "S", { seq: 1000, tcpOptions }],
      ["reply", "SA", { seq: 5000, ack: 1001, tcpOptions }],
      ["orig", "A", { seq: 1001, ack: 5001 }],
    ]);
    const sack = Uint8Array.of(1, 1, 5, 10, 0, 0, 7, 0, 0, 0, 8, 0);
    expect(fate(world, ["reply", "A", { seq: 5001, ack: 1001, tcpOptions: sack }])).toBe(expected);
  });

  test("a SYN that is sent again from elsewhere begins anew", () => {
    const world = begun([
      ["orig", "S", { seq: 1000 }],
      ["orig", "S", { seq: 70_000 }],
      ["reply", "SA", { seq: 5000, ack: 70_001 }],
    ]);
    expect(only(world).state).toBe("SYN_RECV");
    expect(fate(world, ["orig", "A", { seq: 70_001, ack: 5001 }])).toBe("accept");
  });

  test.each([
    ["options without an end", Uint8Array.of(5, 40, 1, 1)],
    ["an option of length zero", Uint8Array.of(3, 0, 0, 0)],
    ["an option of length one", Uint8Array.of(5, 1, 0, 0)],
    ["a kind without a length", Uint8Array.of(1, 1, 1, 3)],
  ])("%s are read as far as they go", (_, tcpOptions) => {
    const world = begun([["orig", "S", { seq: 1000, tcpOptions }], ...HANDSHAKE.slice(1)]);
    expect(fate(world, ["orig", "A", { seq: 1001, ack: 5001, tcpOptions }])).toBe("accept");
  });
});

describe("without window check", () => {
  const OFF = { tcpNoWindowCheck: true };

  test.each([
    ["what the window has no room for", { seq: 900_000, ack: 5001 }],
    ["what acknowledges what was not sent", { seq: 1001, ack: 900_000 }],
    ["what is of long ago", { seq: 4_000_000_000, ack: 5001 }],
  ])("%s is accepted", (_, change) => {
    expect(fate(begun(HANDSHAKE), ["orig", "A", change])).not.toBe("accept");
    expect(fate(begun(HANDSHAKE, OFF), ["orig", "A", change])).toBe("accept");
  });

  test("states go on as ever", () => {
    const world = begun([...HANDSHAKE, ["orig", "FA", { seq: 77, ack: 88 }]], OFF);
    expect(only(world)).toMatchObject({ state: "FIN_WAIT", timer: "FIN_WAIT", assured: true });
    expect(fate(world, ["reply", "SA", { seq: 5000 }])).toBe("ignore");
  });

  test("a RST closes wherever it stands, for nothing is expected", () => {
    const world = begun(HANDSHAKE, OFF);
    expect(fate(world, ["orig", "R", { seq: 900_000 }])).toBe("accept");
    expect(only(world)).toMatchObject({ state: "CLOSE", timer: "CLOSE" });
  });

  test.each([
    ["data nobody acknowledges", { payload: BYTES }, 1],
    ["the same segment again and again", {}, 5],
    ["a closed window", { window: 0 }, 1],
  ])("%s leaves the timer to the state", (_, change, times) => {
    const world = begun(HANDSHAKE, OFF);
    const turn: Turn = ["orig", "A", { seq: 1001, ack: 5001, ...change }];
    for (let i = 0; i < times; i++) expect(fate(world, turn)).toBe("accept");
    expect(only(world)).toMatchObject({ state: "ESTABLISHED", timer: "ESTABLISHED" });
  });

  test("windows are what they were once they count again", () => {
    const world = begun();
    const configure = (config: Config) =>
      world.engine.commit(transaction({ config: [["config", config]] }));
    configure({ ...CONFIG, ...OFF });
    say(world, ["orig", "A", { seq: 1001, ack: 5001, payload: BYTES }], 0);
    configure(CONFIG);
    expect(fate(world, ["reply", "A", { seq: 5001, ack: 1002 }])).toBe("invalid");
  });
});

describe("a RST", () => {
  test.each([
    ["what is expected next", { seq: 1001 }, "accept", "CLOSE"],
    ["something in the window", { seq: 1002 }, "accept", "ESTABLISHED"],
    ["something out of it", { seq: 9000 }, "invalid", "ESTABLISHED"],
    ["something acknowledged", { seq: 1000 }, "invalid", "ESTABLISHED"],
  ] as const)("for %s: %o is %s, then %s", (_, change, expected, state) => {
    const world = begun();
    expect(fate(world, ["orig", "R", change])).toBe(expected);
    expect(only(world)).toMatchObject({
      state,
      timer: expected === "accept" ? "CLOSE" : "ESTABLISHED",
    });
  });

  test("right behind data of its sender closes", () => {
    const world = begun([...HANDSHAKE, ["orig", "A", { seq: 1001, ack: 5001, payload: BYTES }]]);
    say(world, ["orig", "R", { seq: 1011 }], 0);
    expect(only(world).state).toBe("CLOSE");
  });

  test("closes what is closing, wherever it stands", () => {
    const world = begun([...HANDSHAKE, ["orig", "FA", { seq: 1001, ack: 5001 }]]);
    say(world, ["reply", "R", { seq: 77 }], 0);
    expect(only(world).state).toBe("CLOSE");
  });

  test("takes up a challenge that answered its sender's SYN", () => {
    const turns: Turn[] = [
      ["orig", "S", { seq: 1000 }],
      ["reply", "A", { seq: 5000, ack: 777_777 }],
    ];
    const world = begun(turns);
    expect(fate(world, ["orig", "R", { seq: 777_778 }])).toBe("invalid");
    expect(fate(begun(turns), ["orig", "R", { seq: 777_777 }])).toBe("accept");
  });
});

describe("a SYN on a tuple in use", () => {
  const again: Turn = ["orig", "S", { seq: 90_000 }];

  test("passes, and its answer makes the connection another one", () => {
    const world = begun();
    expect(fate(world, again)).toBe("ignore");
    expect(only(world).state).toBe("ESTABLISHED");
    expect(fate(world, ["reply", "SA", { seq: 60_000, ack: 90_001 }])).toBe("accept");
    expect(only(world).state).toBe("SYN_RECV");
    expect(fate(world, ["orig", "A", { seq: 90_001, ack: 60_001 }])).toBe("accept");
    expect(only(world).state).toBe("ESTABLISHED");
  });

  test("is refused by a RST, which the window cannot judge", () => {
    const world = begun([...HANDSHAKE, again]);
    expect(fate(world, ["reply", "RA", { seq: 0, ack: 90_001 }])).toBe("accept");
    expect(only(world).state).toBe("CLOSE");
  });

  test("in LAST_ACK is challenged by an ACK, which is no answer to the FIN", () => {
    const challenge: Turn = ["reply", "A", { seq: 5002, ack: 1002 }];
    const world = begun([
      ...HANDSHAKE,
      ["orig", "FA", { seq: 1001, ack: 5001 }],
      ["reply", "FA", { seq: 5001, ack: 1002 }],
      again,
    ]);
    expect(only(world).state).toBe("LAST_ACK");
    expect(fate(world, challenge)).toBe("ignore");
    expect(only(world).state).toBe("LAST_ACK");
    expect(fate(world, challenge)).toBe("accept");
    expect(only(world).state).toBe("TIME_WAIT");
  });

  test("nobody answers does not keep the entry alive", () => {
    const world = begun([["orig", "S", { seq: 1000 }]]);
    expect(fate(world, ["orig", "S", { seq: 1000 }])).toBe("ignore");
  });

  test("in CLOSE opens anew when the same side has reset, not else", () => {
    const reset: Turn[] = [...HANDSHAKE, ["orig", "R", { seq: 1001 }]];
    expect(say(begun(reset), again, 0)).toMatchObject({ conntrack: "new" });
    const other: Turn[] = [...HANDSHAKE, ["reply", "R", { seq: 5001 }]];
    expect(say(begun(other), again, 0)).toMatchObject({ conntrack: "established" });
  });
});

test("both sides may open at once", () => {
  const world = createWorld(web());
  const states = (
    [
      ["orig", "S", { seq: 1000 }],
      ["reply", "S", { seq: 5000 }],
      ["orig", "SA", { seq: 1000, ack: 5001 }],
      ["reply", "A", { seq: 5001, ack: 1001 }],
    ] as const
  ).map((turn) => {
    expect(say(world, turn, 0).verdict).toBe("PASS");
    return only(world).state;
  });
  expect(states).toEqual(["SYN_SENT", "SYN_SENT2", "SYN_RECV", "ESTABLISHED"]);
});

describe("timers", () => {
  const data: Turn = ["orig", "A", { seq: 1001, ack: 5001, payload: BYTES }];

  test("data that nobody acknowledges has 300 seconds", () => {
    const world = begun([...HANDSHAKE, data]);
    expect(only(world)).toMatchObject({ state: "ESTABLISHED", timer: "UNACKNOWLEDGED" });
    say(world, ["reply", "A", { seq: 5001, ack: 1011 }], 0);
    expect(only(world).timer).toBe("ESTABLISHED");
  });

  test("so has a segment that comes for the fourth time", () => {
    const probe: Turn = ["orig", "A", { seq: 1001, ack: 5001 }];
    const world = begun([...HANDSHAKE, probe, probe]);
    expect(only(world).timer).toBe("ESTABLISHED");
    say(world, probe, 0);
    expect(only(world).timer).toBe("MAX_RETRANS");
    say(world, ["reply", "A", { seq: 5001, ack: 1001 }], 0);
    expect(only(world).timer).toBe("ESTABLISHED");
  });

  test("so has a connection whose window is closed", () => {
    const world = begun([...HANDSHAKE, ["reply", "A", { seq: 5001, ack: 1001, window: 0 }]]);
    expect(only(world).timer).toBe("MAX_RETRANS");
  });
});
