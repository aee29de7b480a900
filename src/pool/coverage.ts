/** Which bytes of a datagram have come, in the units of eight that fragment offsets count (RFC 791 section 3.2). */
export interface Coverage {
  /** Disjoint, in no order; ends are excluded. */
  readonly spans: Span[];
  units: number;
  /** Bytes of the datagram, 0 before its last fragment has come. */
  end: number;
}

interface Span {
  readonly from: number;
  readonly to: number;
}

/** Bytes that a fragment brings, and whether more follow. */
export interface Extent {
  readonly from: number;
  readonly to: number;
  readonly more: boolean;
}

export function createCoverage(): Coverage {
  return { spans: [], units: 0, end: 0 };
}

/**
 * Marks what a fragment brings. It is none of it new in a duplicate; an overlap contradicts what was there, which
 * ruins its datagram (RFC 5722 section 3), and is not marked.
 */
export function mark(
  coverage: Coverage,
  { from, to, more }: Extent,
): "new" | "duplicate" | "overlap" {
  const span = { from: from >>> 3, to: unitsOf(to) };
  const known = coverage.spans.reduce((sum, each) => sum + common(each, span), 0);
  if (known === span.to - span.from) return "duplicate";
  if (known > 0 || !agrees(coverage, to, more)) return "overlap";
  coverage.spans.push(span);
  coverage.units += span.to - span.from;
  if (!more) coverage.end = to;
  return "new";
}

export function isComplete({ units, end }: Coverage): boolean {
  return end > 0 && units === unitsOf(end);
}

function agrees({ spans, end }: Coverage, to: number, more: boolean): boolean {
  if (end > 0) return more && to <= end;
  return more || spans.every((each) => each.to <= unitsOf(to));
}

function common(a: Span, b: Span): number {
  return Math.max(0, Math.min(a.to, b.to) - Math.max(a.from, b.from));
}

function unitsOf(bytes: number): number {
  return (bytes + 7) >>> 3;
}
