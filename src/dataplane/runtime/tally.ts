/** What the links of a walk have done: counted by the module in places that links are given for their time. */
import {
  TALLIES,
  TALLY_PACKETS,
  TALLY_SIZE,
  TALLY_TAILS,
  TALLY_VERDICTS,
} from "../../../abi/runtime.ts";
import { VERDICT_LENGTH } from "../../../abi/verdict.ts";
import { VERDICTS } from "../event.ts";
import type { LinkTally } from "../runtime.ts";

const WORDS = TALLY_SIZE / 8;
const PACKETS = TALLY_PACKETS / 8;
const TAILS = TALLY_TAILS / 8;
const VERDICT = TALLY_VERDICTS / 8;

/** A link's place, and what only the host knows of it. */
export interface Tally {
  readonly address: number;
  runTime: number;
}

export interface Tallies {
  /** Gives every link a place; those that had one keep it, those that are gone give theirs back. */
  assign(links: readonly number[]): void;
  of(link: number): Tally;
  read(link: number): LinkTally;
}

export function createTallies({ buffer }: WebAssembly.Memory, base: number): Tallies {
  const counts = new BigUint64Array(buffer, base, TALLIES * WORDS);
  const free = Array.from(
    { length: TALLIES },
    (_, index) => base + (TALLIES - 1 - index) * TALLY_SIZE,
  );
  const places = new Map<number, Tally>();
  const countsAt = (address: number) => {
    const first = (address - base) / 8;
    return counts.subarray(first, first + WORDS);
  };

  function take(): Tally {
    const address = free.pop();
    if (address === undefined) throw new RangeError(`there are more than ${TALLIES} links`);
    countsAt(address).fill(0n);
    return { address, runTime: 0 };
  }

  return {
    assign(links) {
      for (const [link, { address }] of places) {
        if (links.includes(link)) continue;
        places.delete(link);
        free.push(address);
      }
      for (const link of links) {
        if (!places.has(link)) places.set(link, take());
      }
    },
    of: (link) => places.get(link) as Tally,
    read(link) {
      const tally = places.get(link);
      return tally ? describe([...countsAt(tally.address)].map(Number), tally.runTime) : NOTHING;
    },
  };
}

function describe(counts: readonly number[], runTime: number): LinkTally {
  const [packets, tails] = [counts[PACKETS] as number, counts[TAILS] as number];
  const verdicts = counts.slice(VERDICT, VERDICT + VERDICT_LENGTH);
  const ended = verdicts.reduce((sum, each) => sum + each, 0);
  const named = VERDICTS.map((name, number) => [name, verdicts[number]]);
  return {
    runs: packets + tails,
    runTime,
    verdicts: Object.fromEntries([...named, ["NEXT", packets - ended]]),
  };
}

const NOTHING = describe(new Array(WORDS).fill(0), 0);
