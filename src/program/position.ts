/**
 * Two builds of one source -> one module that can stand anywhere. The builds differ in where they put their data
 * and functions, and in nothing else: each number that differs is an address, or a place in the table.
 */
import { leb, section, text } from "./binary.ts";
import type { Bases, Build } from "./compiler.ts";
import { encodeRoom } from "./dylink.ts";
import { type Image, numberAt, PREAMBLE, readImage, SECTION_CUSTOM, type Span } from "./image.ts";
import { encodeLayouts, type Layouts } from "./layouts.ts";
import {
  CONSTANT,
  encodeRelocations,
  move,
  OFFSET,
  type Relocation,
  TABLE,
  WORD,
} from "./relocation.ts";

/** Data is aligned to a cache line; what asks for more is refused, as the second base has no more. */
const ALIGNMENT = 64;
/**
 * Numbers from 2^28 to 2^31 have five bytes, signed or not, and no byte of a table's place is 0, which the optimizer
 * would leave out of the data. The first memory base is aligned to everything, the second to `ALIGNMENT` only: code
 * that was folded together with the bits between them comes out different.
 */
export const BASES: readonly [Bases, Bases] = [
  { memory: 0x40000000, table: 0x10101010 },
  { memory: 0x55555540, table: 0x13131313 },
];
const MEMORY_STEP = BASES[1].memory - BASES[0].memory;
const TABLE_STEP = BASES[1].table - BASES[0].table;
const WORD_SIZE = 4;
const NAME_SECTION = "name";

/** Undefined when they differ in more than addresses. */
export function position(
  first: Build,
  second: Build,
  name: string,
  types: Layouts,
): Uint8Array | undefined {
  const image = readImage(first.bytes);
  const other = readImage(second.bytes);
  if (first.bytes.length !== second.bytes.length || first.memory !== second.memory)
    return undefined;
  const groups = compare(first.bytes, second.bytes, image, other);
  if (!groups) return undefined;
  const bytes = first.bytes.slice();
  for (const each of [...groups.values()].flat()) {
    move(bytes, each, each.kind & TABLE ? -BASES[0].table : -BASES[0].memory);
  }
  clearLimits(bytes, image);
  return assemble(bytes, image, [
    encodeRoom({ memory: first.memory, alignment: ALIGNMENT, functions: functionsOf(image) }),
    encodeRelocations(groups, image),
    ...(Object.keys(types).length > 0 ? [encodeLayouts(types)] : []),
    encodeNames(name, bytes, image),
  ]);
}

type Groups = Map<number, readonly Relocation[]>;

/** What differs, by section; undefined when something differs that is no address. */
function compare(
  first: Uint8Array,
  second: Uint8Array,
  image: Image,
  other: Image,
): Groups | undefined {
  const found: Relocation[] = [];
  const numbers = [
    ...[...image.constants].map((at) => ({ at, kind: CONSTANT })),
    ...[...image.offsets].map((at) => ({ at, kind: OFFSET })),
  ];
  for (const { at, kind } of numbers) {
    const step = numberAt(second, at) - numberAt(first, at);
    const places = kind === CONSTANT ? other.constants : other.offsets;
    if (step !== 0 && !places.has(at)) return undefined;
    if (!note(found, at, kind, step)) return undefined;
  }
  for (const [index, span] of image.contents.entries()) {
    if (!compareData(first, second, span, image.data[index]!.offset, found)) return undefined;
  }
  return explains(first, second, found) ? group(found, image) : undefined;
}

function note(found: Relocation[], at: number, kind: number, step: number): boolean {
  if (step === MEMORY_STEP) found.push({ at, kind });
  else if (step === TABLE_STEP) found.push({ at, kind: kind | TABLE });
  else return step === 0;
  return true;
}

/** Addresses in data stand at multiples of their size. */
function compareData(
  first: Uint8Array,
  second: Uint8Array,
  span: Span,
  address: number,
  found: Relocation[],
): boolean {
  const start = span.from + (-address & (WORD_SIZE - 1));
  for (let at = start; at + WORD_SIZE <= span.to; at += WORD_SIZE) {
    if (!note(found, at, WORD, wordAt(second, at) - wordAt(first, at))) return false;
  }
  return true;
}

function wordAt(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(at, true);
}

/** Whether the first build, moved, is the second: nothing is left that differs, the limits of imports aside. */
function explains(first: Uint8Array, second: Uint8Array, found: readonly Relocation[]): boolean {
  const moved = first.slice();
  for (const each of found) move(moved, each, each.kind & TABLE ? TABLE_STEP : MEMORY_STEP);
  const expected = second.slice();
  clearLimits(moved, readImage(moved));
  clearLimits(expected, readImage(expected));
  return moved.every((byte, at) => byte === expected[at]);
}

function group(found: readonly Relocation[], image: Image): Groups {
  const groups: Groups = new Map();
  const sorted = [...found].sort((a, b) => a.at - b.at);
  for (const [id, { from, to }] of [...image.sections].sort(([one], [other]) => one - other)) {
    const inside = sorted.filter(({ at }) => at >= from && at < to);
    if (inside.length > 0) groups.set(id, inside);
  }
  return groups;
}

/** What the builds ask of memory and table is where their own base is; the loader gives what there is. */
function clearLimits(bytes: Uint8Array, { imports }: Image): void {
  for (const { limits } of imports) {
    if (!limits) continue;
    const { from, to } = limits.place;
    bytes.fill(0x80, from, to - 1);
    bytes[to - 1] = 0;
  }
}

/** Places the program has in the table: asc gives one to each function that is taken as a value. */
function functionsOf({ elements }: Image): number {
  return Math.max(0, ...elements.map(({ offset, length }) => offset + length - BASES[0].table));
}

/** "dylink.0" is to be the first section; the others follow what was built, whose names are among them. */
function assemble(bytes: Uint8Array, image: Image, contents: readonly number[][]): Uint8Array {
  const [first, ...others] = contents;
  const names = image.custom.get(NAME_SECTION) ?? { start: bytes.length, to: bytes.length };
  return Uint8Array.from([
    ...PREAMBLE,
    ...section(SECTION_CUSTOM, first!),
    ...bytes.subarray(PREAMBLE.length, names.start),
    ...bytes.subarray(names.to),
    ...others.flatMap((content) => section(SECTION_CUSTOM, content)),
  ]);
}

/** Custom section "name": subsection 0, the module's, then those that were built. Core specification, appendix 7.4. */
function encodeNames(name: string, bytes: Uint8Array, { custom }: Image): number[] {
  const content = text(name);
  const { from, to } = custom.get(NAME_SECTION) ?? { from: 0, to: 0 };
  return [
    ...text(NAME_SECTION),
    0,
    ...leb(content.length),
    ...content,
    ...bytes.subarray(from, to),
  ];
}
