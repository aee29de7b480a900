/** Instructions of WebAssembly 2.0 with tail calls and threads, passed over one by one: core specification, section 5.4. */
import { LEB32_SIZE, malformed, type Reader } from "./binary.ts";
import type { ProgramError } from "./program.ts";

/** What a walk through code tells of. Places are those of the number, not of the instruction. */
export interface CodeVisitor {
  /** An `i32.const` whose number has five bytes. */
  constant(at: number): void;
  /** The offset of a load or a store that has five bytes. */
  offset(at: number): void;
}

const BLOCK = 0x02;
const IF = 0x04;
export const INSTRUCTION_END = 0x0b;
export const GLOBAL_GET = 0x23;
const TABLE_SET = 0x26;
const MEMORY_GROW = 0x40;
export const I32_CONST = 0x41;
export const I32_ADD = 0x6a;
const PREFIX_MISC = 0xfc;
const PREFIX_SIMD = 0xfd;
const PREFIX_ATOMIC = 0xfe;

/**
 * What follows an opcode, a letter each: n number, m memory argument, c constant of 32 bits, t numbers of a br_table,
 * s numbers after their count, and bytes: b one, w four, d eight, v sixteen.
 */
type Operands = string;

const CORE: ReadonlyMap<number, Operands> = table([
  [0x00, 0x01, ""], // unreachable, nop
  [BLOCK, IF, "n"], // block, loop, if
  [0x05, 0x05, ""], // else
  [INSTRUCTION_END, INSTRUCTION_END, ""],
  [0x0c, 0x0d, "n"], // br, br_if
  [0x0e, 0x0e, "t"], // br_table
  [0x0f, 0x0f, ""], // return
  [0x10, 0x10, "n"], // call
  [0x11, 0x11, "nn"], // call_indirect
  [0x12, 0x12, "n"], // return_call
  [0x13, 0x13, "nn"], // return_call_indirect
  [0x1a, 0x1b, ""], // drop, select
  [0x1c, 0x1c, "s"], // select of a type
  [0x20, 0x24, "n"], // local.get to global.set
  [0x25, 0x25, "n"], // table.get
  [0x28, 0x3e, "m"], // i32.load to i64.store32
  [0x3f, 0x3f, "n"], // memory.size
  [I32_CONST, I32_CONST, "c"],
  [0x42, 0x42, "n"], // i64.const
  [0x43, 0x43, "w"], // f32.const
  [0x44, 0x44, "d"], // f64.const
  [0x45, 0xc4, ""], // i32.eqz to i64.extend32_s
  [0xd0, 0xd0, "n"], // ref.null
  [0xd1, 0xd1, ""], // ref.is_null
  [0xd2, 0xd2, "n"], // ref.func
]);

const MISC: ReadonlyMap<number, Operands> = table([
  [0, 7, ""], // i32.trunc_sat_f32_s to i64.trunc_sat_f64_u
  [8, 8, "nn"], // memory.init
  [9, 9, "n"], // data.drop
  [10, 10, "nn"], // memory.copy
  [11, 11, "n"], // memory.fill
  [13, 13, "n"], // elem.drop
  [16, 16, "n"], // table.size
]);

const SIMD: ReadonlyMap<number, Operands> = table([
  [0, 11, "m"], // v128.load to v128.store
  [12, 13, "v"], // v128.const, i8x16.shuffle
  [14, 20, ""],
  [21, 34, "b"], // i8x16.extract_lane_s to f64x2.replace_lane
  [35, 83, ""],
  [84, 91, "mb"], // v128.load8_lane to v128.store64_lane
  [92, 93, "m"], // v128.load32_zero, v128.load64_zero
  [94, 0x1ff, ""],
]);

const ATOMIC: ReadonlyMap<number, Operands> = table([
  [0x00, 0x02, "m"], // memory.atomic.notify to wait64
  [0x03, 0x03, "b"], // atomic.fence
  [0x10, 0x4e, "m"],
]);

