/*
 * How packets go through: scalar, one after another; staged, in groups that ask for every line they
 * will need before any of them waits for one, by loads as WebAssembly has to; prefetch, the same
 * with the instruction that WebAssembly lacks.
 */
#ifndef MODES_H
#define MODES_H

#include "fresh.h"

static Packet group[GROUP_LENGTH] __attribute__((aligned(LINE)));

/* From tags to the record that may be the packet's. */
INLINE void match(Packet *packet) {
  const uint32_t bits = tagged(packet->bucket, tag_of(packet->hash));
  if (bits == 0) {
    packet->record = NULL;
    return;
  }
  const uint32_t ref = packet->bucket->refs[__builtin_ctz(bits)];
  packet->record = record_at(ref);
  packet->direction = ref & 1;
}

NOINLINE uint32_t settle_long4(const Packet *packet, Descriptor *descriptor) {
  return settle_any(packet, descriptor, FAMILY_IPV4);
}

NOINLINE uint32_t settle_long6(const Packet *packet, Descriptor *descriptor) {
  return settle_any(packet, descriptor, FAMILY_IPV6);
}

/* The outcome of a packet that has been matched. */
INLINE uint32_t settle(const Packet *packet, Descriptor *descriptor) {
  if (packet->family == FAMILY_IPV4) {
    const uint32_t outcome = settle_steady(packet, descriptor, FAMILY_IPV4);
    return LIKELY(outcome != REFUSED) ? outcome : settle_long4(packet, descriptor);
  }
  const uint32_t outcome = settle_steady(packet, descriptor, FAMILY_IPV6);
  return LIKELY(outcome != REFUSED) ? outcome : settle_long6(packet, descriptor);
}

/* What one pass counts by itself, because it is most of what there is. */
typedef struct {
  uint64_t established;
  uint64_t replies;
  uint64_t bytes;
} Tally;

INLINE void tally_outcome(Tally *tally, Descriptor *descriptor, uint32_t outcome) {
  tally->established += outcome == ESTABLISHED;
  tally->replies += outcome == REPLY;
  if (LIKELY(outcome == ESTABLISHED || outcome == REPLY)) return;
  descriptor->outcome = outcome;
  count_outcome(outcome, 1);
}

static void add_tally(const Tally *tally) {
  count_outcome(ESTABLISHED, tally->established);
  count_outcome(REPLY, tally->replies);
  counters.bytes += tally->bytes;
}

static void process_scalar(Descriptor *descriptors, uint32_t length) {
  Tally tally = {0, 0, 0};
  for (uint32_t i = 0; i < length; i++) {
    Packet packet;
    Descriptor *descriptor = &descriptors[i];
    uint32_t outcome = REFUSED;
    tally.bytes += descriptor->length;
    if (LIKELY(parse(&packet, descriptor))) {
      match(&packet);
      outcome = settle(&packet, descriptor);
    }
    tally_outcome(&tally, descriptor, outcome);
  }
  add_tally(&tally);
}

NOINLINE void parse_group(const Descriptor *descriptors, uint32_t length, Tally *tally) {
  for (uint32_t i = 0; i < length; i++) {
    tally->bytes += descriptors[i].length;
    if (UNLIKELY(!parse(&group[i], &descriptors[i]))) {
      group[i].family = 0;
      group[i].bucket = connections.buckets;
    }
  }
}

INLINE void touch_buckets(uint32_t length, Mode mode) {
  uint32_t read = 0;
  for (uint32_t i = 0; i < length; i++) read ^= touch(group[i].bucket, mode);
  sink = read;
}

/* The lines of a record that a packet will need: of TCP its track, of IPv6 a second one of keys. */
INLINE uint32_t touch_record(const Packet *packet, Mode mode) {
  const uint8_t *at = (const uint8_t *)packet->record;
  uint32_t read = touch(at, mode);
  if (packet->family == FAMILY_IPV6) {
    read ^= touch(at + LINE, mode);
    if (packet->proto == PROTO_TCP) read ^= touch(at + 2 * LINE, mode);
  } else if (packet->proto == PROTO_TCP) {
    read ^= touch(at + LINE, mode);
  }
  return read;
}

INLINE void touch_records(uint32_t length, Mode mode) {
  uint32_t read = 0;
  for (uint32_t i = 0; i < length; i++) match(&group[i]);
  for (uint32_t i = 0; i < length; i++) {
    if (group[i].record != NULL) read ^= touch_record(&group[i], mode);
  }
  sink = read;
}

/* What backends have seen lies in tables of their own. */
INLINE void touch_traffic(uint32_t length, Mode mode) {
  uint32_t read = 0;
  for (uint32_t i = 0; i < length; i++) {
    const Record *record = group[i].record;
    if (record != NULL) read ^= touch(&traffic[record->backend], mode);
  }
  sink = read;
}

NOINLINE void settle_group(Descriptor *descriptors, uint32_t length, Tally *tally) {
  for (uint32_t i = 0; i < length; i++) {
    const Packet *packet = &group[i];
    const uint32_t outcome = packet->family == 0 ? REFUSED : settle(packet, &descriptors[i]);
    tally_outcome(tally, &descriptors[i], outcome);
  }
}

INLINE void process_groups(Descriptor *descriptors, uint32_t length, Mode mode) {
  Tally tally = {0, 0, 0};
  for (uint32_t done = 0; done < length; done += GROUP_LENGTH) {
    const uint32_t packets = min32(length - done, GROUP_LENGTH);
    parse_group(descriptors + done, packets, &tally);
    touch_buckets(packets, mode);
    touch_records(packets, mode);
    touch_traffic(packets, mode);
    touch_fresh(group, packets, mode);
    settle_group(descriptors + done, packets, &tally);
  }
  add_tally(&tally);
}

static void process_staged(Descriptor *descriptors, uint32_t length) {
  process_groups(descriptors, length, STAGED);
}

static void process_prefetch(Descriptor *descriptors, uint32_t length) {
  process_groups(descriptors, length, PREFETCH);
}

/* Removes the connections whose time is over. */
static void sweep(uint32_t family) {
  for (uint32_t at = record_size(family); at < connections.end; at += record_size(family)) {
    Record *record = record_at(at);
    if (record->proto != 0 && !is_fresh(record)) expire(record, family);
  }
}

static uint32_t swept;

/* Runs a batch through at `time` milliseconds. */
static void process(Descriptor *descriptors, uint32_t length, uint32_t time, Mode mode,
                    uint32_t family) {
  now = max32(now, time);
  if (now - swept >= SWEEP_INTERVAL) {
    swept = now;
    sweep(family);
  }
  if (mode == SCALAR) process_scalar(descriptors, length);
  else if (mode == STAGED) process_staged(descriptors, length);
  else process_prefetch(descriptors, length);
}

#endif
