/** Array maps: rows found by number. */

@unmanaged
export class Rows {
  base: usize;
  length: u32;
}

/** The address of row `index`, 0 when there is no such row. */
// @ts-ignore: decorator
@inline
export function row<E>(rows: Rows, index: u32): usize {
  return index < rows.length ? rows.base + index * offsetof<E>() : 0;
}
