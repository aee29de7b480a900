/** What the host reads in the memory of the runtime of programs. Numbers are little-endian. */

/** Note of a packet: verdict + 1 of the program that has ended its walk, and that program's link; 0 for none. */
export const NOTE_FATE = 0; // u32
export const NOTE_LINK = 4; // u32
export const NOTE_SIZE = 16;

/** Tally of a link, u64 each: packets it was given, tail calls, then packets by VERDICT_ number. */
export const TALLY_PACKETS = 0;
export const TALLY_TAILS = 8;
export const TALLY_VERDICTS = 16;
export const TALLY_SIZE = 64;
/** Links that are counted at a time: 64 to a hook, and as many that are about to go. */
export const TALLIES = 256;

/** Behind the public part of a ring buffer's header: u32, records that found no room. */
export const RINGBUF_LOST = 48;
