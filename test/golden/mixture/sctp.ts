/** SCTP associations, with the chunks and tags of RFC 9260. */
import type { ChunkSpec } from "../../../src/packet/build.ts";
import { concat } from "../../../src/packet/bytes.ts";
import { createDialogue, type Line, type Stage, type Talk } from "./stage.ts";
import { inTurn } from "./udp.ts";

type Side = "client" | "server";
type Say = (side: Side, chunks: readonly ChunkSpec[], tag?: number) => unknown;

const words = (...values: number[]): Uint8Array => {
  const bytes = new Uint8Array(4 * values.length);
  for (const [index, value] of values.entries())
    new DataView(bytes.buffer).setUint32(4 * index, value);
  return bytes;
};
/** Receiver window, ten streams each way. */
const WINDOW = 0x10000;
const STREAMS = 0x000a000a;
/** Parameter 7, a state cookie, of 16 bytes: section 3.3.3. */
const COOKIE = words(0x11223344, 0x55667788, 0x99aabbcc);
const COOKIE_PARAMETER = concat([words(0x00070010), COOKIE]);
/** Parameter 1, heartbeat information, of 8 bytes: section 3.3.5. */
const HEARTBEAT = words(0x00010008, 0xfeedface);
/** A whole message in one chunk: section 3.3.1. */
const UNFRAGMENTED = 3;

export type Ending = "shutdown" | "abort" | "open";

/** An association, from its INIT to its end, with `rounds` of data and their acknowledgement. */
export function* talkSctp(stage: Stage, line: Line, ending: Ending, rounds = 1): Talk {
  const tags: Record<Side, number> = {
    client: 1 + stage.roll(2 ** 31),
    server: 1 + stage.roll(2 ** 31),
  };
  const dialogue = createDialogue(stage, { ...line, proto: "sctp" });
  const say: Say = (side, chunks, tag = tags[side === "client" ? "server" : "client"]) => {
    const spec = { chunks, verificationTag: tag };
    return side === "client" ? dialogue.ask(spec) : dialogue.answer(spec);
  };
  yield* associate(say, tags);
  for (let round = 0; round < rounds; round++) yield* exchange(stage, say, round);
  if (ending === "shutdown") yield* shutDown(say);
  if (ending === "abort") yield say("server", [{ type: "ABORT" }]);
}

function* associate(say: Say, tags: Readonly<Record<Side, number>>): Talk {
  const init = (side: Side) => words(tags[side], WINDOW, STREAMS, 1);
  yield say("client", [{ type: "INIT", value: init("client") }], 0);
  yield say("server", [{ type: "INIT ACK", value: concat([init("server"), COOKIE_PARAMETER]) }]);
  yield say("client", [{ type: "COOKIE ECHO", value: COOKIE }]);
  yield say("server", [{ type: "COOKIE ACK" }]);
}

function* exchange(stage: Stage, say: Say, round: number): Talk {
  const head = words(1 + round, round, 0);
  const value = concat([head, stage.bytes(4 + stage.roll(90))]);
  yield say("client", [{ type: "DATA", flags: UNFRAGMENTED, value }]);
  yield say("server", [
    { type: "SACK", value: words(1 + round, WINDOW, 0) },
    { type: "DATA", flags: UNFRAGMENTED, value },
  ]);
  yield say("client", [{ type: "SACK", value: words(1 + round, WINDOW, 0) }]);
  yield say("client", [{ type: "HEARTBEAT", value: HEARTBEAT }]);
  yield say("server", [{ type: "HEARTBEAT ACK", value: HEARTBEAT }]);
}

/** Section 9.2. */
function* shutDown(say: Say): Talk {
  yield say("client", [{ type: "SHUTDOWN", value: words(1) }]);
  yield say("server", [{ type: "SHUTDOWN ACK" }]);
  yield say("client", [{ type: "SHUTDOWN COMPLETE" }]);
}

/** Chunks that may not come as they come here, in an association and without one. */
export function* talkStrangeSctp(stage: Stage, line: Line): Talk {
  const init = { type: "INIT", value: words(77, WINDOW, STREAMS, 1) } as const;
  const outside = createDialogue(stage, { ...line, proto: "sctp", sport: 9 });
  const data = { type: "DATA", flags: UNFRAGMENTED, value: words(1, 0, 0, 5) } as const;
  for (const chunks of [[data], [{ type: "COOKIE ACK" } as const], [init, data]]) {
    outside.ask({ chunks });
    yield;
  }
  yield* talkSctp(stage, line, "open");
  const dialogue = createDialogue(stage, { ...line, proto: "sctp" });
  dialogue.ask({ chunks: [data], verificationTag: 1 });
  yield;
  dialogue.ask({ chunks: [{ ...data, type: 0, value: new Uint8Array(0) }], payload: words(0) });
}

/** An INIT in pieces: its checksum covers them all. */
export function* talkAssociationPieces(stage: Stage, line: Line, id: number): Talk {
  const { askInPieces, answer } = createDialogue(stage, { ...line, proto: "sctp" });
  const init = { id, chunks: [{ type: "INIT", value: words(77, WINDOW, STREAMS, 1) } as const] };
  yield* inTurn([1, 3, 0, 2], (piece) => askInPieces(init, 8, [piece]));
  const value = concat([words(78, WINDOW, STREAMS, 1), COOKIE_PARAMETER]);
  yield answer({ chunks: [{ type: "INIT ACK", value }], verificationTag: 77 });
}
