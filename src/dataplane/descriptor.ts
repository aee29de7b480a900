/** Descriptors of packets, as abi/layout has them: written before the packet path runs, read afterwards. */
import * as layout from "../../abi/layout.ts";
import type { FrameInput, Outcome } from "./engine.ts";

/** `index` counts words. */
export function writeDescriptor(
  words: Uint32Array,
  index: number,
  at: number,
  bytes: number,
  input: FrameInput,
): void {
  words[index + layout.DESC_DATA / 4] = at;
  words[index + layout.DESC_LENGTH / 4] = bytes;
  words[index + layout.DESC_WIRE_LENGTH / 4] = Math.max(input.wireLength, bytes);
  words[index + layout.DESC_INTERFACE / 4] =
    input.interface | ((input.local ? layout.DESC_FLAG_LOCAL : 0) << 16) | (input.link << 24);
}

/** `index` is that of a block of two words for each slot. */
export function writeMarks(
  words: Uint32Array,
  index: number,
  slot: number,
  { mark, priority }: FrameInput,
): void {
  words[index + slot * 2] = mark;
  words[index + slot * 2 + 1] = priority;
}

export function readOutcome(words: Uint32Array, index: number): Outcome {
  const outcome = words[index + layout.DESC_VERDICT / 4] as number;
  const out = words[index + layout.DESC_OUT / 4] as number;
  return {
    verdict: outcome & 0xff,
    action: (outcome >>> 8) & 0xff,
    reason: (outcome >>> 16) & 0xff,
    conntrack: outcome >>> 24,
    service: words[index + layout.DESC_SERVICE / 4] as number,
    backend: words[index + layout.DESC_BACKEND / 4] as number,
    masquerade: (out & layout.OUT_FLAG_MASQUERADE) !== 0,
  };
}
