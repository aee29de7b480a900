/* The Internet checksum, RFC 1071, and its update, RFC 1624 equation 3. */
#ifndef CHECKSUM_H
#define CHECKSUM_H

#include "words.h"

/* What is summed at a time: at the end and of short runs, and of long ones. */
typedef uint64_t Lanes __attribute__((vector_size(16)));
typedef uint64_t Wide __attribute__((vector_size(32)));

INLINE Lanes lanes_at(const uint8_t *at) {
  Lanes lanes;
  memcpy(&lanes, at, sizeof lanes);
  return lanes;
}

INLINE Wide wide_at(const uint8_t *at) {
  Wide wide;
  memcpy(&wide, at, sizeof wide);
  return wide;
}

/* The last `rest` bytes of 16 where they stand, and zeros in front of them. */
INLINE Lanes lanes_before(const uint8_t *end, uint32_t rest) {
  static const uint8_t MASKS[32] = {
      0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,
      0,    0,    0,    0,    0,    0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
  };
  return lanes_at(end - sizeof(Lanes)) & lanes_at(MASKS + rest);
}

/*
 * One's complement sum of `length` bytes, not folded: 2^32 and 2^16 count as 1. Words are added as
 * numbers of 64 bits that wrap, their upper halves once more by themselves; the difference is what
 * the lower halves sum up to. What is left at the end is read with the bytes in front of it, of
 * which there must be 16; in a run of odd length it is words the other way round (RFC 1071 section
 * 2 B).
 */
INLINE uint64_t sum(const uint8_t *at, uint32_t length) {
  const uint8_t *end = at + length;
  Lanes whole = lanes_before(end, length % sizeof(Lanes));
  if (UNLIKELY(length % 2)) whole = whole << 8 | whole >> 56;
  Lanes upper = whole >> 32;
  if (UNLIKELY(length >= 2 * sizeof(Wide))) {
    Wide wide = {0};
    Wide wide_upper = {0};
    for (; end - at >= (int32_t)(2 * sizeof(Wide)); at += 2 * sizeof(Wide)) {
      const Wide a = wide_at(at);
      const Wide b = wide_at(at + sizeof(Wide));
      wide += a + b;
      wide_upper += (a >> 32) + (b >> 32);
    }
    whole += (Lanes){wide[0] + wide[2], wide[1] + wide[3]};
    upper += (Lanes){wide_upper[0] + wide_upper[2], wide_upper[1] + wide_upper[3]};
  }
  for (; end - at >= (int32_t)sizeof(Lanes); at += sizeof(Lanes)) {
    const Lanes lanes = lanes_at(at);
    whole += lanes;
    upper += lanes >> 32;
  }
  const Lanes sums = whole - (upper << 32) + upper;
  return sums[0] + sums[1];
}

/*
 * Whether what was summed, its checksum with it, is whole: a multiple of 0xffff and not 0. The
 * product with the inverse of 0xffff is the quotient then, and larger for every other number.
 */
INLINE bool is_whole(uint64_t total) {
  return total * 0xfffefffefffeffff - 1 < 0x0001000100010001;
}

/* Folds a sum to 16 bits. */
INLINE uint32_t fold(uint64_t total) {
  total = (total & 0xffffffff) + (total >> 32);
  total = (total & 0xffff) + (total >> 16);
  total = (total & 0xffff) + (total >> 16);
  return (uint32_t)((total & 0xffff) + (total >> 16));
}

/* What a change of one 32-bit word adds to a sum. */
INLINE uint64_t change32(uint32_t before, uint32_t after) {
  return (uint64_t)(uint32_t)~before + after;
}

/* Folds changes to a delta to be kept; 0xffff, the other zero, is kept as the one that is none. */
INLINE uint16_t delta_of(uint64_t changes) {
  const uint32_t folded = fold(changes);
  return folded == 0xffff ? 0 : (uint16_t)folded;
}

/* The checksum after a delta. */
INLINE uint32_t updated(uint32_t check, uint32_t delta) {
  const uint32_t total = (check ^ 0xffff) + delta;
  return ((total & 0xffff) + (total >> 16)) ^ 0xffff;
}

#endif
