/** Medians and spreads. */

export interface Timing {
  readonly p10: number;
  readonly median: number;
  readonly p90: number;
}

/** Of any number of samples but none. */
export function timing(samples: readonly number[]): Timing {
  const ascending = samples.toSorted((a, b) => a - b);
  return { p10: at(ascending, 0.1), median: at(ascending, 0.5), p90: at(ascending, 0.9) };
}

export function median(samples: readonly number[]): number {
  return timing(samples).median;
}

function at(ascending: readonly number[], share: number): number {
  const place = (ascending.length - 1) * share;
  const low = ascending[Math.floor(place)] as number;
  const high = ascending[Math.ceil(place)] as number;
  return low + (high - low) * (place % 1);
}

/** From p10 to p90 in proportion to the median: how little a median is worth. */
export function spread({ p10, median, p90 }: Timing): number {
  return (p90 - p10) / median;
}
