/* Whether a TCP segment lies in the window both ends agreed on: tcp_in_window of the kernel. */
#ifndef WINDOW_H
#define WINDOW_H

#include "packet.h"
#include "record.h"

/* What a segment says, in host order. */
typedef struct {
  uint32_t seq;
  /* The sequence number behind it: its data, and one for a SYN. */
  uint32_t end;
  uint32_t ack;
  /* As it stands in the header, and scaled. */
  uint32_t window;
  uint32_t scaled;
  uint32_t header;
} Segment;

INLINE Segment read_segment(const uint8_t *l4, uint32_t length) {
  Segment segment;
  segment.header = (uint32_t)(l4[TCP_OFFSET] >> 4) << 2;
  segment.seq = net32(l4 + TCP_SEQUENCE);
  segment.end = segment.seq + length - segment.header;
  segment.ack = net32(l4 + TCP_ACKNOWLEDGMENT);
  segment.window = net16(l4 + TCP_WINDOW);
  segment.scaled = segment.window;
  return segment;
}

INLINE uint32_t scaled_window(const Track *track, uint32_t direction, uint32_t window) {
  return window << (track->scales >> direction * SCALE_BITS & SCALE);
}

/*
 * Data no further than allowed, nor too old; the same for acknowledgements. A number comes before
 * another when their difference is negative, so the four bounds are one sign bit. False too when
 * one end has not shown its window yet.
 */
INLINE bool is_in_window(const Track *track, uint32_t direction, const Segment *segment) {
  const Window *sender = &track->windows[direction];
  const Window *receiver = &track->windows[1 - direction];
  const uint32_t allowed = sender->max_window;
  const uint32_t granted = receiver->max_window;
  const uint32_t bounds = (segment->seq - sender->max_end - 1) &
                          (segment->ack - receiver->end - 1) &
                          (sender->end - granted - 1 - segment->end) &
                          (receiver->end - max32(allowed, ACK_WINDOW_MIN) - 1 - segment->ack);
  return (int32_t)bounds < 0 && allowed != 0 && granted != 0;
}

/* Keeps what a segment in the window says of both windows. */
INLINE void keep_windows(Track *track, uint32_t direction, const Segment *segment) {
  Window *sender = &track->windows[direction];
  Window *receiver = &track->windows[1 - direction];
  const uint32_t bits = direction * FLAGS_BITS;
  const uint32_t ack = segment->ack;
  const uint32_t end = segment->end;
  uint32_t flags = track->flags;
  if (!(flags >> bits & MAX_ACK) || is_after(ack, sender->max_ack)) sender->max_ack = ack;
  sender->max_window = max32(sender->max_window, segment->scaled);
  const bool is_new = is_after(end, sender->end);
  sender->end = is_new ? end : sender->end;
  flags |= (is_new ? MAX_ACK | UNACKNOWLEDGED : (uint32_t)MAX_ACK) << bits;
  if (is_after(end, sender->max_end)) receiver->max_window += end - sender->max_end;
  if (is_after(ack + segment->scaled, receiver->max_end - 1)) {
    receiver->max_end = ack + max32(segment->scaled, 1);
  }
  if (ack == receiver->end) flags &= ~((uint32_t)UNACKNOWLEDGED << (FLAGS_BITS - bits));
  track->flags = (uint16_t)flags;
}

/* Notes an acknowledgement; the same one again is a retransmission. */
INLINE void note_acknowledgement(Track *track, uint32_t direction, const Segment *segment) {
  const bool is_same = track->last_seq == segment->seq && track->last_end == segment->end &&
                       track->last_ack == segment->ack &&
                       track->last_window == segment->window &&
                       track->last >> DIRECTION_SHIFT == (int)direction;
  track->retrans = (uint8_t)(is_same ? min32(track->retrans + 1u, RETRANS_MAX) : 0);
  track->last_seq = segment->seq;
  track->last_end = segment->end;
  track->last_ack = segment->ack;
  track->last_window = (uint16_t)segment->window;
}

INLINE void note_kind(Track *track, uint32_t direction, uint32_t kind) {
  track->last = (uint8_t)(kind | direction << DIRECTION_SHIFT);
}

/* The timeout that holds from here on in state `next`. */
INLINE uint32_t timer_of(const Track *track, uint32_t next) {
  const uint32_t waits = track->flags & (UNACKNOWLEDGED | UNACKNOWLEDGED << FLAGS_BITS);
  const bool gives_up = track->retrans >= config.max_retrans;
  if (LIKELY(!gives_up && waits == 0 && track->last_window != 0)) return next;
  if (gives_up && exceeds(next, TIMER_MAX_RETRANS)) return TIMER_MAX_RETRANS;
  if (waits != 0 && exceeds(next, TIMER_UNACKNOWLEDGED)) return TIMER_UNACKNOWLEDGED;
  const bool is_closed = track->last_window == 0;
  return is_closed && exceeds(next, TIMER_MAX_RETRANS) ? TIMER_MAX_RETRANS : next;
}

/* Two paddings, then a timestamp: all the options that most segments have, RFC 7323 appendix A. */
INLINE bool is_timestamp(const uint8_t *options, uint32_t length) {
  return length == 12 && load32(options) == 0x0a080101;
}

/* Whether a selective acknowledgement may be among the options, and both ends speak of such. */
INLINE bool may_acknowledge_more(const uint8_t *l4, const Segment *segment, const Track *track,
                                 uint32_t direction) {
  if (segment->header == TCP_SIZE) return false;
  const uint32_t permitted = (uint32_t)SACK_PERMITTED << (1 - direction) * FLAGS_BITS;
  return track->flags & permitted && !is_timestamp(l4 + TCP_SIZE, segment->header - TCP_SIZE);
}

/*
 * Follows an acknowledgement of an open connection; false, and then nothing has changed, when it is
 * not in the window or not that simple.
 */
INLINE bool follow_window(const uint8_t *l4, uint32_t length, Record *record, uint32_t direction,
                          uint32_t family) {
  Track *track = track_of(record, family);
  Segment segment = read_segment(l4, length);
  if (config.windows) {
    if (UNLIKELY(!is_in_window(track, direction, &segment))) return false;
    if (UNLIKELY(may_acknowledge_more(l4, &segment, track, direction))) return false;
    segment.scaled = scaled_window(track, direction, segment.window);
    keep_windows(track, direction, &segment);
    note_acknowledgement(track, direction, &segment);
    record->timer = (uint8_t)timer_of(track, STATE_ESTABLISHED);
  }
  note_kind(track, direction, KIND_ACK);
  return true;
}

#endif
