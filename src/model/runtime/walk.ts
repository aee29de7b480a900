/**
 * The walk through the chains: ingress, then egress for what leaves. A step takes every packet that
 * still walks, in their order, before the next step begins.
 */
import { CONTEXTS_MAX, NEXT } from "../../../abi/program.ts";
import { VERDICT_ABORTED } from "../../../abi/verdict.ts";
import type { Capacity } from "../../dataplane/dataplane.ts";
import type { Chains, Step } from "../../dataplane/runtime.ts";
import type { Arrival, Result } from "../walk.ts";
import { Context } from "./context.ts";
import { type Nat, translate } from "./nat.ts";
import { extentOf, type Places, roomBeforeNat, roomOf, type Slots } from "./places.ts";
import { type Machine, runBatch, runPacket, type Said } from "./program.ts";
import type { Rooms } from "./rooms.ts";
import type { Tally } from "./tally.ts";
import { outcomeOf } from "./verdict.ts";
import { createWalker, depart, end, leaves, type Walker } from "./walker.ts";

/** One call of `process`: all that the walk of its packets needs. */
export interface Call {
  readonly machine: Machine;
  readonly places: Places;
  readonly rooms: Rooms;
  readonly capacity: Capacity;
  readonly chains: Chains;
  readonly tallies: ReadonlyMap<number, Tally>;
  readonly nat: Nat;
  /** Links that are not to be called again. */
  readonly silenced: Set<number>;
}

/** Takes frames through both chains, and says what became of each. */
export function walk(call: Call, arrivals: readonly Arrival[], slots: Slots): Result[] {
  call.rooms.clear();
  const walkers = arrivals.map((arrival, number) => enter(call, arrival, slots, number));
  for (const step of call.chains.ingress) take(call, step, walkers);
  const leaving = walkers.filter(leaves);
  for (const walker of leaving) {
    depart(walker);
    call.rooms.give(walker.number, walker.room);
  }
  for (const step of call.chains.egress) take(call, step, leaving);
  return arrivals.map((_, number) => resultOf(walkers, number));
}

/** Copies a frame to where programs can read and change it. */
function enter(
  { machine: { memory }, places, rooms, capacity }: Call,
  { frame, input }: Arrival,
  slots: Slots,
  number: number,
): Walker {
  const slot = places.slot(slots, number);
  const room = roomOf(slot, slots, capacity);
  const context = new Context(memory, places.context(number));
  context.begin(number, extentOf(slot, frame.length, capacity), input);
  rooms.give(number, roomBeforeNat(room));
  context.frame.set(frame);
  return createWalker({ number, context, room });
}

/** One step, for all that still walk. Fragments that it lets go walk behind them. */
function take(call: Call, step: Step, walkers: Walker[]): void {
  const walking = walkers.filter(({ walks }) => walks);
  if (walking.length === 0 || call.silenced.has(step.link)) return;
  const { clock = () => 0 } = call.chains;
  const started = clock();
  if (step.kind === "service-nat") {
    walkers.push(...translate(call, step.link, walking, walkers.length));
  } else if (step.form === "batch") {
    for (const part of partsOf(walking, CONTEXTS_MAX)) runTogether(call, step, part);
  } else for (const walker of walking) runAlone(call, step, walker);
  tallyOf(call, step.link).runTime += clock() - started;
}

function* partsOf(walkers: readonly Walker[], most: number): Generator<readonly Walker[]> {
  for (let from = 0; from < walkers.length; from += most) yield walkers.slice(from, from + most);
}

type ProgramStep = Step & { readonly kind: "program" };

function runAlone(call: Call, { link, entry }: ProgramStep, walker: Walker): void {
  if (call.silenced.has(link)) return;
  heed(call, link, [walker], runPacket(call.machine, entry, walker.context));
}

function runTogether(call: Call, { link, entry }: ProgramStep, walking: readonly Walker[]): void {
  if (call.silenced.has(link)) return;
  const contexts = walking.map(({ context }) => context);
  heed(call, link, walking, runBatch(call.machine, entry, contexts));
}

/** Does to packets what a program has said. */
function heed(call: Call, link: number, walkers: readonly Walker[], said: Said): void {
  const tally = tallyOf(call, link);
  tally.runs += walkers.length + said.tailCalls;
  for (const [index, walker] of walkers.entries()) {
    const verdict = said.verdicts[index] ?? VERDICT_ABORTED;
    tally.note(verdict);
    const trapped = said.verdicts[index] === undefined;
    if (verdict !== NEXT) end(walker, { verdict, link, trapped });
  }
  if (said.trap && !call.chains.trapped(link, said.trap.error)) call.silenced.add(link);
}

function tallyOf({ tallies }: Call, link: number): Tally {
  return tallies.get(link) as Tally;
}

/** What became of the packet of that number, and of the fragments that it has let go. */
function resultOf(walkers: readonly Walker[], number: number): Result {
  const own = walkers[number] as Walker;
  const released = walkers.flatMap((walker) => {
    if (walker.freed?.by !== number) return [];
    return [{ ...walker.freed.fragment, ...departureOf(walker) }];
  });
  return { ...departureOf(own), released };
}

function departureOf(walker: Walker): Pick<Result, "outcome" | "packet"> {
  return { outcome: outcomeOf(walker), packet: walker.context.frame.slice() };
}
