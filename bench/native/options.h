/* TCP options, RFC 9293 section 3.1: what connection tracking wants to know of them. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "track.h"

enum {
  OPTION_END = 0,
  OPTION_PADDING = 1,
  OPTION_SCALE = 3,
  OPTION_SACK_PERMITTED = 4,
  OPTION_SACK = 5,
};
/* The largest shift, RFC 7323 section 2.3. */
enum { SCALE_MAX = 14 };

typedef struct {
  bool present;
  bool has_scale;
  uint8_t scale;
  bool permits_sack;
  /* There is a selective acknowledgement. */
  bool acknowledges;
} Options;

static inline void read_option(Options *options, const uint8_t *option, uint32_t size) {
  if (option[0] == OPTION_SCALE && size == 3) {
    options->has_scale = true;
    options->scale = (uint8_t)min32(option[2], SCALE_MAX);
  }
  if (option[0] == OPTION_SACK_PERMITTED && size == 2) options->permits_sack = true;
  if (option[0] == OPTION_SACK) options->acknowledges = true;
}

static inline Options read_options(const uint8_t *at, uint32_t length) {
  Options options = {.present = length != 0};
  const uint8_t *end = at + length;
  while (at < end) {
    if (*at == OPTION_PADDING) {
      at++;
      continue;
    }
    if (end - at < 2 || *at == OPTION_END || at[1] < 2 || at[1] > end - at) break;
    read_option(&options, at, at[1]);
    at += at[1];
  }
  return options;
}

/* Keeps what the options of a SYN announce. */
static inline void set_options(Track *track, uint32_t direction, const Options *options) {
  if (!options->present) return;
  const uint32_t bits = direction * FLAGS_BITS;
  const uint32_t scale_bits = direction * SCALE_BITS;
  const uint32_t announced = (options->has_scale ? WINDOW_SCALE : 0u) |
                             (options->permits_sack ? SACK_PERMITTED : 0u);
  const uint32_t others = track->flags & ~((uint32_t)DIRECTION_FLAGS << bits);
  const uint32_t other_scale = track->scales & ~((uint32_t)SCALE << scale_bits);
  track->flags = (uint16_t)(others | announced << bits);
  track->scales = (uint8_t)(other_scale | (uint32_t)options->scale << scale_bits);
}

#endif
