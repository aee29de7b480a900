/**
 * A link's turn: one call into the module for all packets that walk. What a program throws comes out here, and the
 * module goes on behind the packet that it had.
 */
import type { Chains, Step } from "../runtime.ts";
import type { RuntimeExports } from "./module.ts";
import type { Tally } from "./tally.ts";

/** A step with the place where it is counted. */
export type Turn = Step & { readonly tally: Tally };
type ProgramTurn = Extract<Turn, { kind: "program" }>;

/** True when it was the last one, and nothing is left to be done. */
export function take(
  exports: RuntimeExports,
  chains: Chains,
  turn: Turn,
  isLast: boolean,
): boolean {
  const { clock } = chains;
  if (clock === undefined) return carryOut(exports, chains, turn, isLast);
  const began = clock();
  const isOver = carryOut(exports, chains, turn, isLast);
  turn.tally.runTime += clock() - began;
  return isOver;
}

function carryOut(exports: RuntimeExports, chains: Chains, turn: Turn, isLast: boolean): boolean {
  if (turn.kind === "service-nat") {
    return exports.translate(turn.tally.address, isLast ? 1 : 0) !== 0;
  }
  runProgram(exports, chains, turn);
  return false;
}

function runProgram(exports: RuntimeExports, chains: Chains, turn: ProgramTurn): void {
  const { entry, form, link, tally } = turn;
  const isEach = form === "packet";
  const run = isEach ? exports.runEach : exports.runAll;
  const trap = isEach ? exports.trapOne : exports.trapAll;
  for (let isOn = true; isOn; ) {
    try {
      if (run(entry, tally.address) === 0) return;
      isOn = false;
    } catch (error) {
      trap(tally.address);
      isOn = chains.trapped(link, error);
    }
  }
  exports.finish(link);
}
