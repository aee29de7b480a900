/** What the links of a walk have done: counted by the module in places that links are given for their time. */
import { VERDICT_LENGTH } from "../../../abi/verdict.ts";
import { VERDICTS } from "../event.ts";
import type { LinkTally } from "../runtime.ts";

/** As assembly/runtime/block.ts and tally.ts have it. */
const PLACES = 256;
const SIZE = 64;
const WORDS = SIZE / 8;
const PACKETS = 0;
const TAILS = 1;
const VERDICT = 2;

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
  const counts = new BigUint64Array(buffer, base, PLACES * WORDS);
  const free = Array.from({ length: PLACES }, (_, index) => base + (PLACES - 1 - index) * SIZE);
  const places = new Map<number, Tally>();
  const countsAt = (address: number) => {
    const first = (address - base) / 8;
    return counts.subarray(first, first + WORDS);
  };

  function take(): Tally {
    const address = free.pop();
    if (address === undefined) throw new RangeError(`there are more than ${PLACES} links`);
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
