/** Descriptors of packets, as abi/layout has them: written before the packet path runs, read afterwards. */
import * as layout from "../../abi/layout.ts";
import { CTX_MARK, CTX_PRIORITY } from "../../abi/program.ts";
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

/** A context begins with a descriptor, and has mark and priority as well. */
export function writeContext(
  words: Uint32Array,
  index: number,
  at: number,
  bytes: number,
  input: FrameInput,
): void {
  writeDescriptor(words, index, at, bytes, input);
  words[index + CTX_MARK / 4] = input.mark;
  words[index + CTX_PRIORITY / 4] = input.priority;
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
