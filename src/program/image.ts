/** What a WebAssembly module says about itself, section by section: core specification, section 5.5. */
import { LEB32_SIZE, loadLeb, malformed, Reader } from "./binary.ts";
import { GLOBAL_GET, I32_ADD, I32_CONST, INSTRUCTION_END, walk } from "./instructions.ts";

export interface FunctionType {
  /** Value types as bytes, one character each, so that types are compared as text. */
  readonly parameters: string;
  readonly results: string;
}

export type ImportKind = "function" | "table" | "memory" | "global";

export interface Import {
  readonly module: string;
  readonly name: string;
  readonly kind: ImportKind;
  /** Of a function. */
  readonly type?: FunctionType;
  /** Of a global: value type and whether it changes. */
  readonly value?: number;
  readonly mutable?: boolean;
  /** Of a table or a memory. */
  readonly limits?: Limits;
}

export interface Limits {
  readonly flags: number;
  readonly least: number;
  /** Where `least` stands. */
  readonly place: Span;
}

export interface Export {
  readonly name: string;
  readonly kind: ImportKind;
  readonly index: number;
}

/** A data or element segment that is copied when the module is instantiated. */
export interface Segment {
  /** Global whose value is added; undefined for a place that is fixed. */
  readonly base: number | undefined;
  /** Where the number stands when it has five bytes, for relocations. */
  readonly place: number | undefined;
  readonly offset: number;
  /** Bytes, or functions. */
  readonly length: number;
}

/** A stretch of the file. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

export interface CustomSection extends Span {
  /** Where its number stands. */
  readonly start: number;
}

export interface Image {
  readonly types: readonly FunctionType[];
  readonly imports: readonly Import[];
  /** Types of all functions, imported ones first. */
  readonly functions: readonly FunctionType[];
  readonly exports: readonly Export[];
  readonly elements: readonly Segment[];
  readonly data: readonly Segment[];
  /** Where the bytes of data segments stand. */
  readonly contents: readonly Span[];
  /** Contents of sections by number: of those that are no custom ones. */
  readonly sections: ReadonlyMap<number, Span>;
  /** Contents of custom sections behind their names, the first of each name. */
  readonly custom: ReadonlyMap<string, CustomSection>;
  /** Places of numbers of five bytes: of `i32.const`, and of the offsets of loads and stores. */
  readonly constants: ReadonlySet<number>;
  readonly offsets: ReadonlySet<number>;
}

type Draft = {
  -readonly [Name in keyof Image]: Image[Name] extends readonly (infer Item)[]
    ? Item[]
    : Image[Name] extends ReadonlyMap<infer Key, infer Value>
      ? Map<Key, Value>
      : Set<number>;
};

/** "\0asm" and version 1. */
export const PREAMBLE = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];

export const SECTION_CUSTOM = 0;
const SECTION_TYPE = 1;
const SECTION_IMPORT = 2;
const SECTION_FUNCTION = 3;
const SECTION_TABLE = 4;
const SECTION_MEMORY = 5;
const SECTION_GLOBAL = 6;
const SECTION_EXPORT = 7;
const SECTION_START = 8;
const SECTION_ELEMENT = 9;
const SECTION_CODE = 10;
const SECTION_DATA = 11;
const SECTION_DATA_COUNT = 12;
/** In the order in which they have to stand: data count before code. */
const ORDER = [
  ...[SECTION_TYPE, SECTION_IMPORT, SECTION_FUNCTION, SECTION_TABLE, SECTION_MEMORY],
  ...[SECTION_GLOBAL, SECTION_EXPORT, SECTION_START, SECTION_ELEMENT, SECTION_DATA_COUNT],
  ...[SECTION_CODE, SECTION_DATA],
];
const FUNCTION_TYPE = 0x60;
/** Parameters or results of a function: the limit of the JavaScript API, section "Implementation-defined limits". */
const TYPES_MAX = 1000;
const KINDS: readonly ImportKind[] = ["function", "table", "memory", "global"];
export const LIMITS_MAXIMUM = 1;
/** Bits of an element segment's first number: passive or declarative, with a table's number, of expressions. */
const ELEMENT_PASSIVE = 1;
const ELEMENT_TABLE = 2;
const ELEMENT_EXPRESSIONS = 4;
const DATA_PASSIVE = 1;
const DATA_MEMORY = 2;

