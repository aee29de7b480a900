/** CRC32c as SCTP uses it, RFC 9260 appendix A: eight bytes a step through eight tables. */

/** The polynomial 0x1edc6f41 with its bits reversed. */
const POLYNOMIAL: u32 = 0x82f63b78;
const STEP: u32 = 8;
const TABLE_SIZE: u32 = 256 * 4;
const TABLES = memory.data(8192, 64);
if (STEP * TABLE_SIZE != 8192) ERROR("eight tables of 256 words");

/** Fills the tables; table n is what table 0 becomes n zero bytes later. */
export function init(): void {
  for (let byte: u32 = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? POLYNOMIAL : 0);
    store<u32>(TABLES + byte * 4, crc);
  }
  for (let at = TABLES; at < TABLES + (STEP - 1) * TABLE_SIZE; at += 4) {
    const crc = load<u32>(at);
    store<u32>(at + TABLE_SIZE, (crc >>> 8) ^ entry(0, crc));
  }
}

// @ts-ignore: decorator
@inline
function entry(table: u32, byte: u32): u32 {
  return load<u32>(TABLES + table * TABLE_SIZE + (byte & 0xff) * 4);
}

/** Where a sum over several pieces begins. */
export const BEGIN: u32 = 0xffffffff;

/** The checksum of `length` bytes at `at`. */
export function compute(at: usize, length: u32): u32 {
  return finish(extend(BEGIN, at, length));
}

/** The checksum field for a sum. */
export function finish(crc: u32): u32 {
  return ~crc;
}

/** Takes another piece into a sum. */
export function extend(crc: u32, at: usize, length: u32): u32 {
  const end = at + length;
  for (; at + STEP <= end; at += STEP) crc = step(crc ^ load<u32>(at), load<u32>(at, 4));
  for (; at < end; at++) crc = (crc >>> 8) ^ entry(0, crc ^ load<u8>(at));
  return crc;
}

/** Takes four zero bytes into a sum: a checksum field while it is computed. */
export function extendZero(crc: u32): u32 {
  return entry(3, crc) ^ entry(2, crc >>> 8) ^ entry(1, crc >>> 16) ^ entry(0, crc >>> 24);
}

// @ts-ignore: decorator
@inline
function step(low: u32, high: u32): u32 {
  return (
    entry(7, low) ^
    entry(6, low >>> 8) ^
    entry(5, low >>> 16) ^
    entry(4, low >>> 24) ^
    entry(3, high) ^
    entry(2, high >>> 8) ^
    entry(1, high >>> 16) ^
    entry(0, high >>> 24)
  );
}
