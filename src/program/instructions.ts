/** Instructions of WebAssembly 2.0 with tail calls and threads, passed over one by one: core specification, section 5.4. */
import { LEB32_SIZE, malformed, type Reader } from "./binary.ts";
import { ProgramError } from "./program.ts";

/** What a walk through code tells of. Places are those of the number, not of the instruction. */
export interface CodeVisitor {
  /** An `i32.const` whose number has five bytes. */
  constant?(at: number): void;
  /** The offset of a load or a store that has five bytes. */
  offset?(at: number): void;
}

const BLOCK = 0x02;
const IF = 0x04;
const ELSE = 0x05;
const END = 0x0b;
const BR = 0x0c;
const BR_IF = 0x0d;
const BR_TABLE = 0x0e;
const CALL = 0x10;
const CALL_INDIRECT = 0x11;
const RETURN_CALL = 0x12;
const RETURN_CALL_INDIRECT = 0x13;
const SELECT_TYPED = 0x1c;
const LOCAL_GET = 0x20;
const TABLE_GET = 0x25;
const TABLE_SET = 0x26;
const LOAD_FIRST = 0x28;
const STORE_LAST = 0x3e;
const MEMORY_SIZE = 0x3f;
const MEMORY_GROW = 0x40;
export const I32_CONST = 0x41;
const I64_CONST = 0x42;
const F32_CONST = 0x43;
const F64_CONST = 0x44;
const NUMERIC_FIRST = 0x45;
const NUMERIC_LAST = 0xc4;
const REF_NULL = 0xd0;
const REF_IS_NULL = 0xd1;
const REF_FUNC = 0xd2;
const PREFIX_MISC = 0xfc;
const PREFIX_SIMD = 0xfd;
const PREFIX_ATOMIC = 0xfe;
export const GLOBAL_GET = 0x23;
export const I32_ADD = 0x6a;
export const INSTRUCTION_END = END;

/** Numbers that follow the instructions behind PREFIX_MISC, from 0 (i32.trunc_sat_f32_s) to 17 (table.fill). */
const MISC_NUMBERS = [0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 2, 1, 2, 1, 2, 1, 1, 1];
const TABLE_INIT = 12;
const TABLE_COPY = 14;
const TABLE_GROW = 15;
const TABLE_FILL = 17;
/** Instructions behind PREFIX_SIMD that are not plain: their numbers. */
const SIMD_STORE = 11;
const SIMD_CONST = 12;
const SIMD_SHUFFLE = 13;
const SIMD_LANE_FIRST = 21;
const SIMD_LANE_LAST = 34;
const SIMD_MEMORY_LANE_FIRST = 84;
const SIMD_MEMORY_LANE_LAST = 91;
const SIMD_LOAD_ZERO_LAST = 93;
const SIMD_LAST = 0x1ff;
const VECTOR_SIZE = 16;
const ATOMIC_WAIT_LAST = 2;
const ATOMIC_FENCE = 3;
const ATOMIC_FIRST = 0x10;
const ATOMIC_LAST = 0x4e;
/** The bit of an alignment that says a number of a memory follows. */
const MEMORY_INDEX = 0x40;

/** Through instructions up to the `end` that closes them; what a program may not do is refused. */
export function walk(reader: Reader, visitor: CodeVisitor = {}): void {
  for (let depth = 1; depth > 0; ) {
    const opcode = reader.u8();
    if (opcode >= BLOCK && opcode <= IF) depth++;
    else if (opcode === END) depth--;
    step(reader, opcode, visitor);
  }
}

function step(reader: Reader, opcode: number, visitor: CodeVisitor): void {
  if (opcode >= NUMERIC_FIRST && opcode <= NUMERIC_LAST) return;
  if (opcode >= LOAD_FIRST && opcode <= STORE_LAST) return memoryArgument(reader, visitor);
  switch (opcode) {
    case I32_CONST:
      return constant(reader, visitor);
    case I64_CONST:
      return reader.skipLeb();
    case F32_CONST:
      return reader.skip(4);
    case F64_CONST:
      return reader.skip(8);
    case PREFIX_MISC:
      return stepMisc(reader);
    case PREFIX_SIMD:
      return stepSimd(reader, visitor);
    case PREFIX_ATOMIC:
      return stepAtomic(reader, visitor);
    default:
      return stepControl(reader, opcode);
  }
}

