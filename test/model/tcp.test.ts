import { describe, expect, test } from "vitest";
import type { State } from "../../src/dataplane/entries.ts";
import type { Direction } from "../../src/model/direction.ts";
import type { Tracked } from "../../src/model/store.ts";
import { follow, open, type TcpConnection } from "../../src/model/tcp.ts";
import { hasValidFlags } from "../../src/model/tcp-states.ts";
import { type PacketSpec, packet } from "../../src/packet/build.ts";
import { type Flow, parse } from "../../src/packet/parse.ts";
import { CONFIG, TIMEOUTS } from "./world.ts";

const [FIN, SYN, RST, PSH, ACK, URG, ECE, CWR] = [1, 2, 4, 8, 16, 32, 64, 128] as const;
const LETTERS = "FSRP.UEW";

/** The packet that says so, read. */
function segment(flags: number, change: Partial<PacketSpec> = {}): Flow {
  const letters = [...LETTERS].filter((_, bit) => flags & (1 << bit)).join("");
  const frame = packet({ saddr: "10.0.0.1", daddr: "10.0.0.2", flags: letters, ...change });
  return parse(frame, 1) as Flow;
}

const STATES: Record<string, State> = {
  sSS: "SYN_SENT",
  sSR: "SYN_RECV",
  sES: "ESTABLISHED",
  sFW: "FIN_WAIT",
  sCW: "CLOSE_WAIT",
  sLA: "LAST_ACK",
  sTW: "TIME_WAIT",
  sCL: "CLOSE",
  sS2: "SYN_SENT2",
};

/** The rows of tcp_conntracks as they read in nf_conntrack_proto_tcp.c, behind the column sNO. */
const ROWS: readonly [Direction, number, string][] = [
  ["orig", SYN, "sSS, sIG, sIG, sIG, sIG, sIG, sSS, sSS, sS2"],
  ["orig", SYN | ACK, "sIV, sSR, sIV, sIV, sIV, sIV, sIV, sIV, sSR"],
  ["orig", FIN | ACK, "sIV, sFW, sFW, sLA, sLA, sLA, sTW, sCL, sIV"],
  ["orig", ACK, "sIV, sES, sES, sCW, sCW, sTW, sTW, sCL, sIV"],
  ["orig", RST, "sCL, sCL, sCL, sCL, sCL, sCL, sCL, sCL, sCL"],
  ["reply", SYN, "sS2, sIV, sIV, sIV, sIV, sIV, sSS, sIV, sS2"],
  ["reply", SYN | ACK, "sSR, sIG, sIG, sIG, sIG, sIG, sIG, sIG, sSR"],
  ["reply", FIN | ACK, "sIV, sFW, sFW, sLA, sLA, sLA, sTW, sCL, sIV"],
  ["reply", ACK, "sIG, sSR, sES, sCW, sCW, sTW, sTW, sCL, sIG"],
  ["reply", RST | ACK, "sCL, sCL, sCL, sCL, sCL, sCL, sCL, sCL, sCL"],
];

/** A connection that was picked up at sequence number 0, so that any window will do. */
function connection(state: State, change: Partial<Tracked> = {}): TcpConnection {
  const orig = { saddr: "10.0.0.1", sport: 1, daddr: "10.0.0.2", dport: 2, proto: "tcp" };
  const opening = open(segment(ACK), { ...CONFIG, tcpLoose: true });
  return {
    orig,
    reply: orig,
    direct: false,
    backend: 1,
    masquerade: false,
    seenReply: true,
    assured: false,
    created: 0,
    lastSeen: 0,
    timer: state,
    ...change,
    tcp: opening!.tcp,
    sctp: null,
    state,
  };
}

const CONTEXT = { config: CONFIG, now: 0 };

/** What a cell of the table means for a connection in `state` that a FIN has closed. */
function meaning(cell: string, state: State): { step: string; next: State } {
  if (cell === "sIV") return { step: "invalid", next: state };
  if (cell === "sIG") return { step: "ignore", next: state };
  const over = state === "TIME_WAIT" || state === "CLOSE";
  if (cell === "sSS" && over) return { step: "reopen", next: state };
  return { step: "translate", next: STATES[cell] as State };
}

describe("states", () => {
  const cells = ROWS.flatMap(([direction, flags, row]) =>
    row
      .split(", ")
      .map((cell, index) => ({ direction, flags, cell, state: Object.values(STATES)[index]! })),
  );

  test.each(cells)("$direction flags $flags in $state: $cell", (given) => {
    const { direction, flags, cell, state } = given;
    const tracked = connection(state);
    tracked.tcp.sides.orig.closes = true;
    const { step, next } = meaning(cell, state);
    expect(follow(tracked, direction, segment(flags), CONTEXT)).toBe(step);
    expect(tracked.state).toBe(next);
  });

  test.each(["orig", "reply"] as const)("no flag that says anything is invalid (%s)", (from) => {
    for (const state of Object.values(STATES)) {
      expect(follow(connection(state), from, segment(0), CONTEXT)).toBe("invalid");
    }
  });
});

