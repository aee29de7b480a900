/** The TCP state machine, cell by cell: nf_conntrack_proto_tcp.c without window tracking. */
import { describe, expect, test } from "vitest";
import type { Dataplane, DataplaneOptions } from "../../src/dataplane/dataplane.ts";
import type { Connection, State } from "../../src/dataplane/entries.ts";
import { dataplanes } from "./dataplanes.ts";
import { ANSWERER, build, type Frame, OPENER } from "./frame.ts";
import { drops, passes, REQUEST, WEB, WEB_BACKEND } from "./scene.ts";
import {
  type Case,
  connectionOf,
  EPOCH,
  eachDataplane,
  prepare,
  type Step,
  take,
  walk,
} from "./walk.ts";

const STATES = [
  "SYN_SENT",
  "SYN_RECV",
  "ESTABLISHED",
  "FIN_WAIT",
  "CLOSE_WAIT",
  "LAST_ACK",
  "TIME_WAIT",
  "CLOSE",
  "SYN_SENT2",
] as const;

type TcpState = (typeof STATES)[number];
/** A state; "-" invalid, "=" ignored, "x" the connection is forgotten, "new" a connection takes its place. */
type Cell = TcpState | "-" | "=" | "x" | "new";

const KINDS = { syn: "S", synack: "SA", fin: "FA", ack: "A", rst: "R", none: "" } as const;
type Kind = keyof typeof KINDS;

/** Columns as in STATES. */
const SHORT: Record<string, Cell> = {
  SS: "SYN_SENT",
  SR: "SYN_RECV",
  ES: "ESTABLISHED",
  FW: "FIN_WAIT",
  CW: "CLOSE_WAIT",
  LA: "LAST_ACK",
  TW: "TIME_WAIT",
  CL: "CLOSE",
  S2: "SYN_SENT2",
  "--": "-",
  "==": "=",
  XX: "x",
  NW: "new",
};
const TABLE: Record<"orig" | "reply", Record<Kind, string>> = {
  orig: {
    syn: "SS == == == == == NW NW S2",
    synack: "-- SR -- -- -- -- -- -- SR",
    fin: "-- FW FW LA LA LA TW CL --",
    ack: "-- ES ES CW CW TW TW CL --",
    rst: "XX CL CL CL CL CL CL CL CL",
    none: "-- -- -- -- -- -- -- -- --",
  },
  reply: {
    syn: "S2 -- -- -- -- -- XX -- S2",
    synack: "SR == == == == == == == SR",
    fin: "-- FW FW LA LA LA TW CL --",
    ack: "== SR ES CW CW TW TW CL ==",
    rst: "XX CL CL CL CL CL CL CL CL",
    none: "-- -- -- -- -- -- -- -- --",
  },
};

const { open, request, response } = WEB;
const HANDSHAKE = [open(), response({ flags: "SA" }), request()];
/** What says that the other end's FIN has come. */
const [SEEN_BY_SERVER, SEEN_BY_CLIENT] = [{ ack: OPENER.first + 2 }, { ack: ANSWERER.first + 2 }];
const CLOSING = [
  ...HANDSHAKE,
  request({ flags: "FA" }),
  response(SEEN_BY_SERVER),
  response({ flags: "FA", ...SEEN_BY_SERVER }),
];
const PATHS: Record<TcpState, readonly Step[]> = {
  SYN_SENT: HANDSHAKE.slice(0, 1),
  SYN_RECV: HANDSHAKE.slice(0, 2),
  ESTABLISHED: HANDSHAKE,
  FIN_WAIT: CLOSING.slice(0, 4),
  CLOSE_WAIT: CLOSING.slice(0, 5),
  LAST_ACK: CLOSING,
  TIME_WAIT: [...CLOSING, request({ seq: OPENER.first + 2, ...SEEN_BY_CLIENT })],
  CLOSE: [...HANDSHAKE, request({ flags: "R" })],
  SYN_SENT2: [open(), response({ flags: "S" })],
};

interface Transition {
  readonly from: TcpState;
  readonly direction: "orig" | "reply";
  readonly kind: Kind;
  readonly to: Cell;
}

const TRANSITIONS = Object.entries(TABLE).flatMap(([direction, rows]) =>
  Object.entries(rows).flatMap(([kind, row]) =>
    row
      .split(" ")
      .map((cell, i) => ({ from: STATES[i], direction, kind, to: SHORT[cell] }) as Transition),
  ),
);

/** What the packet itself comes to, given its cell. */
function stepOf({ direction, kind, to }: Transition, at: number): Step {
  const packet =
    direction === "orig" ? request({ flags: KINDS[kind] }) : response({ flags: KINDS[kind] });
  if (to === "-") {
    const entry = {
      conntrack: "invalid",
      service: "test/web:tcp",
      backend: WEB_BACKEND,
      masquerade: false,
    } as const;
    return { at, ...drops(packet.send, "invalid", entry) };
  }
  if (to === "new") return { at, ...open() };
  const reopensFromServer = to === "x" && kind === "syn";
  return reopensFromServer ? { at, ...passes(packet.send) } : { at, ...packet };
}

