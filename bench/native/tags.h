/* Sixteen tags compared at once. */
#ifndef TAGS_H
#define TAGS_H

#include "words.h"

#if defined __SSE2__
#include <emmintrin.h>

/* A bit for each of the 16 bytes at `at` that is `tag`. */
INLINE uint32_t tags_equal(const uint8_t *at, uint8_t tag) {
  const __m128i tags = _mm_load_si128((const __m128i *)at);
  return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(tags, _mm_set1_epi8((char)tag)));
}

#elif defined __ARM_NEON
#include <arm_neon.h>

INLINE uint32_t tags_equal(const uint8_t *at, uint8_t tag) {
  static const uint8_t BITS[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
  const uint8x16_t equal = vceqq_u8(vld1q_u8(at), vdupq_n_u8(tag));
  const uint8x16_t bits = vandq_u8(equal, vld1q_u8(BITS));
  return vaddv_u8(vget_low_u8(bits)) | (uint32_t)vaddv_u8(vget_high_u8(bits)) << 8;
}

#else

INLINE uint32_t tags_equal(const uint8_t *at, uint8_t tag) {
  uint32_t bits = 0;
  for (uint32_t i = 0; i < 16; i++) bits |= (uint32_t)(at[i] == tag) << i;
  return bits;
}

#endif

#endif
