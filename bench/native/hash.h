/* The keyed hash of the tables, and the generator of random choices: both started by the seed. */
#ifndef HASH_H
#define HASH_H

#include "words.h"

#define MULTIPLIER0 0x9e3779b97f4a7c15
#define MULTIPLIER1 0xc2b2ae3d27d4eb4f

static uint64_t hash_key0;
static uint64_t hash_key1;
static uint32_t random_state;

/* The finaliser of SplitMix64. */
static uint64_t splitmix(uint64_t state) {
  state = (state ^ state >> 30) * 0xbf58476d1ce4e5b9;
  state = (state ^ state >> 27) * 0x94d049bb133111eb;
  return state ^ state >> 31;
}

/* The finaliser of MurmurHash3. */
static uint32_t finalise(uint32_t state) {
  state = (state ^ state >> 16) * 0x85ebca6b;
  state = (state ^ state >> 13) * 0xc2b2ae35;
  return state ^ state >> 16;
}

static void seed_hash(uint32_t seed) {
  hash_key0 = splitmix(((uint64_t)seed + 1) * MULTIPLIER0);
  hash_key1 = splitmix(hash_key0 + MULTIPLIER0);
}

static void seed_random(uint32_t seed) {
  const uint32_t mixed = finalise(seed ^ 0x9e3779b9);
  random_state = mixed == 0 ? 0x6d2b79f5 : mixed;
}

/* The state that follows: xorshift32, Marsaglia 2003. */
INLINE uint32_t random_after(uint32_t state) {
  state ^= state << 13;
  state ^= state >> 17;
  return state ^ state << 5;
}

/* A number of 32 bits as a share of `bound`. */
INLINE uint32_t scaled(uint32_t number, uint32_t bound) {
  return (uint32_t)((uint64_t)number * bound >> 32);
}

/* A number below `bound`. */
INLINE uint32_t random_below(uint32_t bound) {
  random_state = random_after(random_state);
  return scaled(random_state, bound);
}

INLINE uint64_t hash_word(uint64_t state, uint64_t value) {
  state = (state ^ value) * MULTIPLIER0;
  return state ^ state >> 32;
}

INLINE uint32_t hash_last(uint64_t state, uint64_t tail) {
  return (uint32_t)((state ^ tail ^ hash_key1) * MULTIPLIER1 >> 32);
}

/* Of an IPv4 key: both addresses, and ports with protocol. */
INLINE uint32_t hash4(uint64_t addresses, uint64_t tail) {
  return hash_last(hash_word(hash_key0, addresses), tail);
}

/* Of an IPv6 key: 32 bytes of addresses, and ports with protocol. */
INLINE uint32_t hash6(const uint8_t *addresses, uint64_t tail) {
  uint64_t state = hash_word(hash_key0, load64(addresses));
  state = hash_word(state, load64(addresses + 8));
  state = hash_word(state, load64(addresses + 16));
  state = hash_word(state, load64(addresses + 24));
  return hash_last(state, tail);
}

/* The home of a hash among `count` buckets, and its tag: its lowest byte, 0 being taken. */
INLINE uint32_t home_of(uint32_t hash, uint32_t count) {
  return scaled(hash, count);
}

INLINE uint8_t tag_of(uint32_t hash) {
  const uint8_t tag = (uint8_t)hash;
  return (uint8_t)(tag + (tag == 0));
}

#endif
