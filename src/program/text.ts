/** Texts that programs have in memory. */

/** What a message says of a text that nobody can read. */
const UNREADABLE = "?";
/** UTF-16 units of a message, and bytes of a name of a type: what is longer is no text for people. */
const TEXT_MAX = 1000;

/** UTF-8 at an address. Throws RangeError for what is not in memory, too long or no UTF-8. */
export function readUtf8(memory: WebAssembly.Memory, address: number, length: number): string {
  const [start, size] = [address >>> 0, length >>> 0];
  if (size > TEXT_MAX || start + size > memory.buffer.byteLength) {
    throw new RangeError(`a text of ${size} bytes at ${start} is too long, or not in memory`);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(
      new Uint8Array(memory.buffer, start, size),
    );
  } catch {
    throw new RangeError(`the ${size} bytes at ${start} are no UTF-8`);
  }
}

/** Bytes in front of an AssemblyScript string: its size is the last word of its header (std/assembly/rt/common.ts). */
const SIZE_FIELD = 4;

/** An AssemblyScript string, cut when it is long; never throws, because it is read when something is wrong already. */
export function readString({ buffer }: WebAssembly.Memory, address: number): string {
  const start = address >>> 0;
  if (start < SIZE_FIELD || start % 2 !== 0 || start > buffer.byteLength) return UNREADABLE;
  const view = new DataView(buffer);
  const length = view.getUint32(start - SIZE_FIELD, true) >>> 1;
  if (start + length * 2 > buffer.byteLength) return UNREADABLE;
  const units = new Uint16Array(buffer, start, Math.min(length, TEXT_MAX));
  return String.fromCharCode(...units);
}
