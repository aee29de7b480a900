/** The options at the end of pcapng blocks: code, length, value padded to 32 bits. */
import { viewOf } from "../packet/bytes.ts";
import { OPTION_END, padded } from "./capture.ts";
import { CaptureError } from "./error.ts";

export interface Option {
  readonly code: number;
  readonly value: Uint8Array;
}

/** The options from `at` to the end of `body`; `offset` is where an error points. */
export function* readOptions(
  body: Uint8Array,
  at: number,
  little: boolean,
  offset: number,
): Generator<Option> {
  const view = viewOf(body);
  let next = at;
  while (next + 4 <= body.length) {
    const code = view.getUint16(next, little);
    if (code === OPTION_END) return;
    const length = view.getUint16(next + 2, little);
    const start = next + 4;
    if (start + length > body.length) {
      throw new CaptureError("corrupt", `option ${code} is longer than its block`, offset);
    }
    yield { code, value: body.subarray(start, start + length) };
    next = start + padded(length);
  }
}

/** Bytes of `options` with the end of options behind them; none for none. */
export function writeOptions(options: readonly Option[], little: boolean): Uint8Array {
  if (options.length === 0) return new Uint8Array(0);
  const sizes = options.map((option) => 4 + padded(option.value.length));
  const bytes = new Uint8Array(sizes.reduce((sum, size) => sum + size, 0) + 4);
  const view = viewOf(bytes);
  let at = 0;
  for (const [index, { code, value }] of options.entries()) {
    view.setUint16(at, code, little);
    view.setUint16(at + 2, value.length, little);
    bytes.set(value, at + 4);
    at += sizes[index] ?? 0;
  }
  return bytes;
}
