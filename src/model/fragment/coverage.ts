/** Which bytes of a datagram have come, in the units of eight that fragment offsets count. */
const UNIT = 8;

export interface Coverage {
  readonly units: ReadonlySet<number>;
  /** Bytes of the datagram; undefined before its last fragment has come. */
  readonly end: number | undefined;
}

export const NOTHING: Coverage = { units: new Set(), end: undefined };

/**
 * The coverage with the bytes from `from` to `to`, after which there is nothing when they are the
 * `last`. A duplicate brings nothing new; an overlap contradicts what was there (RFC 5722, RFC 8200
 * section 4.5).
 */
export function cover(
  { units, end }: Coverage,
  from: number,
  to: number,
  last: boolean,
): Coverage | "duplicate" | "overlap" {
  const coming = unitsOf(from, to);
  const known = coming.filter((unit) => units.has(unit));
  if (known.length === coming.length) return "duplicate";
  const newEnd = last ? to : end;
  const contradicts = end !== undefined && (to > end || newEnd !== end);
  if (known.length > 0 || contradicts) return "overlap";
  const all = new Set([...units, ...coming]);
  const exceeds = newEnd !== undefined && [...all].some((unit) => unit * UNIT >= newEnd);
  return exceeds ? "overlap" : { units: all, end: newEnd };
}

export function isCovered({ units }: Coverage, from: number, to: number): boolean {
  return unitsOf(from, to).every((unit) => units.has(unit));
}

export function isComplete(coverage: Coverage): boolean {
  return coverage.end !== undefined && isCovered(coverage, 0, coverage.end);
}

function unitsOf(from: number, to: number): number[] {
  const first = Math.floor(from / UNIT);
  return Array.from({ length: Math.ceil(to / UNIT) - first }, (_, index) => first + index);
}
