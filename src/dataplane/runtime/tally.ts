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
  const room = createRoom(buffer, base);
  const places = new Map<number, Tally>();
  return {
    assign(links) {
      for (const [link, { address }] of places) {
        if (links.includes(link)) continue;
        places.delete(link);
        room.release(address);
      }
      for (const link of links) {
        if (!places.has(link)) places.set(link, { address: room.take(), runTime: 0 });
      }
    },
    of: (link) => places.get(link) as Tally,
    read(link) {
      const tally = places.get(link);
      return tally ? describe(room.read(tally.address), tally.runTime) : NOTHING;
    },
  };
}

/** Places by their addresses. */
function createRoom(buffer: ArrayBufferLike, base: number) {
  const counts = new BigUint64Array(buffer, base, TALLIES * WORDS);
  const free = Array.from({ length: TALLIES }, (_, index) => base + index * TALLY_SIZE).reverse();
  const countsAt = (address: number) => {
    const first = (address - base) / 8;
    return counts.subarray(first, first + WORDS);
  };
  return {
    /** One where nothing is counted yet. */
    take(): number {
      const address = free.pop();
      if (address === undefined) throw new RangeError(`there are more than ${TALLIES} links`);
      countsAt(address).fill(0n);
      return address;
    },
    release: (address: number) => void free.push(address),
    read: (address: number) => Array.from(countsAt(address), Number),
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
