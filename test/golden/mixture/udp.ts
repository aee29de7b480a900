/** Datagrams: whole, without a checksum, in streams, in fragments of every order. */
import type { ProcessResult } from "../../../src/dataplane/dataplane.ts";
import { createDialogue, type Line, type Stage, type Talk } from "./stage.ts";

/** Requests and their answers, `pause` milliseconds apart: behind two seconds they are a stream. */
export function* talkUdp(stage: Stage, line: Line, rounds: number, pause = 0): Talk {
  const { ask, answer } = createDialogue(stage, { ...line, proto: "udp" });
  for (let round = 0; round < rounds; round++) {
    ask({ payload: stage.bytes(8 + stage.roll(60)) });
    yield;
    answer({ payload: stage.bytes(8 + stage.roll(200)) });
    yield;
    stage.wait(pause);
  }
}

/** RFC 768: a checksum of zero is none. RFC 9260 and RFC 9293 have no such thing. */
export function* talkUnsummed(stage: Stage, line: Line): Talk {
  const { ask, answer } = createDialogue(stage, { ...line, proto: "udp", checksum: 0 });
  ask({ payload: stage.bytes(20) });
  yield;
  answer({ payload: stage.bytes(30) });
}

/** Bytes of UDP payload that make four pieces of PIECE bytes, and a last one that is shorter. */
const DATAGRAM = 260;
const PIECE = 64;
const ORDERS = [
  [0, 1, 2, 3, 4],
  [4, 3, 2, 1, 0],
  [2, 0, 4, 1, 3],
] as const;

/** A datagram in pieces, and an answer in pieces, in each order. */
export function* talkPieces(stage: Stage, line: Line, id: number): Talk {
  const dialogue = createDialogue(stage, { ...line, proto: "udp" });
  for (const [index, order] of ORDERS.entries()) {
    const spec = { id: id + index, payload: stage.bytes(DATAGRAM) };
    yield* inTurn(order, (piece) => dialogue.askInPieces(spec, PIECE, [piece]));
    const answer = { id: id + index, payload: stage.bytes(DATAGRAM) };
    yield* inTurn(order, (piece) => dialogue.answerInPieces(answer, PIECE, [piece]));
  }
}

/** One piece twice; pieces that overlap; one that never comes. */
export function* talkBadPieces(stage: Stage, line: Line, id: number): Talk {
  const { askInPieces } = createDialogue(stage, { ...line, proto: "udp" });
  const spec = (index: number) => ({ id: id + index, payload: stage.bytes(DATAGRAM) });
  const twice = spec(0);
  yield* inTurn([0, 1, 1, 2, 3, 4], (piece) => askInPieces(twice, PIECE, [piece]));
  const overlap = spec(1);
  askInPieces(overlap, PIECE, [0, 1]);
  yield;
  askInPieces(overlap, PIECE + 8, [1]);
  yield;
  askInPieces(overlap, PIECE, [3]);
  yield;
  askInPieces(spec(2), PIECE, [3, 1]);
  yield;
}

/** A datagram that is refused, with every piece that comes of it. */
export function* talkVainPieces(stage: Stage, line: Line, id: number): Talk {
  const { askInPieces } = createDialogue(stage, { ...line, proto: "udp" });
  for (const [index, order] of [ORDERS[0], ORDERS[2]].entries()) {
    const spec = { id: id + index, payload: stage.bytes(DATAGRAM) };
    yield* inTurn(order, (piece) => askInPieces(spec, PIECE, [piece]));
  }
}

/** Nothing is known of so many datagrams that there is room for all of their pieces. */
export function* talkManyPieces(stage: Stage, line: Line, id: number, datagrams: number): Talk {
  const { askInPieces } = createDialogue(stage, { ...line, proto: "udp" });
  for (let index = 0; index < datagrams; index++) {
    askInPieces({ id: id + index, payload: stage.bytes(DATAGRAM) }, PIECE, [1]);
    yield;
  }
}

export function* inTurn(order: readonly number[], send: (piece: number) => ProcessResult[]): Talk {
  for (const piece of order) {
    send(piece);
    yield;
  }
}
