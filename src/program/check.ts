/** Bytes -> Program: everything that can be said of a module before it runs is checked here. */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import { show } from "../dataplane/field.ts";
import { isName, NAME_RULE } from "../dataplane/name.ts";
import { Reader } from "./binary.ts";
import { type Room, readRoom } from "./dylink.ts";
import { type Image, readImage, type Segment } from "./image.ts";
import { checkExports, checkImports, globalNamed, STACK_POINTER } from "./imports.ts";
import { inspect } from "./inspection.ts";
import { readLayouts } from "./layouts.ts";
import type { ProgramOptions } from "./options.ts";
import { type Program, ProgramError } from "./program.ts";
import { CONSTANT, isRelocated, type Relocation, readRelocations, TABLE } from "./relocation.ts";

/** A program is a few KiB; what is larger than this is none. */
const PROGRAM_SIZE_MAX = 2 ** 20;
/** Room of one program's data that is not a mistake. */
const MEMORY_MAX = 2 ** 28;
const FUNCTIONS_MAX = 65_536;
/** Bytes of stack of programs that keep one in memory, compiled C say; the kernel's have 512. */
const STACK_SIZE = 8192;
/** Of the stack: C's `max_align_t`. */
const STACK_ALIGNMENT = 16;
const TAG_DIGITS = 16;

/** Throws ProgramError "bad-program", "abi-mismatch" or "bad-option". */
export function loadProgram(
  source: Uint8Array | ArrayBuffer,
  options: ProgramOptions = {},
): Program {
  const bytes = copy(source);
  checkOptions(options);
  const image = readImage(bytes);
  const helpers = checkImports(image);
  const form = checkExports(image);
  const room = checkRoom(readRoom(bytes, image));
  const relocations = readRelocations(bytes, image);
  checkSegments(image, room, relocations);
  const types = readLayouts(bytes, image);
  checkValid(bytes);
  const name = options.name ?? moduleName(bytes, image) ?? "program";
  const tag = bytesToHex(sha256(bytes)).slice(0, TAG_DIGITS);
  const stack = image.imports.some((each) => each.name === STACK_POINTER) ? STACK_SIZE : 0;
  const [memory, { functions }] = [withStack(room, stack), room];
  const program = { name, bytes, tag, form, helpers, memory, functions, types };
  return inspect(program, { relocations, stack });
}

function copy(source: Uint8Array | ArrayBuffer): Uint8Array<ArrayBuffer> {
  if (!(source instanceof ArrayBuffer) && !(source instanceof Uint8Array)) {
    throw new ProgramError("bad-option", "a program is loaded from a Uint8Array or an ArrayBuffer");
  }
  if (source.byteLength > PROGRAM_SIZE_MAX) {
    throw new ProgramError(
      "bad-program",
      `a module of ${source.byteLength} bytes is no program: they have at most ${PROGRAM_SIZE_MAX}`,
    );
  }
  return new Uint8Array(source instanceof Uint8Array ? source : new Uint8Array(source));
}

/** `known` are the names of options beside `name`. */
export function checkOptions(options: ProgramOptions, known: readonly string[] = []): void {
  if (typeof options !== "object" || options === null) {
    throw badOption(`the options of a program are ${show(options)}: they must be an object`);
  }
  const names = ["name", ...known];
  const other = Object.keys(options).find((each) => !names.includes(each));
  if (other !== undefined) {
    throw badOption(`${other} is not known: an option is one of ${names.join(", ")}`);
  }
  const { name } = options;
  if (name === undefined || isName(name)) return;
  throw badOption(`name is ${show(name)}: it must be ${NAME_RULE}`);
}

function badOption(message: string): ProgramError {
  return new ProgramError("bad-option", message);
}

function checkRoom(room: Room): Room {
  if (room.memory > MEMORY_MAX || room.functions > FUNCTIONS_MAX) {
    throw new ProgramError(
      "bad-program",
      `the program asks for ${room.memory} bytes and ${room.functions} functions, more than anything needs`,
    );
  }
  return room;
}

/** Every segment has to move along with the range that the program is given, and to stay in it. */
function checkSegments(image: Image, room: Room, relocations: readonly Relocation[]): void {
  const places = new Map(relocations.map(({ at, kind }) => [at, kind]));
  for (const each of image.data) {
    if (!moves(each, CONSTANT, "__memory_base", image, places)) throw fixed("data");
    if (each.offset + each.length > room.memory)
      throw outside("data", each, `${room.memory} bytes`);
  }
  for (const each of image.elements) {
    if (!moves(each, CONSTANT | TABLE, "__table_base", image, places)) throw fixed("functions");
    if (each.offset + each.length > room.functions) {
      throw outside("functions", each, `${room.functions} places`);
    }
  }
}

function moves(
  segment: Segment,
  kind: number,
  base: string,
  image: Image,
  places: ReadonlyMap<number, number>,
): boolean {
  if (segment.base !== undefined) {
    const isMovedTwice = segment.place !== undefined && places.has(segment.place);
    return globalNamed(image, segment.base) === base && !isMovedTwice;
  }
  return isRelocated(segment, kind, places);
}

function fixed(what: string): ProgramError {
  return new ProgramError(
    "bad-program",
    `the program puts ${what} at a fixed address, where something else may stand: build it with Program.compile, or ` +
      "as position-independent code (clang -fPIC and wasm-ld -shared)",
  );
}

function outside(what: string, { offset, length }: Segment, room: string): ProgramError {
  return new ProgramError(
    "bad-program",
    `the program puts ${what} at ${offset} to ${offset + length}, but asks for ${room} only`,
  );
}

/** What the sections do not show: that every instruction has the operands it needs. */
function checkValid(bytes: Uint8Array<ArrayBuffer>): void {
  if (WebAssembly.validate(bytes)) return;
  throw new ProgramError("bad-program", `this is no valid WebAssembly: ${complaint(bytes)}`);
}

function complaint(bytes: Uint8Array<ArrayBuffer>): string {
  try {
    new WebAssembly.Module(bytes);
    return "the engine does not say why";
  } catch (error) {
    return (error as Error).message.replace(/^WebAssembly\.Module\(\): /, "");
  }
}

function withStack({ memory, alignment }: Room, stack: number): Program["memory"] {
  if (stack === 0) return { size: memory, alignment };
  const data = Math.ceil(memory / STACK_ALIGNMENT) * STACK_ALIGNMENT;
  return { size: data + stack, alignment: Math.max(alignment, STACK_ALIGNMENT) };
}

/** Subsection 0 of the custom section "name": core specification, appendix 7.4.1. */
function moduleName(bytes: Uint8Array, image: Image): string | undefined {
  const span = image.custom.get("name");
  if (!span) return undefined;
  const reader = new Reader(bytes, span.from, span.to);
  if (reader.done || reader.u8() !== 0) return undefined;
  const name = reader.part(reader.u32()).name();
  return isName(name) ? name : undefined;
}
