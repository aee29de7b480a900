/** What the ends of an SCTP association say, with the tags they have agreed upon and with others. */
import type { ChunkSpec } from "../../src/packet/build.ts";
import type { Dice } from "./dice.ts";
import { type Direction, type Flow, opposite, type Utterance } from "./flows.ts";

type ChunkType = Exclude<ChunkSpec["type"], number>;

const LIFE: readonly (readonly [from: Direction, type: ChunkType])[] = [
  ["orig", "INIT"],
  ["reply", "INIT ACK"],
  ["orig", "COOKIE ECHO"],
  ["reply", "COOKIE ACK"],
  ["orig", "DATA"],
  ["reply", "SACK"],
  ["orig", "SHUTDOWN"],
  ["reply", "SHUTDOWN ACK"],
  ["orig", "SHUTDOWN COMPLETE"],
];
export const LIFE_LENGTH = LIFE.length;
/** From here on either end may have begun. */
const CLOSING = 6;

const TYPES: readonly ChunkSpec["type"][] = [
  "DATA",
  "DATA",
  "SACK",
  "INIT",
  "INIT",
  "INIT ACK",
  "HEARTBEAT",
  "HEARTBEAT",
  "HEARTBEAT ACK",
  "ABORT",
  "SHUTDOWN",
  "SHUTDOWN",
  "SHUTDOWN ACK",
  "SHUTDOWN ACK",
  "ERROR",
  "COOKIE ECHO",
  "COOKIE ACK",
  "ECNE",
  "SHUTDOWN COMPLETE",
  200,
];

/** Bytes behind the chunk header: RFC 9260 section 3.3. INIT and INIT ACK begin with the sender's tag. */
function bodyOf(type: ChunkSpec["type"], tag: number, dice: Dice): Uint8Array {
  if (type !== "INIT" && type !== "INIT ACK") return dice.bytes(dice.oneOf([0, 4, 5, 12, 16]));
  const value = new Uint8Array(dice.once(20) ? dice.below(16) : 16).fill(1);
  if (value.length >= 4) new DataView(value.buffer).setUint32(0, dice.once(20) ? 0 : tag);
  return value;
}

function say(
  flow: Flow,
  from: Direction,
  types: readonly ChunkSpec["type"][],
  dice: Dice,
): Utterance {
  const [sender, receiver] = [flow.ends[from], flow.ends[opposite(from)]];
  const opens = types.includes("INIT");
  const chunks = types.map((type) => ({
    type,
    flags: dice.once(8) ? 1 : 0,
    value: bodyOf(type, sender.tag, dice),
  }));
  const right = opens ? 0 : receiver.tag;
  const wrong = () => dice.oneOf([0, sender.tag, receiver.tag, dice.word()]);
  return { from, shape: { chunks, verificationTag: dice.once(8) ? wrong() : right } };
}

/** The next step of an orderly life. */
export function proceed(flow: Flow, dice: Dice): Utterance {
  const step = flow.age++ % LIFE.length;
  const [from, type] = LIFE[step]!;
  const turned = step >= CLOSING && flow.orig.sport % 2 === 1;
  return say(flow, turned ? opposite(from) : from, [type], dice);
}

export function utter(flow: Flow, dice: Dice): Utterance {
  if (flow.age < LIFE.length && dice.once(2)) return proceed(flow, dice);
  const from = dice.oneOf(["orig", "reply"] as const);
  if (dice.once(12)) flow.ends[from].tag = dice.word();
  if (dice.once(16)) return { from, shape: { payload: dice.bytes(dice.below(40)) } };
  const count = dice.oneOf([1, 1, 1, 1, 2, 3, 0]);
  return say(
    flow,
    from,
    Array.from({ length: count }, () => dice.oneOf(TYPES)),
    dice,
  );
}
