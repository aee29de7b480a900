/** Shapes at the edges of what maps may be. All that are allowed are small. */
import type { Shape } from "./specification.ts";

const USUAL: readonly Shape[] = [
  { type: 1, keySize: 8, valueSize: 8, maxEntries: 4, flags: 0 },
  { type: 2, keySize: 4, valueSize: 8, maxEntries: 4, flags: 0 },
  { type: 3, keySize: 4, valueSize: 4, maxEntries: 4, flags: 0 },
  { type: 5, keySize: 8, valueSize: 8, maxEntries: 4, flags: 0 },
  { type: 6, keySize: 4, valueSize: 8, maxEntries: 4, flags: 0 },
  { type: 9, keySize: 8, valueSize: 8, maxEntries: 4, flags: 0 },
  { type: 11, keySize: 8, valueSize: 8, maxEntries: 4, flags: 1 },
  { type: 12, keySize: 4, valueSize: 4, maxEntries: 4, flags: 0 },
  { type: 27, keySize: 0, valueSize: 0, maxEntries: 4096, flags: 0 },
];

/** Every flag there is here, and pairs that contradict each other. */
const FLAGS = [0, 1, 8, 16, 24, 128, 256, 384, 9, 129, 136];
const KEY_SIZES = [0, 1, 3, 4, 5, 6, 8, 260, 261, 512, 2 ** 31, 2 ** 32 - 1];
const VALUE_SIZES = [0, 1, 3, 4, 5, 32768, 2 ** 31, 2 ** 32 - 1];
const PER_CPU_VALUE_SIZES = [32769, 65536];
const ENTRIES = [0, 1, 2, 3, 4095, 4096, 6144, 8192];

/** Without a map of maps that has its inner one; one that has none is refused. */
export function shapes(): Shape[] {
  return USUAL.flatMap((shape) => [
    ...FLAGS.map((flags) => ({ ...shape, flags: shape.type === 11 ? flags ^ 1 : flags })),
    ...KEY_SIZES.map((keySize) => ({ ...shape, keySize })),
    ...VALUE_SIZES.map((valueSize) => ({ ...shape, valueSize })),
    ...(shape.type === 5 || shape.type === 6 ? PER_CPU_VALUE_SIZES : []).map((valueSize) => {
      return { ...shape, valueSize };
    }),
    ...ENTRIES.map((maxEntries) => ({ ...shape, maxEntries })),
  ]);
}