const PREFIXES: ReadonlyMap<number, ReadonlyMap<number, Operands>> = new Map([
  [PREFIX_MISC, MISC],
  [PREFIX_SIMD, SIMD],
  [PREFIX_ATOMIC, ATOMIC],
]);

/** Instructions behind PREFIX_MISC that change the table. */
const TABLE_CHANGES: ReadonlyMap<number, string> = new Map([
  [12, "table.init"],
  [14, "table.copy"],
  [15, "table.grow"],
  [17, "table.fill"],
]);

function table(
  rows: readonly (readonly [first: number, last: number, operands: Operands])[],
): ReadonlyMap<number, Operands> {
  const all = new Map<number, Operands>();
  for (const [first, last, operands] of rows) {
    for (let opcode = first; opcode <= last; opcode++) all.set(opcode, operands);
  }
  return all;
}

/** Through instructions up to the `end` that closes them; what a program may not do is refused. */
export function walk(reader: Reader, visitor: CodeVisitor): void {
  for (let depth = 1; depth > 0; ) {
    const opcode = reader.u8();
    if (opcode >= BLOCK && opcode <= IF) depth++;
    else if (opcode === INSTRUCTION_END) depth--;
    for (const operand of operandsOf(reader, opcode)) READERS[operand]!(reader, visitor);
  }
}

function operandsOf(reader: Reader, opcode: number): Operands {
  const at = reader.at - 1;
  const prefixed = PREFIXES.get(opcode);
  const number = prefixed ? reader.u32() : opcode;
  const operands = (prefixed ?? CORE).get(number);
  if (operands === undefined) throw refusal(opcode, number, at);
  return operands;
}

function refusal(opcode: number, number: number, at: number): ProgramError {
  if (opcode === MEMORY_GROW) return growsMemory(at);
  const change = opcode === TABLE_SET ? "table.set" : TABLE_CHANGES.get(number);
  if (change !== undefined && (opcode === TABLE_SET || opcode === PREFIX_MISC)) {
    return malformed(`${change} would change the table of functions that all programs share`, at);
  }
  const name = `0x${opcode.toString(16)}${number === opcode ? "" : ` ${number}`}`;
  return malformed(`instruction ${name} is none that programs may have`, at);
}

function growsMemory(at: number): ProgramError {
  return malformed(
    "programs have no heap, but this one asks for more memory (memory.grow); in AssemblyScript strings that are put " +
      "together, arrays and `new` of a class that is not @unmanaged do so: keep values in maps, in record<T>() or " +
      "in memory.data",
    at,
  );
}

/** Width of a memory argument's bit that says the number of a memory follows. */
const MEMORY_INDEX = 0x40;

const READERS: Readonly<Record<string, (reader: Reader, visitor: CodeVisitor) => void>> = {
  n: (reader) => reader.skipLeb(),
  b: (reader) => reader.skip(1),
  w: (reader) => reader.skip(4),
  d: (reader) => reader.skip(8),
  v: (reader) => reader.skip(16),
  t: (reader) => skipLebs(reader, reader.u32() + 1),
  s: (reader) => skipLebs(reader, reader.u32()),
  c: readConstant,
  m: readMemoryArgument,
};

function readConstant(reader: Reader, visitor: CodeVisitor): void {
  const at = reader.at;
  reader.i32();
  if (reader.at - at === LEB32_SIZE) visitor.constant(at);
}

function readMemoryArgument(reader: Reader, visitor: CodeVisitor): void {
  if (reader.u32() & MEMORY_INDEX) reader.u32();
  const at = reader.at;
  reader.u32();
  if (reader.at - at === LEB32_SIZE) visitor.offset(at);
}

/** `count` comes from the module: what it promises is read number by number, so that it ends where the module does. */
function skipLebs(reader: Reader, count: number): void {
  for (let index = 0; index < count; index++) reader.skipLeb();
}
