/**
 * Which flow is visited when. Never in the order they were opened in: a table that happened to be walked in
 * sequence would look faster than it is.
 */
import { xorshift32 } from "../../src/model/random.ts";
import type { Row, Work } from "../heats/contestant.ts";

/** No order is shorter: a processor that sees the same few packets again and again learns their branches. */
const LENGTH_MIN = 65536;
/** Of kind "mixed", whose tables grow until its order ends. */
const MIXED_LENGTH = 2 ** 19;
/** One packet in so many opens a connection, of kind "mixed". */
const NEW_EVERY = 100;

export type Visits = Pick<Work, "order" | "turns" | "visits">;

/** Flows that `order` names, beyond those that are open before it begins. */
export function newcomers({ kind }: Row): number {
  return kind === "mixed" ? Math.floor(MIXED_LENGTH / NEW_EVERY) : 0;
}

/** `first` is the turn each flow has next. */
export function visits(row: Row, first: Uint8Array): Visits {
  const order = row.popularity === "zipf" ? zipf(row) : permutations(row);
  if (row.kind === "mixed") mix(order, row.flows);
  const total = row.flows + newcomers(row);
  const counts = new Uint32Array(total);
  const turns = new Uint32Array(order.length);
  for (let i = 0; i < order.length; i++) {
    const flow = order[i] as number;
    turns[i] = (first[flow] ?? 0) + (counts[flow] as number);
    counts[flow] = (counts[flow] as number) + 1;
  }
  return { order, turns, visits: counts };
}

function lengthOf({ kind, flows, popularity }: Row): number {
  if (kind === "new") return flows;
  if (kind === "mixed") return Math.max(MIXED_LENGTH, flows);
  return Math.max(LENGTH_MIN, popularity === "zipf" ? flows * 4 : flows);
}

/** All flows, shuffled, and once more in another order until there are enough. */
function permutations(row: Row): Uint32Array {
  const order = new Uint32Array(lengthOf(row));
  const random = { state: 12345 };
  for (let from = 0; from < order.length; from += row.flows) {
    shuffle(order.subarray(from, from + row.flows), random);
  }
  return order;
}

/** Fisher-Yates, filling as it goes. */
function shuffle(into: Uint32Array, random: { state: number }): void {
  for (let i = 0; i < into.length; i++) {
    const j = draw(random, i + 1);
    into[i] = into[j] as number;
    into[j] = i;
  }
}

function draw(random: { state: number }, length: number): number {
  random.state = xorshift32(random.state);
  return Math.floor((random.state * length) / 2 ** 32);
}

/** Flow of rank r is visited in proportion to 1 / r; ranks have nothing to do with numbers. */
function zipf(row: Row): Uint32Array {
  const random = { state: 54321 };
  const ranked = new Uint32Array(row.flows);
  shuffle(ranked, random);
  const upTo = new Float64Array(row.flows);
  let sum = 0;
  for (let rank = 0; rank < row.flows; rank++) upTo[rank] = sum += 1 / (rank + 1);
  const order = new Uint32Array(lengthOf(row));
  for (let i = 0; i < order.length; i++) {
    random.state = xorshift32(random.state);
    order[i] = ranked[rankAt(upTo, (random.state / 2 ** 32) * sum)] as number;
  }
  return order;
}

/** Index of the first element above `value`. */
function rankAt(ascending: Float64Array, value: number): number {
  let low = 0;
  let high = ascending.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ascending[middle] as number) > value) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Puts flows that nobody has opened, numbered from `flows` on, where every hundredth packet was. */
function mix(order: Uint32Array, flows: number): void {
  let next = flows;
  for (let i = NEW_EVERY - 1; i < order.length; i += NEW_EVERY) order[i] = next++;
}
