/** Keys and values of maps as bytes in memory: a record stands there already, a number is put there. */

/** Room for a number each: of a key, and of a value. */
export const KEY = memory.data(16, 16);
export const VALUE = memory.data(16, 16);

/** Bytes of a record or a number. */
// @ts-ignore: decorator
@inline
export function sizeOf<T>(): u32 {
  if (isReference<T>()) return offsetof<T>();
  return sizeof<T>();
}

/** Where its bytes stand; a number is stored at `room` for that. */
// @ts-ignore: decorator
@inline
export function addressOf<T>(value: T, room: usize): usize {
  if (isReference<T>()) return changetype<usize>(value);
  store<T>(room, value);
  return room;
}

/** A record of the program's own, zero at first, one for each place that asks for it. There is no heap. */
// @ts-ignore: decorator
@inline
export function record<T>(): T {
  return changetype<T>(memory.data(offsetof<T>(), 8));
}
