/** Bytes of WebAssembly, read with care and written: core specification, section 5. */
import { ProgramError } from "./program.ts";

const DECODER = new TextDecoder("utf-8", { fatal: true });
const ENCODER = new TextEncoder();

/** Continuation bit of a LEB128 byte, and the sign bit of its seven. */
const MORE = 0x80;
const SIGN = 0x40;
/** Bytes of the longest LEB128 of 32 and of 64 bits. A relocated number always has five. */
export const LEB32_SIZE = 5;
const LEB64_SIZE = 10;

export function malformed(message: string, at: number): ProgramError {
  return new ProgramError("bad-program", `${message} (byte ${at})`);
}

/** Reads what lies between `at` and `end`; whatever goes beyond is a ProgramError that names the byte. */
export class Reader {
  readonly bytes: Uint8Array;
  readonly end: number;
  at: number;

  constructor(bytes: Uint8Array, at = 0, end = bytes.length) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  get done(): boolean {
    return this.at >= this.end;
  }

  u8(): number {
    if (this.at >= this.end) throw malformed("the module ends too early", this.at);
    return this.bytes[this.at++]!;
  }

  u32(): number {
    const from = this.at;
    let value = 0;
    for (let shift = 0; shift < 7 * LEB32_SIZE; shift += 7) {
      const byte = this.u8();
      // The fifth byte has four bits left.
      if (shift === 28 && byte > 15) break;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < MORE) return value;
    }
    throw malformed("a number has more than 32 bits", from);
  }

  /** A signed number of up to 32 bits. */
  i32(): number {
    const from = this.at;
    let value = 0;
    for (let shift = 0; shift < 7 * LEB32_SIZE; shift += 7) {
      const byte = this.u8();
      value |= (byte & 0x7f) << shift;
      if (byte < MORE) return shift < 28 && byte & SIGN ? value | (-1 << (shift + 7)) : value;
    }
    throw malformed("a number has more than 32 bits", from);
  }

  /** Passes over a number of up to 64 bits. */
  skipLeb(): void {
    const from = this.at;
    for (let count = 0; count < LEB64_SIZE; count++) if (this.u8() < MORE) return;
    throw malformed("a number has more than 64 bits", from);
  }

  skip(size: number): void {
    if (size > this.end - this.at) throw malformed("the module ends too early", this.at);
    this.at += size;
  }

  /** A reader of the next `size` bytes, which this one passes over. */
  part(size: number): Reader {
    const from = this.at;
    this.skip(size);
    return new Reader(this.bytes, from, this.at);
  }

  name(): string {
    const size = this.u32();
    const from = this.at;
    this.skip(size);
    try {
      return DECODER.decode(this.bytes.subarray(from, this.at));
    } catch {
      throw malformed("a name is not UTF-8", from);
    }
  }
}

export function leb(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= MORE; rest = Math.floor(rest / MORE)) bytes.push((rest % MORE) | MORE);
  return [...bytes, rest];
}

export function text(value: string): number[] {
  const bytes = ENCODER.encode(value);
  return [...leb(bytes.length), ...bytes];
}

/** A section as it stands in a module: its number, its size and what is in it. */
export function section(id: number, content: ArrayLike<number>): number[] {
  return [id, ...leb(content.length), ...Array.from(content)];
}

/** Writes a number of 32 bits in five bytes, the form in which every number fits the same place. */
export function storeLeb(bytes: Uint8Array, at: number, value: number, signed: boolean): void {
  const last = at + LEB32_SIZE - 1;
  for (let place = at, rest = value >>> 0; place < last; place++, rest >>>= 7) {
    bytes[place] = (rest & 0x7f) | MORE;
  }
  // Four bits are left; of a signed number they stand in front of its sign, repeated.
  bytes[last] = signed ? (value >> 28) & 0x7f : value >>> 28;
}

/** The number that a relocated place has: five bytes. */
export function loadLeb(bytes: Uint8Array, at: number): number {
  let value = 0;
  for (let place = 0; place < LEB32_SIZE; place++)
    value |= (bytes[at + place]! & 0x7f) << (7 * place);
  return value;
}
