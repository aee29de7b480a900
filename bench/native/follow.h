/*
 * Packets of a connection that may change its state: TCP until the handshake is through, and UDP
 * until it has lasted. Nothing here closes a connection: FIN and RST are refused.
 */
#ifndef FOLLOW_H
#define FOLLOW_H

#include "options.h"
#include "steady.h"

/* State a segment leads to from `state`, 0 for one this program does not know. */
static uint32_t transition(uint32_t direction, uint32_t kind, uint32_t state) {
  if (kind == KIND_SYN_ACK) return direction && state == STATE_SYN_SENT ? STATE_SYN_RECV : 0;
  if (state == STATE_SYN_RECV) return direction ? STATE_SYN_RECV : STATE_ESTABLISHED;
  return state == STATE_ESTABLISHED ? STATE_ESTABLISHED : 0;
}

/* Begins a direction with the SYN that its sender shows itself with. */
static void begin_sender(Track *track, uint32_t direction, const Segment *segment,
                         const Options *options) {
  Window *sender = &track->windows[direction];
  sender->end = segment->end;
  sender->max_end = segment->end;
  sender->max_window = max32(segment->window, 1);
  set_options(track, direction, options);
}

/* The first answer. Windows are scaled only when both ends have said so: RFC 7323 section 2.2. */
static void begin_answerer(Track *track, const Segment *segment, const Options *options) {
  begin_sender(track, 1, segment, options);
  const uint32_t scaled = track->flags & track->flags >> FLAGS_BITS & WINDOW_SCALE;
  if (!scaled) track->scales = 0;
}

static bool enter_window(Track *track, const uint8_t *l4, uint32_t length, uint32_t direction,
                         uint32_t kind) {
  Segment segment = read_segment(l4, length);
  if (kind == KIND_SYN_ACK) segment.end++;
  const Options options = read_options(l4 + TCP_SIZE, segment.header - TCP_SIZE);
  if (options.acknowledges) return false;
  if (kind == KIND_SYN_ACK) begin_answerer(track, &segment, &options);
  if (!is_in_window(track, direction, &segment)) return false;
  if (kind == KIND_ACK) segment.scaled = scaled_window(track, direction, segment.window);
  keep_windows(track, direction, &segment);
  if (kind == KIND_ACK) note_acknowledgement(track, direction, &segment);
  return true;
}

static bool follow_tcp(const Packet *packet, Record *record, uint32_t direction, uint32_t family) {
  const uint8_t *l4 = l4_of(packet, family);
  Track *track = track_of(record, family);
  const uint32_t flags = l4[TCP_FLAGS] & TCP_COUNTED;
  if (flags != TCP_ACK && flags != (TCP_SYN | TCP_ACK)) return false;
  const uint32_t kind = flags == TCP_ACK ? KIND_ACK : KIND_SYN_ACK;
  const uint32_t old = record->state;
  const uint32_t next = transition(direction, kind, old);
  if (next == 0) return false;
  if (config.windows && !enter_window(track, l4, packet->length, direction, kind)) return false;
  note_kind(track, direction, kind);
  if (record->flags & FLAG_SEEN_REPLY && next == STATE_ESTABLISHED) record->flags |= FLAG_ASSURED;
  if (direction) record->flags |= FLAG_SEEN_REPLY;
  record->state = (uint8_t)next;
  record->timer = (uint8_t)timer_of(track, next);
  return true;
}

/* An answered flow that has lasted is a stream: nf_conntrack_udp_packet of the kernel. */
static void follow_udp(Record *record, uint32_t direction) {
  if (direction) record->flags |= FLAG_SEEN_REPLY;
  if (!(record->flags & FLAG_SEEN_REPLY) || now - record->created <= UDP_STREAM_AGE) return;
  record->state = STATE_UDP_STREAM;
  record->timer = STATE_UDP_STREAM;
  record->flags |= FLAG_ASSURED;
}

/* A packet of a known connection. */
static uint32_t follow(const Packet *packet, Descriptor *descriptor, uint32_t ref,
                       uint32_t family) {
  Record *record = record_at(ref);
  const uint32_t direction = ref & 1;
  if (packet->proto == PROTO_UDP) follow_udp(record, direction);
  else if (!follow_tcp(packet, record, direction, family)) return REFUSED;
  return translate(packet, descriptor, record, direction, packet->proto, family);
}

#endif
