/** What the ends of a UDP flow say. */
import type { Dice } from "./dice.ts";
import type { Direction, Flow, Utterance } from "./flows.ts";

export const LIFE_LENGTH = 6;

function datagram(from: Direction, dice: Dice): Utterance {
  const shape = { payload: dice.bytes(dice.below(30)) };
  return { from, shape: dice.once(20) ? { ...shape, udpLength: dice.below(40) } : shape };
}

/** Question and answer, in turn. */
export function proceed(flow: Flow, dice: Dice): Utterance {
  return datagram(flow.age++ % 2 === 0 ? "orig" : "reply", dice);
}

export function utter(_: Flow, dice: Dice): Utterance {
  return datagram(dice.oneOf(["orig", "reply"] as const), dice);
}