const LATER = 500;

eachDataplane({}, (dataplane) => {
  for (const transition of TRANSITIONS) {
    const { from, direction, kind, to } = transition;
    test(`${from}, ${direction} ${kind}: ${to}`, () => {
      take(dataplane(), PATHS[from]);
      const before = connectionOf(dataplane());
      expect(before?.state).toBe(from);
      take(dataplane(), [stepOf(transition, LATER)]);
      expectAfter(dataplane(), transition, before!);
    });
  }
});

function expectAfter(dataplane: Dataplane, { to, kind }: Transition, before: Connection): void {
  const after = connectionOf(dataplane);
  if (to === "x") expect(after).toBeUndefined();
  else if (to === "-") expect(after).toEqual(before);
  else expect(after).toMatchObject(expectedEntry(to, kind, before));
}

function expectedEntry(
  to: Exclude<Cell, "x" | "-">,
  kind: Kind,
  before: Connection,
): Partial<Connection> {
  const { state, created, lastSeen } = before;
  // A SYN that is sent again does not keep what nobody has answered.
  if (state === "SYN_SENT" && kind === "syn") return { state: to as TcpState, lastSeen };
  if (to === "=") return { state, created, lastSeen };
  if (to === "new") return { state: "SYN_SENT", seenReply: false, created: created + LATER };
  return { state: to, created, lastSeen: lastSeen + LATER };
}

describe("opening", () => {
  const STARTS: [flags: string, state: State | null][] = [
    ["S", "SYN_SENT"],
    ["SU", "SYN_SENT"],
    ["SPEC", "SYN_SENT"],
    ["A", "ESTABLISHED"],
    ["PA", "ESTABLISHED"],
    ["AU", "ESTABLISHED"],
    ["SA", null],
    ["FA", null],
    ["R", null],
    ["RA", null],
    ["F", null],
    ["", null],
    ["FSRPAU", null],
    ["SF", null],
    ["SR", null],
    ["U", null],
    ["P", null],
  ];
  eachDataplane({}, (dataplane) => {
    test.each(STARTS)("flags [%s]: %s", (flags, state) => {
      const step = state
        ? open({ flags })
        : drops({ ...REQUEST, flags }, "invalid", {
            conntrack: "invalid",
            service: "test/web:tcp",
            backend: null,
          });
      take(dataplane(), [step]);
      expect(connectionOf(dataplane())?.state ?? null).toBe(state);
    });
  });
});

describe("resets", () => {
  const resets = (name: string, steps: readonly Step[], closed: number): Case => ({
    name,
    steps,
    after: (dataplane) => expect(dataplane.counters().connections).toMatchObject({ closed }),
  });
  walk([
    resets(
      "of the server's to a SYN: passed on, then forgotten",
      [open(), response({ flags: "RA" }), passes(response().send)],
      1,
    ),
    resets(
      "of the client's after its SYN likewise",
      [open(), request({ flags: "R" }), passes(response().send)],
      1,
    ),
    resets(
      "of an open connection leave it closing",
      [...HANDSHAKE, request({ flags: "R" }), response()],
      0,
    ),
    resets(
      "and the tuple may be used again at once",
      [...PATHS.CLOSE, open(), response({ flags: "SA" })],
      1,
    ),
    {
      name: "but not after the server's own, until it has answered",
      steps: [...HANDSHAKE, response({ flags: "R" }), request({ flags: "S" })],
    },
    resets("and after TIME_WAIT", [...PATHS.TIME_WAIT, open(), response({ flags: "SA" })], 1),
  ]);
});

describe("numbers half a circle apart", () => {
  const [near, far] = [0xffffff01, 0x7fffff01];
  walk([
    {
      name: "an acknowledgement as far ahead as behind is the highest: a RST of that number closes",
      steps: [
        open({ flags: "A", seq: 1, ack: near }),
        response({ seq: far, ack: 1 }),
        request({ seq: 1, ack: near }),
        request({ seq: 1, ack: far }),
        response({ flags: "R", seq: far }),
      ],
      after: (dataplane) => expect(connectionOf(dataplane)?.state).toBe("CLOSE"),
    },
  ]);
});

