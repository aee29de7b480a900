/**
 * Whether bytes are one MessagePack value without extension types, all of it there, before anybody believes one of the
 * lengths in it: what it then takes to read it is bounded by what there is.
 * https://github.com/msgpack/msgpack/blob/master/spec.md
 */

/** Arrays and maps within each other. */
const DEPTH_MAX = 16;

/** Bytes behind the first of a type that says all by itself; by that first byte. */
const FIXED: Readonly<Record<number, number>> = {
  192: 0, // nil
  194: 0, // false
  195: 0, // true
  202: 4, // float 32
  203: 8, // float 64
  204: 1, // uint 8
  205: 2,
  206: 4,
  207: 8,
  208: 1, // int 8
  209: 2,
  210: 4,
  211: 8,
};
/** Bytes of the length that follows. */
const COUNTED: Readonly<Record<number, { readonly kind: Kind; readonly size: number }>> = {
  196: { kind: "bytes", size: 1 }, // bin 8
  197: { kind: "bytes", size: 2 },
  198: { kind: "bytes", size: 4 },
  217: { kind: "bytes", size: 1 }, // str 8
  218: { kind: "bytes", size: 2 },
  219: { kind: "bytes", size: 4 },
  220: { kind: "array", size: 2 }, // array 16
  221: { kind: "array", size: 4 },
  222: { kind: "map", size: 2 }, // map 16
  223: { kind: "map", size: 4 },
};
type Kind = "bytes" | "array" | "map";

/** What a value begins with: where that ends, and how many bytes or values follow. */
interface Head {
  readonly end: number;
  readonly bytes: number;
  readonly values: number;
}

/** The offset of the first fault, undefined when there is none. */
export function findFault(bytes: Uint8Array): number | undefined {
  /** Values still to come, by depth. */
  const pending = [1];
  let at = 0;
  while (pending.length > 0) {
    if (pending[pending.length - 1] === 0) {
      pending.pop();
      continue;
    }
    (pending[pending.length - 1] as number)--;
    const head = readHead(bytes, at);
    if (head === undefined || head.bytes + head.values > bytes.length - head.end) return at;
    at = head.end + head.bytes;
    if (head.values > 0 && pending.push(head.values) > DEPTH_MAX) return at;
  }
  return at === bytes.length ? undefined : at;
}

function readHead(bytes: Uint8Array, at: number): Head | undefined {
  const first = bytes[at];
  if (first === undefined) return undefined;
  const end = at + 1;
  if (first < 0x80 || first >= 0xe0) return { end, bytes: 0, values: 0 };
  if (first < 0x90) return { end, bytes: 0, values: 2 * (first & 15) };
  if (first < 0xa0) return { end, bytes: 0, values: first & 15 };
  if (first < 0xc0) return { end, bytes: first & 31, values: 0 };
  const fixed = FIXED[first];
  if (fixed !== undefined) return { end, bytes: fixed, values: 0 };
  return readCounted(bytes, end, COUNTED[first]);
}

function readCounted(
  bytes: Uint8Array,
  at: number,
  counted: { readonly kind: Kind; readonly size: number } | undefined,
): Head | undefined {
  if (counted === undefined || at + counted.size > bytes.length) return undefined;
  let count = 0;
  for (let i = 0; i < counted.size; i++) count = count * 256 + (bytes[at + i] as number);
  const end = at + counted.size;
  if (counted.kind === "bytes") return { end, bytes: count, values: 0 };
  return { end, bytes: 0, values: counted.kind === "map" ? 2 * count : count };
}
