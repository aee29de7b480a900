/** The time that programs are told, one for a whole call. */

/** Nanoseconds since the first packet's. */
let nanoseconds: i64 = 0;

/** Never runs backwards. */
export function setTime(to: f64): void {
  nanoseconds = max<i64>(nanoseconds, <i64>to);
}

export function time(): i64 {
  return nanoseconds;
}
