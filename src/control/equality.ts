/** When two pieces of plain data are the same. */

/** The same names with the same values, all the way down. */
export function sameData(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  const names = Object.keys(a);
  if (names.length !== Object.keys(b).length) return false;
  return names.every((name) => sameData(a[name as keyof typeof a], b[name as keyof typeof b]));
}
