/** Keys and values of tests. */

export function padTo8(size: number): number {
  return Math.ceil(size / 8) * 8;
}

/** A key or value of so many bytes that tells its number apart, in its first and in its last byte. */
export function numbered(number: number, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size && at < 4; at++) {
    const byte = (number >>> (at * 8)) & 0xff;
    bytes[at] = byte;
    if (size > 4) bytes[size - 1 - at] = byte;
  }
  return bytes;
}

export function u32(number: number): Uint8Array {
  return numbered(number, 4);
}

/** A key of an lpm_trie. */
export function prefix(bits: number, ...data: number[]): Uint8Array {
  return new Uint8Array([...u32(bits), ...data]);
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
