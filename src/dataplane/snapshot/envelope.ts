/**
 * The outside of a snapshot, which tells whether the inside is whole. A MessagePack map of four, always in this order:
 *
 *   format   "waxdp-snapshot"
 *   version  1
 *   crc32c   four bytes, big-endian: CRC-32C (RFC 9260 appendix A) of the body's bytes
 *   body     bytes (bin 32), MessagePack once more: what snapshot.ts describes
 *
 * Nothing may stand otherwise or behind it, so that no byte can change unnoticed.
 */
import { Packr, Unpackr } from "msgpackr";
import { concat, viewOf } from "../../packet/bytes.ts";
import { crc32c } from "../../packet/checksum.ts";
import { badSnapshot } from "./damage.ts";
import { findFault } from "./scan.ts";

const FORMAT = "waxdp-snapshot";
export const SNAPSHOT_VERSION = 1;

/** Plain maps with text keys, no extension types. */
const packr = new Packr({ useRecords: false, variableMapSize: true });
const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: true });

const BIN32 = 0xc6;
const CRC_SIZE = 4;
const LENGTH_SIZE = 4;

/** Up to the version, from there to the checksum, and from there to the body's length. */
const OPENING = bytesBefore({ format: FORMAT, version: SNAPSHOT_VERSION }, 1, 4);
const MIDDLE = bytesBefore({ crc32c: new Uint8Array(CRC_SIZE) }, CRC_SIZE);
const CLOSING = Uint8Array.of(...bytesBefore({ body: 0 }, 1), BIN32);
export const OPENING_SIZE = OPENING.length;
const VERSION_AT = OPENING_SIZE;
const CRC_AT = VERSION_AT + 1 + MIDDLE.length;
const LENGTH_AT = CRC_AT + CRC_SIZE + CLOSING.length;
const BODY_AT = LENGTH_AT + LENGTH_SIZE;

/** What stands in a map of `entries` before its last `size` bytes; the first byte only when `entries` is said. */
function bytesBefore(map: object, size: number, entries?: number): Uint8Array {
  const packed = Uint8Array.from(packr.pack(map));
  if (entries === undefined) return packed.slice(1, -size);
  packed[0] = 0x80 | entries;
  return packed.slice(0, -size);
}

export function seal(content: object): Uint8Array {
  return sealBody(packr.pack(content));
}

export function sealBody(body: Uint8Array): Uint8Array {
  const [crc, length] = [new Uint8Array(CRC_SIZE), new Uint8Array(LENGTH_SIZE)];
  viewOf(crc).setUint32(0, crc32c(body));
  viewOf(length).setUint32(0, body.length);
  const version = Uint8Array.of(SNAPSHOT_VERSION);
  return concat([OPENING, version, MIDDLE, crc, CLOSING, length, body]);
}

/** What was sealed. Throws DataplaneError "bad-snapshot". */
export function open(bytes: Uint8Array): unknown {
  if (!(bytes instanceof Uint8Array)) throw badSnapshot("a snapshot is a Uint8Array");
  checkFormat(bytes);
  const body = bytes.subarray(BODY_AT);
  if (viewOf(bytes).getUint32(LENGTH_AT) !== body.length)
    throw badSnapshot(`the snapshot is cut, or something stands behind it`);
  if (viewOf(bytes).getUint32(CRC_AT) !== crc32c(body))
    throw badSnapshot("the snapshot is damaged: its checksum is another");
  const fault = findFault(body);
  if (fault !== undefined)
    throw badSnapshot(`the snapshot is damaged: no MessagePack at byte ${BODY_AT + fault}`);
  return unpackr.unpack(body);
}

/** Whether they begin as one, by as many as `OPENING_SIZE`. */
export function isSnapshot(bytes: Uint8Array): boolean {
  return stands(bytes, 0, OPENING);
}

function checkFormat(bytes: Uint8Array): void {
  if (!isSnapshot(bytes)) throw badSnapshot("the bytes are no snapshot of waxdp");
  const version = bytes[VERSION_AT];
  if (version !== undefined && version !== SNAPSHOT_VERSION)
    throw badSnapshot(`the snapshot has version ${version}, this waxdp reads ${SNAPSHOT_VERSION}`);
  if (bytes.length < BODY_AT) throw badSnapshot("the snapshot is cut within its first bytes");
  const isWhole =
    stands(bytes, VERSION_AT + 1, MIDDLE) && stands(bytes, CRC_AT + CRC_SIZE, CLOSING);
  if (!isWhole) throw badSnapshot("the snapshot is damaged in its first bytes");
}

function stands(bytes: Uint8Array, at: number, expected: Uint8Array): boolean {
  return expected.every((byte, index) => bytes[at + index] === byte);
}
