/*
 * Packets of a group that seem to open connections: asks for the lines that takes, all packets side
 * by side. Nothing is decided: whether a guess was right shows when the packet's turn comes. New
 * connections over 50,000 services take half as long so.
 */
#ifndef FRESH_H
#define FRESH_H

#include "open.h"
#include "touch.h"

typedef struct {
  const Packet *packet;
  Key vip;
  uint32_t hash;
  /* What was asked for last, step by step from the service to the backend. */
  const uint8_t *at;
} Fresh;

static Fresh fresh[GROUP_LENGTH];

/* Where a packet points that dials no service. */
static const Service NO_SERVICE;

INLINE uint32_t touch_tags(Fresh *each, Mode mode, uint32_t family) {
  each->vip = dialled(each->packet, family);
  each->hash = hash_key(&each->vip);
  each->at = services.control + (size_t)home_of(each->hash, services.groups) * GROUP_SIZE;
  return touch(each->at, mode);
}

INLINE uint32_t touch_service(Fresh *each, Mode mode) {
  const uint32_t bits = tags_equal(each->at, tag_of(each->hash)) & ((1u << GROUP_SLOTS) - 1);
  const size_t group = (size_t)(each->at - services.control) / GROUP_SIZE;
  const size_t slot = group * GROUP_SLOTS + (uint32_t)__builtin_ctz(bits | 1u << GROUP_SLOTS);
  each->at = bits == 0 ? (const uint8_t *)&NO_SERVICE : services.entries + slot * sizeof(Service);
  return touch(each->at, mode);
}

INLINE uint32_t touch_ring(Fresh *each, Mode mode) {
  each->at = (const uint8_t *)&rings[((const Service *)each->at)->number * 2];
  return touch(each->at, mode);
}

/* The backend that will be drawn, if every packet before this one draws once. */
INLINE uint32_t touch_slot(Fresh *each, uint32_t *random, Mode mode) {
  const Slice slice = ((const Ring *)each->at)->slots;
  *random = random_after(*random);
  each->at = (const uint8_t *)&slots[slice.base + scaled(*random, slice.length)];
  return touch(each->at, mode);
}

INLINE uint32_t touch_backend(Fresh *each, Mode mode) {
  const uint32_t number = load32(each->at);
  each->at = (const uint8_t *)&backends[number];
  return touch(each->at, mode) ^ touch(&traffic[number], mode);
}

INLINE uint32_t touch_reply(const Fresh *each, Mode mode, uint32_t family) {
  Opening opening = {.backend = (const Backend *)each->at};
  opening.new_source = source_of(each->packet->l3, family);
  const uint32_t port = load16(l4_of(each->packet, family));
  form_reply(&opening, port, each->packet->proto, family);
  return touch(home_bucket(opening.reply_hash), mode);
}

INLINE uint32_t touch_all(uint32_t count, Mode mode, uint32_t family) {
  uint32_t read = 0;
  uint32_t random = random_state;
  for (uint32_t i = 0; i < count; i++) read ^= touch_tags(&fresh[i], mode, family);
  for (uint32_t i = 0; i < count; i++) read ^= touch_service(&fresh[i], mode);
  for (uint32_t i = 0; i < count; i++) read ^= touch_ring(&fresh[i], mode);
  for (uint32_t i = 0; i < count; i++) read ^= touch_slot(&fresh[i], &random, mode);
  for (uint32_t i = 0; i < count; i++) read ^= touch_backend(&fresh[i], mode);
  for (uint32_t i = 0; i < count; i++) read ^= touch_reply(&fresh[i], mode, family);
  return read;
}

/* Fewer have nothing to overlap with. */
enum { FRESH_MIN = 4 };

INLINE void touch_fresh(const Packet *group, uint32_t length, Mode mode) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < length; i++) {
    fresh[count].packet = &group[i];
    count += group[i].record == NULL && group[i].family == group[0].family;
  }
  if (count < FRESH_MIN || group[0].family == 0) return;
  const bool is4 = group[0].family == FAMILY_IPV4;
  sink = is4 ? touch_all(count, mode, FAMILY_IPV4) : touch_all(count, mode, FAMILY_IPV6);
}

#endif