export function readImage(bytes: Uint8Array): Image {
  if (PREAMBLE.some((byte, at) => bytes[at] !== byte)) {
    throw malformed(
      "this is no WebAssembly module: it does not begin with \\0asm and version 1",
      0,
    );
  }
  const image = draft();
  const reader = new Reader(bytes, PREAMBLE.length);
  for (let last = -1; !reader.done; ) last = readSection(reader, image, last);
  return image;
}

function draft(): Draft {
  return {
    ...{ types: [], imports: [], functions: [], exports: [], elements: [], data: [], contents: [] },
    ...{ sections: new Map(), custom: new Map(), constants: new Set(), offsets: new Set() },
  };
}

/** The place of the section in the order, or that of the last one for a custom section. */
function readSection(reader: Reader, image: Draft, last: number): number {
  const at = reader.at;
  const id = reader.u8();
  const part = reader.part(reader.u32());
  if (id === SECTION_CUSTOM) {
    const name = part.name();
    if (!image.custom.has(name)) image.custom.set(name, { start: at, from: part.at, to: part.end });
    return last;
  }
  const place = ORDER.indexOf(id);
  if (place < 0) throw malformed(`section ${id} is none that programs may have`, at);
  if (place <= last) throw malformed(`section ${id} stands twice or too late`, at);
  image.sections.set(id, { from: part.at, to: part.end });
  readContent(part, id, image);
  if (!part.done) throw malformed(`section ${id} is longer than what is in it`, part.at);
  return place;
}

function readContent(part: Reader, id: number, image: Draft): void {
  if (id === SECTION_START || id === SECTION_DATA_COUNT) {
    part.u32();
    return;
  }
  const read = READERS[id];
  if (!read) throw malformed(`section ${id} is none that programs may have`, part.at);
  // What a count promises is read one by one: the end of the section ends it too.
  for (let rest = part.u32(); rest > 0; rest--) read(part, image);
}

const READERS: Readonly<Record<number, (part: Reader, image: Draft) => void>> = {
  [SECTION_TYPE]: readType,
  [SECTION_IMPORT]: readImport,
  [SECTION_FUNCTION]: (part, image) => {
    image.functions.push(typeAt(part, image));
  },
  [SECTION_TABLE]: (part) => {
    throw malformed("a program has no table of its own: it imports env.table", part.at);
  },
  [SECTION_MEMORY]: (part) => {
    throw malformed("a program has no memory of its own: it imports env.memory", part.at);
  },
  [SECTION_GLOBAL]: (part, image) => {
    part.skip(2);
    walk(part, visitor(image));
  },
  [SECTION_EXPORT]: (part, image) => {
    image.exports.push({ name: part.name(), kind: kind(part), index: part.u32() });
  },
  [SECTION_ELEMENT]: readElements,
  [SECTION_CODE]: readCode,
  [SECTION_DATA]: readData,
};

function visitor(image: Draft) {
  return {
    constant: (at: number) => void image.constants.add(at),
    offset: (at: number) => void image.offsets.add(at),
  };
}

function readType(part: Reader, image: Draft): void {
  if (part.u8() !== FUNCTION_TYPE) throw malformed("a type is none of a function", part.at - 1);
  image.types.push({ parameters: valueTypes(part), results: valueTypes(part) });
}

function valueTypes(part: Reader): string {
  const count = part.u32();
  if (count > TYPES_MAX) throw malformed("a function has too many parameters or results", part.at);
  const types = part.part(count);
  return String.fromCharCode(...types.bytes.subarray(types.at, types.end));
}