describe("nf_conntrack_tcp_no_window_check", () => {
  const FAR = { seq: 3_000_000_000, ack: 2_000_000_000 };
  const step = (sender: typeof request, change: Partial<Frame> = {}) =>
    sender({ flags: "A", ...FAR, ...change });
  const of = (sysctl: number): DataplaneOptions => ({
    sysctls: { nf_conntrack_tcp_no_window_check: sysctl },
  });
  const established = (dataplane: Dataplane) =>
    expect(connectionOf(dataplane)).toMatchObject({ state: "ESTABLISHED", timer: "ESTABLISHED" });
  walk([
    {
      name: "1: whatever the numbers say, it goes through and is translated",
      options: of(1),
      steps: [...HANDSHAKE, step(request), step(response), step(request, { seq: 5, ack: 6 })],
      after: established,
    },
    {
      name: "1: neither retransmissions nor a closed window set a timer",
      options: of(1),
      steps: [...HANDSHAKE, ...Array(6).fill(step(request, { window: 0 }))],
      after: established,
    },
    {
      name: "1: a SYN has the timer of its state, be MAX_RETRANS as short as it will",
      options: {
        sysctls: { nf_conntrack_tcp_no_window_check: 1, nf_conntrack_tcp_timeout_max_retrans: 1 },
      },
      steps: [open()],
      after: (dataplane) => expect(connectionOf(dataplane)?.timer).toBe("SYN_SENT"),
    },
    {
      name: "1: a RST closes, wherever it stands",
      options: of(1),
      steps: [...HANDSHAKE, request({ flags: "R", seq: 3_000_000_000 })],
      after: (dataplane) => expect(connectionOf(dataplane)?.state).toBe("CLOSE"),
    },
    {
      name: "0: what lies far out of the window is invalid",
      options: of(0),
      steps: [
        ...HANDSHAKE,
        drops(step(request).send, "invalid", {
          conntrack: "invalid",
          service: "test/web:tcp",
          backend: WEB_BACKEND,
          masquerade: false,
        }),
      ],
    },
  ]);
});

describe("assurance", () => {
  const assured = (
    steps: readonly Step[],
    assured: boolean,
    seenReply: boolean,
    name: string,
  ): Case => ({
    name,
    steps,
    after: (dataplane) => expect(connectionOf(dataplane)).toMatchObject({ assured, seenReply }),
  });
  walk([
    assured(PATHS.SYN_SENT, false, false, "a SYN assures nothing"),
    assured(PATHS.SYN_RECV, false, true, "a SYN ACK shows a reply"),
    assured(PATHS.ESTABLISHED, true, true, "the third step assures the connection"),
    assured([open({ flags: "A" })], false, false, "one picked up in mid-stream is not assured"),
    assured([open({ flags: "A" }), response()], false, true, "nor by the first answer"),
    assured(
      [open({ flags: "A" }), response(), request()],
      true,
      true,
      "but by the packet after it",
    ),
  ]);
});

describe("packets of no connection", () => {
  const FOREIGN: Frame = { ...REQUEST, daddr: "203.0.113.2" };
  const foreign = (name: string, send: Frame, dropped: boolean): Case => ({
    name,
    steps: [
      dropped
        ? drops(send, "invalid", { conntrack: "invalid", service: null, backend: null })
        : passes(send),
    ],
  });
  walk([
    foreign("with impossible flags are dropped in passing", { ...FOREIGN, flags: "" }, true),
    foreign("with a FIN pass", { ...FOREIGN, flags: "FA" }, false),
    foreign("with a RST pass", { ...FOREIGN, flags: "R" }, false),
    foreign(
      "for the node itself pass whatever their flags",
      { ...FOREIGN, daddr: "192.168.0.2", flags: "" },
      false,
    ),
    foreign("for loopback likewise", { ...FOREIGN, daddr: "127.1.2.3", flags: "" }, false),
  ]);
});

/** Seconds: the kernel's, but for the two that kube-proxy sets. */
const TIMEOUTS: Record<TcpState, number> = {
  SYN_SENT: 120,
  SYN_RECV: 60,
  ESTABLISHED: 86400,
  FIN_WAIT: 120,
  CLOSE_WAIT: 3600,
  LAST_ACK: 30,
  TIME_WAIT: 120,
  CLOSE: 10,
  SYN_SENT2: 120,
};

for (const { name, create } of dataplanes) {
  describe(`timeouts: ${name}`, () => {
    test.each(STATES)("%s", async (state) => {
      const last = TIMEOUTS[state] * 1000;
      const kept = await prepare(create, {});
      take(kept, [...PATHS[state], { at: last, ...response() }]);
      const expired = await prepare(create, {});
      take(expired, [...PATHS[state], { at: last + 1, ...passes(response().send) }]);
      expect(expired.counters().connections).toMatchObject({
        created: 1,
        expired: 1,
        closed: 0,
        ipv4: 0,
      });
    });

    test("time that runs backwards stands still", async () => {
      const dataplane = await prepare(create, {});
      take(dataplane, HANDSHAKE);
      const at = (now: number) => dataplane.process(build(REQUEST), { now: EPOCH + now });
      at(5000);
      at(-5000);
      expect(connectionOf(dataplane)?.state).toBe("ESTABLISHED");
      expect(dataplane.process(build(REQUEST), { now: 0 }).event.conntrack).toBe("established");
    });
  });
}
