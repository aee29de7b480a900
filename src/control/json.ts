/**
 * Places of fields in a JSON text that JSON.parse has accepted. JSON.parse is many times faster than a parser
 * that keeps positions, so the text is scanned again, and only around what is asked for.
 */
import type { Path } from "./problem.ts";

const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_LIST = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** A function from paths to offsets; where the text lacks a field, the nearest one around it. */
export function createFinder(text: string): (path: Path) => number {
  /** What was walked through once is not scanned again: offsets of parts, by the offset of the whole. */
  const known = new Map<number, Parts>();
  const partsAt = (at: number): Parts => {
    const parts = known.get(at) ?? partsOf(text, at);
    known.set(at, parts);
    return parts;
  };
  return (path) => {
    let at = skipBlanks(text, 0);
    for (const step of path) {
      const next = partsAt(at).get(step);
      if (next === undefined) return at;
      at = next;
    }
    return at;
  };
}

/** Offsets of the values in a list or an object. */
type Parts = ReadonlyMap<string | number, number>;

function partsOf(text: string, at: number): Parts {
  const code = text.charCodeAt(at);
  if (code === OPEN_LIST) return elementsOf(text, at);
  return code === OPEN_OBJECT ? membersOf(text, at) : new Map();
}

function elementsOf(text: string, list: number): Parts {
  const offsets = new Map<number, number>();
  let at = skipBlanks(text, list + 1);
  while (at < text.length && text.charCodeAt(at) !== CLOSE_LIST) {
    offsets.set(offsets.size, at);
    at = skipComma(text, skipValue(text, at));
  }
  return offsets;
}

/** JSON.parse lets the last of equal names win, and so does this. */
function membersOf(text: string, object: number): Parts {
  const offsets = new Map<string, number>();
  let at = skipBlanks(text, object + 1);
  while (at < text.length && text.charCodeAt(at) !== CLOSE_OBJECT) {
    const end = skipString(text, at);
    const value = skipBlanks(text, skipBlanks(text, end) + 1);
    offsets.set(JSON.parse(text.slice(at, end)), value);
    at = skipComma(text, skipValue(text, value));
  }
  return offsets;
}

function skipComma(text: string, at: number): number {
  const next = skipBlanks(text, at);
  return text.charCodeAt(next) === COMMA ? skipBlanks(text, next + 1) : next;
}

function skipBlanks(text: string, at: number): number {
  let next = at;
  while (next < text.length && text.charCodeAt(next) <= 0x20) next += 1;
  return next;
}

/** Behind the value at `at`. Counts brackets instead of recursing, so depth costs no stack. */
function skipValue(text: string, at: number): number {
  let depth = 0;
  let next = at;
  do {
    const code = text.charCodeAt(next);
    if (code === QUOTE) next = skipString(text, next);
    else {
      if (code === OPEN_LIST || code === OPEN_OBJECT) depth += 1;
      if (code === CLOSE_LIST || code === CLOSE_OBJECT) depth -= 1;
      next += 1;
    }
  } while (next < text.length && (depth > 0 || !endsScalar(text.charCodeAt(next))));
  return next;
}

function endsScalar(code: number): boolean {
  return code <= 0x20 || code === COMMA || code === CLOSE_LIST || code === CLOSE_OBJECT;
}

function skipString(text: string, at: number): number {
  let end = text.indexOf('"', at + 1);
  while (end >= 0 && isEscaped(text, end)) end = text.indexOf('"', end + 1);
  return end < 0 ? text.length : end + 1;
}

function isEscaped(text: string, at: number): boolean {
  let slashes = 0;
  while (text.charCodeAt(at - 1 - slashes) === BACKSLASH) slashes += 1;
  return slashes % 2 === 1;
}
