/** Fragments that were held and leave: read where the module lists them. */
import * as layout from "../../abi/layout.ts";
import { readOutcome } from "./descriptor.ts";
import { NONE_RELEASED, type ReleasedFrame } from "./engine.ts";
import type { Instance } from "./module.ts";
import type { Walk } from "./runtime/walk.ts";

/** Those of the last `process`, of which packet 0 was number `first` of the batch. Views. */
export function createReleased({ exports, memory: { buffer } }: Instance) {
  const memory = { bytes: new Uint8Array(buffer), view: new DataView(buffer) };
  const words = new Uint32Array(buffer);
  return (first: number): readonly ReleasedFrame[] => {
    const length = exports.releasedLength();
    if (length === 0) return NONE_RELEASED;
    const base = exports.released() >>> 0;
    return Array.from({ length }, (_, index) =>
      readReleased(memory, words, base + index * layout.RELEASED_SIZE, first),
    );
  };
}

/** Adds what programs have done to fragments whose slots begin at `slot`. */
export function annotateAll(
  walk: Walk,
  released: readonly ReleasedFrame[],
  slot: number,
): readonly ReleasedFrame[] {
  released.forEach(({ outcome }, index) => {
    walk.annotate(slot + index, outcome);
  });
  return released;
}

export function readReleased(
  { bytes, view }: { bytes: Uint8Array; view: DataView },
  words: Uint32Array,
  at: number,
  first: number,
): ReleasedFrame {
  const data = view.getUint32(at + layout.DESC_DATA, true);
  return {
    by: first + view.getUint32(at + layout.RELEASED_BY, true),
    outcome: readOutcome(words, at >>> 2),
    packet: bytes.subarray(data, data + view.getUint32(at + layout.DESC_LENGTH, true)),
    link: view.getUint8(at + layout.DESC_LINK),
    sport: view.getUint16(at + layout.RELEASED_SPORT),
    dport: view.getUint16(at + layout.RELEASED_DPORT),
  };
}
