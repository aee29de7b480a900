/** What the ends of a TCP connection say: in order, at the edges of their windows, and beyond. */
import type { Dice } from "./dice.ts";
import {
  type Direction,
  type End,
  type Flow,
  opposite,
  type Shape,
  type Utterance,
} from "./flows.ts";

/** Sequence and acknowledgement numbers stand so far from where they should. */
const OFFSETS = [
  1,
  -1,
  2,
  8,
  -8,
  1023,
  1024,
  1025,
  65534,
  65535,
  65536,
  65999,
  66000,
  66001,
  -65999,
  -66000,
  -66001,
  -66002,
  262_140,
  -262_140,
  2 ** 31 - 1,
  2 ** 31,
  -(2 ** 31) + 1,
];
const FLAGS = [
  "S",
  "SA",
  "A",
  "PA",
  "FA",
  "F",
  "R",
  "RA",
  "SF",
  "SR",
  "FR",
  "",
  "P",
  "AU",
  "SU",
  "FAU",
];
const MORE_FLAGS = ["E", "W", "EW", "P"];
/** Who says what in a connection's life when all goes well. */
const LIFE: readonly (readonly [from: Direction, flags: string, payload: number])[] = [
  ["orig", "S", 0],
  ["reply", "SA", 0],
  ["orig", "A", 0],
  ["orig", "PA", 24],
  ["reply", "A", 0],
  ["reply", "PA", 17],
  ["orig", "A", 0],
  ["orig", "FA", 0],
  ["reply", "A", 0],
  ["reply", "FA", 0],
  ["orig", "A", 0],
];
export const LIFE_LENGTH = LIFE.length;

const u32 = (value: number): number => value >>> 0;

/** A segment that is right by what its sender knows; the sender has sent it. */
function segment(flow: Flow, from: Direction, flags: string, dice: Dice, payload = 0): Utterance {
  const [sender, receiver] = [flow.ends[from], flow.ends[opposite(from)]];
  const shape: Shape = {
    flags,
    seq: sender.next,
    ack: flags.includes("A") ? receiver.next : 0,
    window: sender.window,
    payload: dice.bytes(payload),
    tcpOptions: flags.includes("S") ? synOptions(sender, dice) : options(receiver, flags, dice),
  };
  sender.last = sender.next;
  const phantom = Number(flags.includes("S")) + Number(flags.includes("F"));
  sender.next = u32(sender.next + payload + phantom);
  return { from, shape };
}

function synOptions(sender: End, dice: Dice): Shape["tcpOptions"] {
  if (dice.once(4)) return {};
  if (dice.once(12)) return dice.bytes(4 * (1 + dice.below(10)));
  const scaled = !dice.once(3);
  sender.scale = scaled ? dice.oneOf([0, 1, 2, 7, 14, 15]) : 0;
  return {
    mss: 1460,
    sackPermitted: !dice.once(3),
    ...(scaled ? { windowScale: sender.scale } : {}),
  };
}

/** RFC 2018: blocks of what came beyond the acknowledged. */
function options({ next }: End, flags: string, dice: Dice): Shape["tcpOptions"] {
  if (!flags.includes("A") || !dice.once(4)) return dice.once(8) ? { timestamps: [1, 2] } : {};
  if (dice.once(6)) return dice.bytes(4 * (1 + dice.below(10)));
  const blocks = 1 + dice.below(3);
  const bytes = [1, 1, 5, 2 + 8 * blocks];
  for (let block = 0; block < blocks; block++) {
    const left = u32(next + (dice.once(4) ? dice.oneOf(OFFSETS) : -dice.below(40)));
    bytes.push(...u32Bytes(left), ...u32Bytes(u32(left + dice.oneOf([1, 8, 24, 1000]))));
  }
  return Uint8Array.from(bytes);
}

function u32Bytes(value: number): number[] {
  return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
}

/** The next step of an orderly life. */
export function proceed(flow: Flow, dice: Dice): Utterance {
  const step = flow.age++ % LIFE.length;
  const [from, flags, payload] = LIFE[step]!;
  // RFC 9293 section 3.5: both ends may open at once.
  const crossed = step === 1 && dice.once(8);
  return segment(flow, from, crossed ? "S" : flags, dice, payload);
}

type Act = (flow: Flow, from: Direction, dice: Dice) => Utterance;

const data: Act = (flow, from, dice) =>
  segment(flow, from, dice.oneOf(["A", "PA"]), dice, dice.below(40));

const acknowledge: Act = (flow, from, dice) => {
  if (dice.once(4)) flow.ends[from].window = dice.oneOf([0, 0, 1, 1024, 65535]);
  return segment(flow, from, "A", dice);
};

/** The last one once more, or the byte before it, as keep-alives have it. */
const retransmit: Act = (flow, from, dice) => {
  const { last } = flow.ends[from];
  const { shape } = acknowledge(flow, from, dice);
  return { from, shape: { ...shape, seq: dice.once(4) ? u32(last - 1) : last } };
};

/** Numbers that the other end does not expect. */
const stray: Act = (flow, from, dice) => {
  const { shape } = segment(flow, from, dice.oneOf(["A", "PA", "FA", "A"]), dice, dice.below(9));
  const which = dice.below(3);
  const seq = which === 1 ? shape.seq! : u32(shape.seq! + dice.oneOf(OFFSETS));
  const ack = which === 0 ? shape.ack! : u32(shape.ack! + dice.oneOf(OFFSETS));
  flow.ends[from].next = flow.ends[from].last;
  return { from, shape: { ...shape, seq, ack } };
};

/** Exact, in the window, outside; with an acknowledgement or none. */
const reset: Act = (flow, from, dice) => {
  const { next } = flow.ends[from];
  const { shape } = segment(flow, from, dice.oneOf(["R", "RA"]), dice);
  const seq = dice.oneOf([next, next, next, u32(next + dice.oneOf(OFFSETS)), 0]);
  const ack = dice.once(4) ? 0 : shape.ack!;
  return { from, shape: { ...shape, seq, ack, tcpOptions: {} } };
};

/** Opens it anew: from where it was, or from somewhere else. */
const open: Act = (flow, from, dice) => {
  const end = flow.ends[from];
  if (!dice.once(3)) end.next = u32(end.next + dice.oneOf([0, 1, 100_000, -100_000, dice.word()]));
  flow.age = from === "orig" ? 1 : flow.age;
  return segment(flow, from, "S", dice);
};

const accept: Act = (flow, from, dice) => segment(flow, from, "SA", dice);

const close: Act = (flow, from, dice) => segment(flow, from, "FA", dice);

/** Flags in any mixture. */
const mixed: Act = (flow, from, dice) => {
  const flags = dice.oneOf(FLAGS) + (dice.once(3) ? dice.oneOf(MORE_FLAGS) : "");
  const letters = [...new Set(flags)].join("");
  return segment(flow, from, letters, dice, dice.below(4));
};

const ACTS: readonly Act[] = [
  data,
  data,
  data,
  acknowledge,
  acknowledge,
  retransmit,
  retransmit,
  stray,
  stray,
  reset,
  open,
  accept,
  close,
  mixed,
];

/** Whatever one of the ends may come to say. */
export function utter(flow: Flow, dice: Dice): Utterance {
  if (flow.age < LIFE.length && dice.once(2)) return proceed(flow, dice);
  return dice.oneOf(ACTS)(flow, dice.oneOf(["orig", "reply"] as const), dice);
}
