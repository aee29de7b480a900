/* A row of the benchmark as bench/kernel/row.ts writes it. */
#pragma once

#include <stddef.h>

#include "nat.h"

struct work_header {
  /* Packets end with the order; then the tables are emptied and it begins again. */
  u32 finite;
  /* Bytes of every frame. */
  u32 size;
  /* Connections that are open at the beginning. */
  u32 flows;
  /* Connections there is room for. */
  u32 capacity;
  /* Frames of clients, and of endpoints behind them. */
  u32 forward;
  u32 reply;
  /* Packets in the order they are visited in. */
  u32 visits;
  u32 services;
  u32 backends;
  /* Packets to show the translation of. */
  u32 samples;
};

struct work {
  struct work_header header;
  const struct vip *vips;
  const struct service *services;
  const struct backend *backends;
  const u8 *frames;
  /* Indices of frames. */
  const u32 *visits;
  const u8 *samples;
};

/* Reads the standard input. */
struct work read_work(void);

/* The tuple of the frame, which has one. */
struct tuple tuple_of(const u8 *frame);
