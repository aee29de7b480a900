/* What holds for every packet, and the clock. */
#ifndef CONFIG_H
#define CONFIG_H

#include "words.h"

/* States of a connection, and timers that are no states, by the engine's numbers. */
enum {
  STATE_SYN_SENT = 1,
  STATE_SYN_RECV = 2,
  STATE_ESTABLISHED = 3,
  STATE_UDP = 10,
  STATE_UDP_STREAM = 11,
  TIMER_MAX_RETRANS = 20,
  TIMER_UNACKNOWLEDGED = 21,
  TIMER_LENGTH = 22,
};

/* A UDP flow older than this that was answered is a stream, in milliseconds. */
enum { UDP_STREAM_AGE = 2000, SWEEP_INTERVAL = 1000 };

typedef struct {
  uint32_t base;
  uint32_t length;
} Slice;

static struct {
  /* Rows of `ranges` with the sources that are pods, of the row's family. */
  Slice pods;
  uint32_t checksum;
  /* 0: segments count as in the window, and none is kept (nf_conntrack_tcp_no_window_check). */
  uint32_t windows;
  uint32_t max_retrans;
  /* Milliseconds a connection lives without a packet. */
  uint32_t timeouts[TIMER_LENGTH];
} config;

/* Milliseconds; one reading for all packets of a batch. */
static uint32_t now;

INLINE bool exceeds(uint32_t timer, uint32_t other) {
  return config.timeouts[timer] > config.timeouts[other];
}

#endif
