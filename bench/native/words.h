/* Words of memory at any address, in the order of the machine and of the network. */
#ifndef WORDS_H
#define WORDS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "sums, keys and records are those of a little-endian machine, as WebAssembly is one"
#endif

/* The packet path is one function in the end, specialised by family and mode. */
#define INLINE static inline __attribute__((always_inline))
/* Stages are functions of their own: each has all registers then, 10 % less at 1,024 flows. */
#define NOINLINE static __attribute__((noinline))
#define LINE 64

#define LIKELY(condition) __builtin_expect(!!(condition), 1)
#define UNLIKELY(condition) __builtin_expect(!!(condition), 0)

INLINE uint16_t load16(const void *at) {
  uint16_t word;
  memcpy(&word, at, sizeof word);
  return word;
}

INLINE uint32_t load32(const void *at) {
  uint32_t word;
  memcpy(&word, at, sizeof word);
  return word;
}

INLINE uint64_t load64(const void *at) {
  uint64_t word;
  memcpy(&word, at, sizeof word);
  return word;
}

INLINE void store16(void *at, uint32_t word) {
  const uint16_t low = (uint16_t)word;
  memcpy(at, &low, sizeof low);
}

INLINE void store32(void *at, uint32_t word) {
  memcpy(at, &word, sizeof word);
}

INLINE void store64(void *at, uint64_t word) {
  memcpy(at, &word, sizeof word);
}

INLINE uint32_t swap16(uint32_t word) {
  return __builtin_bswap16((uint16_t)word);
}

INLINE uint32_t swap32(uint32_t word) {
  return __builtin_bswap32(word);
}

INLINE uint64_t swap64(uint64_t word) {
  return __builtin_bswap64(word);
}

/* Numbers as they stand in a packet. */
INLINE uint32_t net16(const void *at) {
  return swap16(load16(at));
}

INLINE uint32_t net32(const void *at) {
  return swap32(load32(at));
}

INLINE uint32_t rotate32(uint32_t word, uint32_t bits) {
  return word << bits | word >> (32 - bits);
}

INLINE uint64_t rotate64(uint64_t word, uint32_t bits) {
  return word << bits | word >> (64 - bits);
}

INLINE uint32_t max32(uint32_t a, uint32_t b) {
  return a > b ? a : b;
}

INLINE uint32_t min32(uint32_t a, uint32_t b) {
  return a < b ? a : b;
}

#endif
