/** Where two frames differ, field by field; in options and payload by ranges of bytes. */
import { LINK_ETHERNET } from "../../abi/limits.ts";
import { hex } from "./bytes.ts";
import { type Field, fieldsOf } from "./fields.ts";

/** A field, or a range of its bytes, in which two frames differ. */
export interface Difference {
  /** "tcp.dport", or "payload.bytes[4..8)": bytes 4 to 7 of the field. */
  readonly name: string;
  /** In bytes from the start of the frame that has the field, the expected one if both do. */
  readonly offset: number;
  /** Null where the expected frame has no such field. */
  readonly expected: string | null;
  /** Null where the actual frame has no such field. */
  readonly actual: string | null;
}

/** Most ranges of differing bytes told apart within one field; the last one takes in the rest. */
const RANGES_MAX = 8;
/** Equal bytes between two differing ones that do not begin a new range. */
const GAP = 4;
/** Most bytes of a range shown. */
const SHOWN_MAX = 16;

/** None exactly when the frames are equal. `link` is the LINKTYPE_ number of both. */
export function compare(
  expected: Uint8Array,
  actual: Uint8Array,
  link: number = LINK_ETHERNET,
): Difference[] {
  if (rangesOf(expected, actual).length === 0) return [];
  const left = byName(fieldsOf(expected, link));
  const right = byName(fieldsOf(actual, link));
  const found: Difference[] = [];
  for (const [name, field] of left)
    found.push(...compareField(name, field, right.get(name), expected, actual));
  for (const [name, field] of right) {
    if (!left.has(name))
      found.push({ name, offset: field.offset, expected: null, actual: shown(field) });
  }
  if (found.length > 0) return found;
  return compareBytes("frame", 0, expected, actual);
}

/** One line per difference, in columns. */
export function formatDifferences(differences: readonly Difference[]): string {
  const width = Math.max(0, ...differences.map(({ name }) => name.length));
  const lines = differences.map(
    ({ name, expected, actual }) =>
      `${name.padEnd(width)}  expected ${expected ?? "(absent)"}, actual ${actual ?? "(absent)"}`,
  );
  return lines.join("\n");
}

/** Names may come twice (payload within a quote): the later ones are counted. */
function byName(fields: readonly Field[]): Map<string, Field> {
  const map = new Map<string, Field>();
  for (const field of fields) {
    const name = `${field.layer}.${field.field}`;
    let unique = name;
    for (let count = 2; map.has(unique); count++) unique = `${name}[${count}]`;
    map.set(unique, field);
  }
  return map;
}

function compareField(
  name: string,
  field: Field,
  other: Field | undefined,
  expected: Uint8Array,
  actual: Uint8Array,
): Difference[] {
  if (!other) return [{ name, offset: field.offset, expected: shown(field), actual: null }];
  if (field.value === other.value) return [];
  if (!field.raw || !other.raw) {
    return [{ name, offset: field.offset, expected: field.value, actual: other.value }];
  }
  return compareBytes(name, field.offset, bytesOf(field, expected), bytesOf(other, actual));
}

function bytesOf(field: Field, frame: Uint8Array): Uint8Array {
  return frame.subarray(field.offset, field.offset + field.length);
}

function compareBytes(
  name: string,
  offset: number,
  expected: Uint8Array,
  actual: Uint8Array,
): Difference[] {
  return rangesOf(expected, actual).map(([start, end]) => ({
    name: `${name}[${start}..${end})`,
    offset: offset + start,
    expected: shownBytes(expected.subarray(start, end)),
    actual: shownBytes(actual.subarray(start, end)),
  }));
}

/** The ranges in which two byte strings differ; the longer one's tail differs whole. */
function rangesOf(expected: Uint8Array, actual: Uint8Array): [number, number][] {
  const ranges: [number, number][] = [];
  const length = Math.max(expected.length, actual.length);
  for (let at = 0; at < length; at++) {
    if (expected[at] === actual[at]) continue;
    const last = ranges.at(-1);
    if (last && (at - last[1] < GAP || ranges.length === RANGES_MAX)) last[1] = at + 1;
    else ranges.push([at, at + 1]);
  }
  return ranges;
}

function shownBytes(bytes: Uint8Array): string | null {
  if (bytes.length === 0) return null;
  const text = hex(bytes.subarray(0, SHOWN_MAX));
  return bytes.length > SHOWN_MAX ? `${text}... (${bytes.length} bytes)` : text;
}

function shown(field: Field): string {
  if (!field.raw || field.length <= SHOWN_MAX) return field.value;
  return `${field.value.slice(0, 2 * SHOWN_MAX)}... (${field.length} bytes)`;
}
