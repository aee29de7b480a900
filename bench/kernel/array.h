/*
 * Connections in an array that the program keeps as a hash table itself: what the kernel can do
 * without its own hash maps. Nothing is ever evicted, and only one processor may write: no NAT for
 * real traffic.
 */
#pragma once

#include "nat.h"

/* At most half of the places are taken, so that as many misses in a row do not happen. */
#define PROBES 32

struct place {
  /* Of protocol 0: nobody. */
  struct tuple key;
  struct connection value;
} __attribute__((aligned(64)));

/* Where a tuple is looked for first. */
INLINE u32 home_of(const struct tuple *tuple)
{
  const u64 *words = (const void *)tuple;
  u64 hash = 0;

  for (unsigned long i = 0; i < sizeof *tuple / 8; i++)
    hash = (hash ^ words[i]) * 0x9e3779b97f4a7c15 + (hash >> 32);
  hash ^= hash >> 32;
  return hash * 0xd6e8feb86659fd93 >> 32;
}

/* Number `probe` of the places where it may be: triangular steps leave crowds behind. */
INLINE u32 probe_of(u32 home, int probe, u32 mask)
{
  return (home + probe * (probe + 1) / 2) & mask;
}
