import { describe, expect, test } from "vitest";
import type { State } from "../../src/dataplane/entries.ts";
import type { Direction, Tracked } from "../../src/model/store.ts";
import { follow, hasValidFlags, openingState } from "../../src/model/tcp.ts";

const [FIN, SYN, RST, PSH, ACK, URG, ECE, CWR] = [1, 2, 4, 8, 16, 32, 64, 128] as const;

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

function connection(state: State, change: Partial<Tracked> = {}): Tracked {
  const orig = { saddr: "10.0.0.1", sport: 1, daddr: "10.0.0.2", dport: 2, proto: "tcp" };
  return {
    orig,
    reply: orig,
    state,
    backend: 1,
    masquerade: false,
    seenReply: true,
    assured: false,
    created: 0,
    lastSeen: 0,
    ...change,
  };
}

/** What a cell of the table means for a connection in `state`. */
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
    const { step, next } = meaning(cell, state);
    expect(follow(tracked, direction, flags)).toBe(step);
    expect(tracked.state).toBe(next);
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

  test.each(["orig", "reply"] as const)("bad ones are invalid (%s)", (direction) => {
    const tracked = connection("ESTABLISHED");
    for (const flags of [0, PSH, SYN | FIN, SYN | RST, FIN, FIN | URG | PSH, 0xff]) {
      expect(follow(tracked, direction, flags)).toBe("invalid");
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
    expect(openingState(flags, true)).toBe(loose);
    expect(openingState(flags, false)).toBe(strict);
  });
});

describe("assured", () => {
  test.each([
    ["the handshake's last ACK assures", "SYN_RECV", true, true],
    ["an ACK of an established connection does", "ESTABLISHED", true, true],
    ["an ACK that nobody has answered does not", "ESTABLISHED", false, false],
  ] as const)("%s", (_, state, seenReply, assured) => {
    const tracked = connection(state, { seenReply });
    expect(follow(tracked, "orig", ACK)).toBe("translate");
    expect(tracked.assured).toBe(assured);
  });
});

test.each(["orig", "reply"] as const)("an RST before any answer ends it (%s)", (direction) => {
  expect(follow(connection("SYN_SENT", { seenReply: false }), direction, RST)).toBe("reset");
});
