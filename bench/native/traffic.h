/* What backends have seen, and counters by outcome. */
#ifndef TRAFFIC_H
#define TRAFFIC_H

#include "memory.h"

typedef struct {
  uint64_t connections;
  /* What went to the backend, and what came back. */
  struct {
    uint64_t packets;
    uint64_t bytes;
  } ways[2];
  uint64_t spare[3];
} Traffic;
_Static_assert(sizeof(Traffic) == LINE, "a row is a line");

/* By number of the backend. */
static Traffic *traffic;

INLINE void count_traffic(uint32_t backend, uint32_t direction, uint32_t bytes) {
  Traffic *row = &traffic[backend];
  row->ways[direction].packets++;
  row->ways[direction].bytes += bytes;
}

/* Verdict, action, reason and conntrack are bytes of an outcome; each has a row of counters. */
static struct {
  uint64_t outcomes[4][16];
  uint64_t bytes;
  uint64_t created;
  uint64_t expired;
} counters;

INLINE void count_outcome(uint32_t outcome, uint64_t packets) {
  for (uint32_t row = 0; row < 4; row++) counters.outcomes[row][outcome >> 8 * row & 15] += packets;
}

#endif
