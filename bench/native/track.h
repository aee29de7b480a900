/*
 * What is known of a TCP connection beyond its state: struct ip_ct_tcp of the kernel.
 *
 *  0         4         8         12           14      16     17        18       19      32
 *  | lastseq | lastend | lastack | lastwindow | flags | last | retrans | scales | spare |
 *  32                   48                    64
 *  | window: the opener | window: the other   |
 */
#ifndef TRACK_H
#define TRACK_H

#include "words.h"

/* What the sender of a direction has shown of its window. */
typedef struct {
  /* Highest sequence number sent, plus one. */
  uint32_t end;
  /* Highest sequence number the other side has allowed. */
  uint32_t max_end;
  /* Largest window advertised, scaled. */
  uint32_t max_window;
  /* Highest acknowledgement sent. */
  uint32_t max_ack;
} Window;

typedef struct {
  /* Of the last acknowledgement. */
  uint32_t last_seq;
  uint32_t last_end;
  uint32_t last_ack;
  uint16_t last_window;
  /* Of the opener, then of the other direction, from the lowest bit on. */
  uint16_t flags;
  /* Kind of the last packet and, in the highest bit, its direction. */
  uint8_t last;
  /* How often the last acknowledgement has come again. */
  uint8_t retrans;
  uint8_t scales;
  uint8_t spare[13];
  Window windows[2];
} Track;
_Static_assert(sizeof(Track) == LINE, "a track is a line");

/* Flags of a direction, IP_CT_TCP_FLAG_ of the kernel. */
enum {
  WINDOW_SCALE = 0x01,
  SACK_PERMITTED = 0x02,
  UNACKNOWLEDGED = 0x10,
  MAX_ACK = 0x20,
  DIRECTION_FLAGS = 0x3f,
  FLAGS_BITS = 6,
};
enum { SCALE = 0x0f, SCALE_BITS = 4, RETRANS_MAX = 255, DIRECTION_SHIFT = 7 };
enum { KIND_SYN = 1, KIND_SYN_ACK = 2, KIND_ACK = 4 };

/* An acknowledgement may be that old however small the window is (MAXACKWINCONST). */
enum { ACK_WINDOW_MIN = 66000 };

/* Order of sequence numbers, RFC 9293 section 3.4. */
INLINE bool is_before(uint32_t a, uint32_t b) {
  return (int32_t)(a - b) < 0;
}

INLINE bool is_after(uint32_t a, uint32_t b) {
  return is_before(b, a);
}

#endif