describe("flags", () => {
  test("of all 256 combinations, those of tcp_valid_flags are valid", () => {
    const valid = [
      SYN,
      SYN | URG,
      SYN | ACK,
      RST,
      RST | ACK,
      FIN | ACK,
      FIN | ACK | URG,
      ACK,
      ACK | URG,
    ];
    for (let flags = 0; flags < 256; flags++) {
      expect(hasValidFlags(flags), `flags ${flags}`).toBe(
        valid.includes(flags & ~(PSH | ECE | CWR)),
      );
    }
  });

  test.each(["orig", "reply"] as const)("bad ones change nothing (%s)", (direction) => {
    const tracked = connection("ESTABLISHED");
    for (const flags of [0, PSH, SYN | FIN, SYN | RST, FIN, FIN | URG | PSH, 0xff]) {
      expect(follow(tracked, direction, segment(flags), CONTEXT)).toBe("invalid");
    }
    expect(tracked).toEqual(connection("ESTABLISHED"));
  });
});

describe("a first packet", () => {
  test.each([
    ["SYN", SYN, "SYN_SENT", "SYN_SENT"],
    ["SYN with ECN", SYN | ECE | CWR, "SYN_SENT", "SYN_SENT"],
    ["ACK", ACK, "ESTABLISHED", undefined],
    ["ACK with data", ACK | PSH, "ESTABLISHED", undefined],
    ["SYN and ACK", SYN | ACK, undefined, undefined],
    ["FIN", FIN | ACK, undefined, undefined],
    ["RST", RST, undefined, undefined],
    ["no flag", 0, undefined, undefined],
  ] as const)("%s opens what it may, loose or not", (_, flags, loose, strict) => {
    const flow = segment(flags, { seq: 0xffffffff, ack: 0x80000000 });
    expect(open(flow, { ...CONFIG, tcpLoose: true })?.state).toBe(loose);
    expect(open(flow, { ...CONFIG, tcpLoose: false })?.state).toBe(strict);
  });

  test("what is picked up and shows one side only is not kept for days", () => {
    const data = segment(ACK, { payload: "data" });
    const opened = open(data, CONFIG)!;
    expect(TIMEOUTS[opened.timer]).toBe(300_000);
    const tracked = connection("ESTABLISHED", { seenReply: false });
    expect(follow(tracked, "orig", data, CONTEXT)).toBe("translate");
    expect(TIMEOUTS[tracked.timer]).toBe(300_000);
  });
});

describe("assured", () => {
  test.each([
    ["the handshake's last ACK assures", "SYN_RECV", true, true],
    ["an ACK of an established connection does", "ESTABLISHED", true, true],
    ["an ACK that nobody has answered does not", "ESTABLISHED", false, false],
  ] as const)("%s", (_, state, seenReply, assured) => {
    const tracked = connection(state, { seenReply });
    expect(follow(tracked, "orig", segment(ACK), CONTEXT)).toBe("translate");
    expect(tracked.assured).toBe(assured);
  });
});

test.each(["orig", "reply"] as const)("an RST before any answer ends it (%s)", (direction) => {
  const tracked = connection("SYN_SENT", { seenReply: false });
  expect(follow(tracked, direction, segment(RST), CONTEXT)).toBe("reset");
});

describe("a FIN or RST out of the window", () => {
  const far = { seq: 2_000_000_000 };
  const life = () => {
    const tracked = connection("ESTABLISHED", { assured: true });
    follow(tracked, "reply", segment(ACK), CONTEXT);
    for (const side of Object.values(tracked.tcp.sides)) side.liberal = false;
    return tracked;
  };
  const end = (tracked: TcpConnection, direction: Direction, flags: number, now: number) =>
    follow(tracked, direction, segment(flags, far), { ...CONTEXT, now });

  test("is invalid, and a second one of the other side shortens the connection's life", () => {
    const tracked = life();
    expect(end(tracked, "orig", FIN | ACK, 5)).toBe("invalid");
    expect(tracked).toMatchObject({ timer: "ESTABLISHED", lastSeen: 0 });
    expect(end(tracked, "reply", RST, 7)).toBe("invalid");
    expect(tracked).toMatchObject({ timer: "UNACKNOWLEDGED", lastSeen: 7, state: "ESTABLISHED" });
  });

  test("changes nothing when it comes twice from one side", () => {
    const tracked = life();
    end(tracked, "orig", FIN | ACK, 5);
    end(tracked, "orig", RST, 7);
    expect(tracked).toMatchObject({ timer: "ESTABLISHED", lastSeen: 0 });
  });

  test("changes nothing when the connection has less than two minutes left", () => {
    const tracked = life();
    const late = TIMEOUTS.ESTABLISHED - 119_999;
    end(tracked, "orig", FIN | ACK, late);
    end(tracked, "reply", FIN | ACK, late);
    expect(tracked).toMatchObject({ timer: "ESTABLISHED", lastSeen: 0 });
  });
});
