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
  /** Offsets of the elements of each list that was walked through, by the offset of the list. */
  const lists = new Map<number, number[]>();
  return (path) => {
    let at = skipBlanks(text, 0);
    for (const step of path) {
      const next = typeof step === "number" ? elementAt(text, at, step, lists) : memberAt(text, at, step);
      if (next === undefined) return at;
      at = next;
    }
    return at;
  };
}

function elementAt(text: string, at: number, index: number, lists: Map<number, number[]>): number | undefined {
  if (text.charCodeAt(at) !== OPEN_LIST) return undefined;
  const known = lists.get(at) ?? elementOffsets(text, at);
  lists.set(at, known);
  return known[index];
}

function elementOffsets(text: string, list: number): number[] {
  const offsets: number[] = [];
  let at = skipBlanks(text, list + 1);
  while (at < text.length && text.charCodeAt(at) !== CLOSE_LIST) {
    offsets.push(at);
    at = skipComma(text, skipValue(text, at));
  }
  return offsets;
}

/** JSON.parse lets the last of equal names win, and so does this. */
function memberAt(text: string, object: number, name: string): number | undefined {
  if (text.charCodeAt(object) !== OPEN_OBJECT) return undefined;
  let found: number | undefined;
  let at = skipBlanks(text, object + 1);
  while (at < text.length && text.charCodeAt(at) !== CLOSE_OBJECT) {
    const end = skipString(text, at);
    const value = skipBlanks(text, skipBlanks(text, end) + 1);
    if (nameIs(text.slice(at, end), name)) found = value;
    at = skipComma(text, skipValue(text, value));
  }
  return found;
}

function nameIs(literal: string, name: string): boolean {
  return literal.includes("\\") ? JSON.parse(literal) === name : literal.slice(1, -1) === name;
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
