/** TCP connections, as their two ends have them: numbers, windows and options hold together (RFC 9293). */
import type { PacketSpec } from "../../../src/packet/build.ts";
import { createDialogue, type Line, type Spoil, type Stage, type Talk } from "./stage.ts";
import { inTurn } from "./udp.ts";

export type Side = "client" | "server";

export interface Segments {
  /** The next segment of a side, which acknowledges everything it has got. */
  say(side: Side, flags: string, length?: number, more?: Partial<PacketSpec>, spoil?: Spoil): void;
  /** The same again: a retransmission. */
  repeat(): void;
  /** What the next segment of a side begins with. */
  readonly next: Record<Side, number>;
}

const SYN_OPTIONS = {
  mss: 1460,
  sackPermitted: true,
  timestamps: [1000, 0],
  windowScale: 7,
} as const;
/** No-operation twice, then timestamps: what Linux puts into every segment (RFC 7323 appendix A). */
const TIMESTAMPS = Uint8Array.of(1, 1, 8, 10, 0, 0, 4, 0, 0, 0, 3, 0xf0);
/** In units of 2^7 bytes, but in a SYN. */
const WINDOW = 501;

export function createSegments(stage: Stage, line: Line): Segments {
  const dialogue = createDialogue(stage, { ...line, proto: "tcp" });
  const next: Record<Side, number> = { client: stage.roll(2 ** 31), server: stage.roll(2 ** 31) };
  let last = (): unknown => undefined;
  return {
    next,
    repeat: () => last(),
    say(side, flags, length = 0, more = {}, spoil = {}) {
      const syn = flags.includes("S");
      const spec: Partial<PacketSpec> = {
        flags,
        seq: next[side],
        ack: flags.includes("A") ? next[side === "client" ? "server" : "client"] : 0,
        window: syn ? 64240 : WINDOW,
        tcpOptions: syn ? SYN_OPTIONS : TIMESTAMPS,
        payload: stage.bytes(length),
        ...more,
      };
      last = () => (side === "client" ? dialogue.ask : dialogue.answer)(spec, spoil);
      last();
      next[side] = (next[side] + length + Number(syn) + Number(flags.includes("F"))) >>> 0;
    },
  };
}

/** How a connection ends. */
export type Ending = "client" | "server" | "both" | "reset" | "abort" | "open";

/** A connection with `rounds` of request and answer. */
export function* talkTcp(stage: Stage, line: Line, ending: Ending, rounds = 1): Talk {
  const segments = createSegments(stage, line);
  yield* open(segments);
  for (let round = 0; round < rounds; round++) yield* ask(stage, segments);
  yield* end(segments, ending);
}

export function* open({ say }: Segments): Talk {
  yield say("client", "S");
  yield say("server", "SA");
  yield say("client", "A");
}

/** A request, now and then sent twice, and its answer in one or two segments. */
export function* ask(stage: Stage, { say, repeat }: Segments): Talk {
  yield say("client", "PA", 1 + stage.roll(120));
  if (stage.roll(8) === 0) yield repeat();
  yield say("server", "A");
  if (stage.roll(3) === 0) yield say("server", "A", 100 + stage.roll(200));
  yield say("server", "PA", 1 + stage.roll(200));
  yield say("client", "A");
}

function* end(segments: Segments, ending: Ending): Talk {
  const { say } = segments;
  switch (ending) {
    case "client":
      yield say("client", "FA");
      yield say("server", "A");
      yield say("server", "FA");
      yield say("client", "A");
      return;
    case "server":
      yield say("server", "FA");
      yield say("client", "FA");
      yield say("server", "A");
      return;
    case "both":
      yield* endTogether(segments);
      return;
    case "reset":
      yield say("client", "RA");
      return;
    case "abort":
      yield say("server", "R");
      return;
    case "open":
      return;
  }
}

/** Both before either has come: each acknowledges what was there before the other's. */
function* endTogether({ say, next }: Segments): Talk {
  const ack = next.client;
  yield say("client", "FA");
  yield say("server", "FA", 0, { ack });
  yield say("client", "A");
  yield say("server", "A");
}

/** A SYN that the endpoint refuses, and one more try of the same client. */
export function* talkRefused(stage: Stage, line: Line): Talk {
  const { say } = createSegments(stage, line);
  yield say("client", "S");
  yield say("server", "RA");
  yield say("client", "S");
  yield say("server", "RA");
}

/** Everything a window forbids, between segments that are in order; a connection that was there before. */
export function* talkStrange(stage: Stage, line: Line): Talk {
  const segments = createSegments(stage, line);
  const { say, next } = segments;
  yield* open(segments);
  yield* ask(stage, segments);
  const bare = { payload: new Uint8Array(0) };
  yield say("server", "A", 0, { ...bare, seq: next.server + 5_000_000 });
  yield say("client", "A", 0, { ...bare, ack: next.server + 90_000 });
  yield say("client", "R", 0, { seq: next.client - 400_000 });
  yield say("client", "FS", 0, { seq: next.client });
  next.client -= 2;
  yield say("client", "", 0);
  yield say("server", "A", 0, { window: 0 });
  yield* ask(stage, segments);
  yield* end(segments, "server");
}

/** Picked up in its middle; then a SYN with its tuple, as after a crash, and the answer to that. */
export function* talkMidway(stage: Stage, line: Line): Talk {
  const segments = createSegments(stage, line);
  yield* ask(stage, segments);
  segments.say("client", "S");
  yield segments.say("server", "A", 0);
  yield segments.say("client", "R");
}

/** A tuple used again as soon as it is closed: RFC 9293 section 3.6.1. */
export function* talkAgain(stage: Stage, line: Line): Talk {
  yield* talkTcp(stage, line, "client");
  yield* talkTcp(stage, line, "reset");
}

/** Segments that open nothing and belong to nothing. */
export function* talkStray(stage: Stage, line: Line): Talk {
  const { say } = createSegments(stage, line);
  for (const flags of ["R", "FA", "SA", "FPU"]) yield say("client", flags);
}

/** A SYN and a request in pieces so small that ports, numbers and checksum come apart. */
export function* talkHeaderPieces(stage: Stage, line: Line, id: number): Talk {
  const { askInPieces, ask: askWhole, answer } = createDialogue(stage, { ...line, proto: "tcp" });
  const syn = { id, flags: "S", seq: 100 };
  yield* inTurn([2, 0, 1], (piece) => askInPieces(syn, 8, [piece]));
  yield answer({ flags: "SA", seq: 900, ack: 101 });
  yield askWhole({ flags: "A", seq: 101, ack: 901 });
  const request = { id: id + 1, flags: "PA", seq: 101, ack: 901, payload: stage.bytes(20) };
  yield* inTurn([0, 4, 3, 1, 2], (piece) => askInPieces(request, 8, [piece]));
  yield answer({ flags: "A", seq: 901, ack: 121 });
}