function stepControl(reader: Reader, opcode: number): void {
  switch (opcode) {
    case 0x00: // unreachable
    case 0x01: // nop
    case ELSE:
    case END:
    case 0x0f: // return
    case 0x1a: // drop
    case 0x1b: // select
    case REF_IS_NULL:
      return;
    case BLOCK:
    case BLOCK + 1: // loop
    case IF:
    case BR:
    case BR_IF:
    case CALL:
    case RETURN_CALL:
    case MEMORY_SIZE:
    case REF_NULL:
    case REF_FUNC:
    case TABLE_GET:
      return reader.skipLeb();
    case CALL_INDIRECT:
    case RETURN_CALL_INDIRECT:
      return skipLebs(reader, 2);
    case BR_TABLE:
      return skipLebs(reader, reader.u32() + 1);
    case SELECT_TYPED:
      return skipLebs(reader, reader.u32());
    case TABLE_SET:
      throw changesTable("table.set", reader);
    case MEMORY_GROW:
      throw growsMemory(reader);
  }
  if (opcode >= LOCAL_GET && opcode < TABLE_GET) return reader.skipLeb();
  throw malformed(
    `instruction 0x${opcode.toString(16)} is none that programs may have`,
    reader.at - 1,
  );
}

function stepMisc(reader: Reader): void {
  const opcode = reader.u32();
  if (opcode === TABLE_INIT) throw changesTable("table.init", reader);
  if (opcode === TABLE_COPY) throw changesTable("table.copy", reader);
  if (opcode === TABLE_GROW) throw changesTable("table.grow", reader);
  if (opcode === TABLE_FILL) throw changesTable("table.fill", reader);
  const numbers = MISC_NUMBERS[opcode];
  if (numbers === undefined) throw malformed("an instruction is unknown", reader.at);
  skipLebs(reader, numbers);
}

function stepSimd(reader: Reader, visitor: CodeVisitor): void {
  const opcode = reader.u32();
  if (opcode > SIMD_LAST) throw malformed("an instruction is unknown", reader.at);
  if (opcode <= SIMD_STORE) return memoryArgument(reader, visitor);
  if (opcode === SIMD_CONST || opcode === SIMD_SHUFFLE) return reader.skip(VECTOR_SIZE);
  if (opcode >= SIMD_LANE_FIRST && opcode <= SIMD_LANE_LAST) return reader.skip(1);
  if (opcode < SIMD_MEMORY_LANE_FIRST || opcode > SIMD_LOAD_ZERO_LAST) return;
  memoryArgument(reader, visitor);
  if (opcode <= SIMD_MEMORY_LANE_LAST) reader.skip(1);
}

function stepAtomic(reader: Reader, visitor: CodeVisitor): void {
  const opcode = reader.u32();
  if (opcode === ATOMIC_FENCE) return reader.skip(1);
  const known = opcode <= ATOMIC_WAIT_LAST || (opcode >= ATOMIC_FIRST && opcode <= ATOMIC_LAST);
  if (!known) throw malformed("an instruction is unknown", reader.at);
  memoryArgument(reader, visitor);
}

function memoryArgument(reader: Reader, visitor: CodeVisitor): void {
  if (reader.u32() & MEMORY_INDEX) reader.u32();
  const at = reader.at;
  reader.u32();
  if (reader.at - at === LEB32_SIZE) visitor.offset?.(at);
}

function constant(reader: Reader, visitor: CodeVisitor): void {
  const at = reader.at;
  reader.i32();
  if (reader.at - at === LEB32_SIZE) visitor.constant?.(at);
}

/** `count` comes from the module: what it promises is read number by number, so that it ends where the module does. */
function skipLebs(reader: Reader, count: number): void {
  for (let index = 0; index < count; index++) reader.skipLeb();
}

function changesTable(instruction: string, reader: Reader): ProgramError {
  return malformed(
    `${instruction} would change the table of functions that all programs share`,
    reader.at - 1,
  );
}

function growsMemory(reader: Reader): ProgramError {
  return new ProgramError(
    "bad-program",
    `programs have no heap: memory.grow at byte ${reader.at - 1}. In AssemblyScript strings that are put together, ` +
      "arrays and `new` of a class that is not @unmanaged ask for one; keep values in maps, in records " +
      "(`record<T>()`) or in `memory.data`",
  );
}
