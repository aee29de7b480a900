/**
 * Arithmetic of 32-bit sequence numbers, RFC 9293 section 3.4: they run in a circle, so that a
 * number comes before the half circle that follows it.
 */

export function plus(number: number, steps: number): number {
  return (number + steps) >>> 0;
}

/** How far it is from `from` on to `to`. */
export function distance(from: number, to: number): number {
  return (to - from) >>> 0;
}

export function isBefore(a: number, b: number): boolean {
  return ((a - b) | 0) < 0;
}

export function isAfter(a: number, b: number): boolean {
  return isBefore(b, a);
}