function typeAt(part: Reader, image: Draft): FunctionType {
  const at = part.at;
  const type = image.types[part.u32()];
  if (!type) throw malformed("a function has a type that is not there", at);
  return type;
}

function kind(part: Reader): ImportKind {
  const at = part.at;
  const found = KINDS[part.u8()];
  if (!found) throw malformed("only functions, tables, memories and globals come and go", at);
  return found;
}

function readImport(part: Reader, image: Draft): void {
  const found = { module: part.name(), name: part.name(), kind: kind(part) };
  image.imports.push({ ...found, ...readImportType(part, found.kind, image) });
}

function readImportType(part: Reader, of: ImportKind, image: Draft): Partial<Import> {
  if (of === "function") {
    const type = typeAt(part, image);
    image.functions.push(type);
    return { type };
  }
  if (of === "global") return { value: part.u8(), mutable: part.u8() !== 0 };
  if (of === "table") part.skip(1);
  return { limits: readLimits(part) };
}

function readLimits(part: Reader): Limits {
  const flags = part.u8();
  const from = part.at;
  const least = part.u32();
  const place = { from, to: part.at };
  if (flags & LIMITS_MAXIMUM) part.u32();
  return { flags, least, place };
}

function readCode(part: Reader, image: Draft): void {
  const body = part.part(part.u32());
  for (let groups = body.u32(); groups > 0; groups--) {
    body.u32();
    body.skipLeb();
  }
  walk(body, visitor(image));
  if (!body.done) throw malformed("a function is longer than its code", body.at);
}

function readElements(part: Reader, image: Draft): void {
  const flags = part.u32();
  const active = !(flags & ELEMENT_PASSIVE);
  if (active && flags & ELEMENT_TABLE) part.u32();
  const start = active ? readOffset(part, image) : undefined;
  // What kind they are of: left out by the two oldest forms.
  if (flags & (ELEMENT_PASSIVE | ELEMENT_TABLE)) part.skipLeb();
  const length = part.u32();
  for (let rest = length; rest > 0; rest--) {
    if (flags & ELEMENT_EXPRESSIONS) walk(part, visitor(image));
    else part.u32();
  }
  if (start) image.elements.push({ ...start, length });
}

function readData(part: Reader, image: Draft): void {
  const flags = part.u32();
  if (flags & DATA_MEMORY) part.u32();
  const start = flags & DATA_PASSIVE ? undefined : readOffset(part, image);
  const content = part.part(part.u32());
  image.contents.push({ from: content.at, to: content.end });
  if (start) image.data.push({ ...start, length: content.end - content.at });
}

/** `i32.const n`, `global.get g`, or `global.get g, i32.const n, i32.add`: what compilers write. */
function readOffset(part: Reader, image: Draft): Omit<Segment, "length"> {
  const at = part.at;
  const base = part.bytes[part.at] === GLOBAL_GET ? takeNumber(part, "u32") : undefined;
  const bare = base !== undefined && part.bytes[part.at] === INSTRUCTION_END;
  if (!bare && part.bytes[part.at] !== I32_CONST)
    throw malformed("a segment begins at no number", at);
  const place = part.at + 1;
  const offset = bare ? 0 : takeNumber(part, "i32") >>> 0;
  const wide = !bare && part.at - place === LEB32_SIZE;
  if (wide) image.constants.add(place);
  if (base !== undefined && !bare && part.u8() !== I32_ADD)
    throw malformed("a segment begins at no number", at);
  if (part.u8() !== INSTRUCTION_END) throw malformed("a segment begins at no number", at);
  return { base, place: wide ? place : undefined, offset };
}

function takeNumber(part: Reader, type: "u32" | "i32"): number {
  part.skip(1);
  return part[type]();
}

/** The number at a place that `constants` or `offsets` has. */
export function numberAt(bytes: Uint8Array, place: number): number {
  return loadLeb(bytes, place) >>> 0;
}
