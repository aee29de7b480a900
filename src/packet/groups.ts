/** IPv6 addresses as eight groups of 16 bits <-> text: RFC 4291 section 2.2 and RFC 5952 section 4. */

const LENGTH = 8;
const DIGITS_MAX = 4;
const COLON = 0x3a;
const NO_DIGIT = -1;

/** Null for anything but groups and colons; a dotted tail is none. */
export function parseGroups(text: string): readonly number[] | null {
  const gap = text.indexOf("::");
  const groups: number[] = [];
  if (gap < 0)
    return readGroups(text, 0, text.length, groups) && groups.length === LENGTH ? groups : null;
  if (!readGroups(text, 0, gap, groups)) return null;
  const head = groups.length;
  const isRead = readGroups(text, gap + 2, text.length, groups);
  return isRead && groups.length < LENGTH ? spread(groups, head) : null;
}

/** Groups with zeros behind the first `head`. */
function spread(groups: readonly number[], head: number): number[] {
  const zeros = LENGTH - groups.length;
  const all: number[] = [];
  for (let at = 0; at < LENGTH; at++) {
    const group = at < head ? groups[at] : groups[at - zeros];
    all.push(at >= head && at < head + zeros ? 0 : (group as number));
  }
  return all;
}

/** Adds those of a part of the text such as "1:2:3", none of an empty one; false when it is no such thing. */
function readGroups(text: string, from: number, to: number, groups: number[]): boolean {
  if (from === to) return true;
  let [group, digits] = [0, 0];
  for (let at = from; at < to; at++) {
    const code = text.charCodeAt(at);
    const digit = digitOf(code);
    if (digit === NO_DIGIT ? code !== COLON || digits === 0 : digits === DIGITS_MAX) return false;
    if (digit === NO_DIGIT) groups.push(group);
    [group, digits] = digit === NO_DIGIT ? [0, 0] : [group * 16 + digit, digits + 1];
  }
  groups.push(group);
  return digits > 0;
}

function digitOf(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const small = code | 0x20;
  return small >= 0x61 && small <= 0x66 ? small - 0x61 + 10 : NO_DIGIT;
}

/** The longest run of zeros is shortened, the first of two that are equal, and never a single zero. */
export function formatGroups(groups: readonly number[]): string {
  let [start, length] = [0, 1];
  for (let at = 0; at < LENGTH; at++) {
    let end = at;
    while (groups[end] === 0) end += 1;
    if (end - at > length) [start, length] = [at, end - at];
  }
  if (length === 1) return textOf(groups, 0, LENGTH);
  return `${textOf(groups, 0, start)}::${textOf(groups, start + length, LENGTH)}`;
}

function textOf(groups: readonly number[], from: number, to: number): string {
  let text = "";
  for (let at = from; at < to; at++)
    text += (at === from ? "" : ":") + (groups[at] as number).toString(16);
  return text;
}
