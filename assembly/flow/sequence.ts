/**
 * Order of 32-bit sequence numbers, RFC 9293 section 3.4: they run in a circle, so that a number
 * comes before the half circle that follows it.
 */

// @ts-ignore: decorator
@inline
export function isBefore(a: u32, b: u32): bool {
  return <i32>(a - b) < 0;
}

// @ts-ignore: decorator
@inline
export function isAfter(a: u32, b: u32): bool {
  return isBefore(b, a);
}
