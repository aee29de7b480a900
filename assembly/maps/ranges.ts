/**
 * ranges: intervals of addresses, in slices that are ascending and disjoint. Written by the control
 * plane: source ranges of service ports and pod CIDRs.
 */
import { RANGE_FIRST, RANGE_LAST, RANGE_SIZE } from "../../abi/layout";
import { Rows, row } from "./array";

@unmanaged
export class Range {
  private first0: u64;
  private first1: u64;
  private last0: u64;
  private last1: u64;

  isAfter(address0: u64, address1: u64): bool {
    return isLess(address0, address1, this.first0, this.first1);
  }

  isBefore(address0: u64, address1: u64): bool {
    return isLess(this.last0, this.last1, address0, address1);
  }
}
if (offsetof<Range>() != RANGE_SIZE) ERROR("Range drifted from abi/layout");
if (offsetof<Range>("first0") != RANGE_FIRST) ERROR("Range.first drifted");
if (offsetof<Range>("last0") != RANGE_LAST) ERROR("Range.last drifted");

export const ROWS = changetype<Rows>(memory.data(offsetof<Rows>(), 16));

/** Order of addresses as numbers; both halves are in network order. */
function isLess(a0: u64, a1: u64, b0: u64, b1: u64): bool {
  return a0 == b0 ? bswap<u64>(a1) < bswap<u64>(b1) : bswap<u64>(a0) < bswap<u64>(b0);
}

/** Whether one of `length` intervals from row `base` on contains the address. */
export function contains(base: u32, length: u32, address0: u64, address1: u64): bool {
  let low: u32 = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const at = row<Range>(ROWS, base + middle);
    if (at == 0) return false;
    const range = changetype<Range>(at);
    if (range.isAfter(address0, address1)) high = middle;
    else if (range.isBefore(address0, address1)) low = middle + 1;
    else return true;
  }
  return false;
}
