/** The last frames of a search, as they came and as they left: to be quoted, repeated, mutated. */
import type { LinkType } from "../../src/dataplane/dataplane.ts";
import type { Dice } from "./dice.ts";
import type { Packet } from "./packets.ts";

export interface Trace {
  readonly bytes: Uint8Array;
  readonly link: LinkType | number;
}

export interface Trail {
  /** `left` is what became of it. */
  note(packet: Packet, left: Uint8Array): void;
  /** One of the last; undefined while there is none. */
  pick(dice: Dice): Trace | undefined;
}

/** Of those that were left alone fewer are picked, for there are more of them. */
const ALONE = 6;

export function createTrail(capacity: number): Trail {
  const [translated, alone] = [createRing(capacity), createRing(capacity)];
  return {
    note({ bytes, options }, left) {
      const link = options.linkType ?? "ethernet";
      const isAlone = Buffer.compare(bytes, left) === 0;
      // An error may be about either side of what was translated.
      if (!isAlone) translated.put({ bytes: left, link });
      (isAlone ? alone : translated).put({ bytes, link });
    },
    pick(dice) {
      const ring = translated.traces.length === 0 || dice.once(ALONE) ? alone : translated;
      return ring.traces.length === 0 ? undefined : dice.oneOf(ring.traces);
    },
  };
}

function createRing(capacity: number) {
  const traces: Trace[] = [];
  let next = 0;
  return {
    traces,
    put(trace: Trace): void {
      traces[next] = trace;
      next = (next + 1) % capacity;
    },
  };
}
