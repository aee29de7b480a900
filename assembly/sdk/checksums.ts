/** The Internet checksum, RFC 1071 and RFC 1624. Sums are of words as they stand in the packet. */
import { change, delta, finish, sum, update } from "../wire/checksum";
import { Ipv4Header } from "./headers";
import * as helpers from "./helpers";

/** The checksum of bytes, in which the field for it is 0. At least 16 bytes in front of them are in memory. */
export function checksum(at: usize, length: u32): u16 {
  return finish(sum(at, length));
}

/** The checksum after a word of what it is over has become another. */
export function replace(check: u16, before: u32, after: u32): u16 {
  return <u16>update(check, delta(change(before, after)));
}

/** Writes the checksum of the header. */
export function updateChecksum(ip: Ipv4Header): void {
  ip.check = 0;
  ip.check = checksum(changetype<usize>(ip), ip.headerLength);
}

/** bpf_csum_diff: what the change of some bytes adds to a sum, folded to 16 bits; sizes may be any. */
export function csumDiff(from: usize, fromSize: u32, to: usize, toSize: u32, seed: u32): i32 {
  return helpers.csumDiff(from, fromSize, to, toSize, seed);
}
