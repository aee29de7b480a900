/**
 * Custom section "waxdp.reloc": which numbers of a program are addresses or places in the table. They stand there
 * as distances from the program's own range, in five bytes each, and the loader adds where that range begins.
 *
 * A version, then for each section: its number, how many there are, and each as distance from the last one << 3 | kind.
 */
import { LEB32_SIZE, leb, loadLeb, malformed, Reader, storeLeb, text } from "./binary.ts";
import type { Image, Segment, Span } from "./image.ts";
import { inspectionOf } from "./inspection.ts";
import type { Program } from "./program.ts";

const RELOCATION_SECTION = "waxdp.reloc";
const VERSION = 1;

/** The number of an `i32.const`, the offset of a load or store, and four bytes of a data segment. */
export const CONSTANT = 0;
export const OFFSET = 1;
export const WORD = 2;
/** Added to those when it is a place in the table. */
export const TABLE = 4;
const KIND_BITS = 3;
const WORD_SIZE = 4;

export interface Relocation {
  /** In the file. */
  readonly at: number;
  readonly kind: number;
}

/** By number of the section, each in rising order. */
export function encodeRelocations(
  groups: ReadonlyMap<number, readonly Relocation[]>,
  image: Image,
): number[] {
  const content = [VERSION];
  for (const [id, relocations] of groups) {
    content.push(...leb(id), ...leb(relocations.length));
    let last = image.sections.get(id)!.from;
    for (const { at, kind } of relocations) {
      content.push(...leb(((at - last) << KIND_BITS) | kind));
      last = at;
    }
  }
  return [...text(RELOCATION_SECTION), ...content];
}

/** Checked: each stands where such a number stands, and none over another. */
export function readRelocations(bytes: Uint8Array, image: Image): readonly Relocation[] {
  const span = image.custom.get(RELOCATION_SECTION);
  if (!span) return [];
  const reader = new Reader(bytes, span.from, span.to);
  if (reader.u8() !== VERSION)
    throw malformed(`${RELOCATION_SECTION} is of another version`, span.from);
  const found: Relocation[] = [];
  // In rising order, so that no number is moved twice.
  for (let last = -1; !reader.done; ) last = readGroup(reader, image, last, found);
  return found;
}

/** The number of its section. */
function readGroup(reader: Reader, image: Image, last: number, found: Relocation[]): number {
  const id = reader.u32();
  const section = image.sections.get(id);
  if (!section || id <= last) {
    throw malformed(`${RELOCATION_SECTION} names no section that follows`, reader.at);
  }
  let at = section.from;
  let least = 0;
  for (let rest = reader.u32(); rest > 0; rest--) {
    const number = reader.u32();
    const distance = number >>> KIND_BITS;
    const relocation = { at: at + distance, kind: number & (2 ** KIND_BITS - 1) };
    if (!fits(relocation, image) || distance < least || relocation.at >= section.to) {
      throw malformed(`${RELOCATION_SECTION} points at what is no address`, reader.at);
    }
    found.push(relocation);
    at = relocation.at;
    least = size(relocation.kind);
  }
  return id;
}

function size(kind: number): number {
  return (kind & ~TABLE) === WORD ? WORD_SIZE : LEB32_SIZE;
}

function fits({ at, kind }: Relocation, image: Image): boolean {
  if (kind === CONSTANT || kind === (CONSTANT | TABLE)) return image.constants.has(at);
  if (kind === OFFSET) return image.offsets.has(at);
  if (kind !== WORD && kind !== (WORD | TABLE)) return false;
  return image.contents.some((span: Span) => at >= span.from && at + WORD_SIZE <= span.to);
}

/** Whether the segment is moved along with the range it belongs to. */
export function isRelocated(
  segment: Segment,
  kind: number,
  places: ReadonlyMap<number, number>,
): boolean {
  return segment.place !== undefined && places.get(segment.place) === kind;
}

/** The bytes with every address and place counted from those; modules that ask for them as globals come back as they are. */
export function relocate(
  program: Program,
  memoryBase: number,
  tableBase: number,
): Uint8Array<ArrayBuffer> {
  const { relocations } = inspectionOf(program);
  if (relocations.length === 0) return program.bytes;
  const bytes = program.bytes.slice();
  for (const each of relocations) move(bytes, each, each.kind & TABLE ? tableBase : memoryBase);
  return bytes;
}

/** Adds to the number at a relocation. */
export function move(bytes: Uint8Array, { at, kind }: Relocation, by: number): void {
  const place = kind & ~TABLE;
  if (place === WORD) {
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    view.setInt32(at, view.getInt32(at, true) + by, true);
  } else {
    storeLeb(bytes, at, (loadLeb(bytes, at) + by) | 0, place === CONSTANT);
  }
}
