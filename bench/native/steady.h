/* Packets of a connection whose state they leave as it is: followed, translated, counted. */
#ifndef STEADY_H
#define STEADY_H

#include "parse.h"
#include "record.h"
#include "traffic.h"
#include "window.h"

INLINE bool is_fresh(const Record *record) {
  return now - record->last_seen <= config.timeouts[record->timer];
}

/* Addresses and ports after translation are the other direction's, reversed. */
INLINE void rewrite_addresses(uint8_t *l3, const uint8_t *other, uint32_t delta, uint32_t family) {
  if (family == FAMILY_IPV4) {
    store64(l3 + IPV4_SADDR, rotate64(load64(other), 32));
    store16(l3 + IPV4_CHECK, updated(load16(l3 + IPV4_CHECK), delta));
  } else {
    memcpy(l3 + IPV6_SADDR, other + 16, 16);
    memcpy(l3 + IPV6_DADDR, other, 16);
  }
}

/* A UDP checksum of 0 means none and stays; a computed one of 0 is sent as 0xffff (RFC 768). */
INLINE void rewrite_transport(uint8_t *l4, uint32_t ports, uint32_t delta, uint32_t proto) {
  store32(l4, rotate32(ports, 16));
  if (proto == PROTO_TCP) {
    store16(l4 + TCP_CHECK, updated(load16(l4 + TCP_CHECK), delta));
    return;
  }
  const uint32_t check = load16(l4 + UDP_CHECK);
  if (check == 0) return;
  const uint32_t after = updated(check, delta);
  store16(l4 + UDP_CHECK, after == 0 ? 0xffff : after);
}

/* What the packet's direction of a connection makes of it. */
INLINE void rewrite(const Packet *packet, Record *record, uint32_t direction, uint32_t proto,
                    uint32_t family) {
  const uint8_t *other = key_of(record, 1 - direction, family);
  const uint32_t ports = load32(other + key_size(family) - 8);
  const Deltas deltas = record->deltas[direction];
  rewrite_addresses(packet->l3, other, deltas.ip, family);
  rewrite_transport(l4_of(packet, family), ports, deltas.l4, proto);
}

/* Backend and masquerade stand side by side in records as in descriptors. */
INLINE void report(Descriptor *descriptor, const Record *record, uint32_t outcome) {
  const uint64_t said = UINT32_MAX | (uint64_t)FLAG_MASQUERADE << 32;
  store64(&descriptor->outcome, outcome);
  store64(&descriptor->backend, load64(&record->backend) & said);
}

INLINE uint32_t translate(const Packet *packet, Descriptor *descriptor, Record *record,
                          uint32_t direction, uint32_t proto, uint32_t family) {
  if (record->last_seen != now) record->last_seen = now;
  rewrite(packet, record, direction, proto, family);
  count_traffic(record->backend, direction, descriptor->length);
  const uint32_t outcome = direction ? REPLY : ESTABLISHED;
  report(descriptor, record, outcome);
  return outcome;
}

INLINE bool is_steady_tcp(const Packet *packet, Record *record, uint32_t direction,
                          uint32_t family) {
  const uint8_t *l4 = l4_of(packet, family);
  const uint32_t standing = load16(&record->flags) & (ANSWERED | 0xff00);
  if (standing != (ANSWERED | STATE_ESTABLISHED << 8)) return false;
  if ((l4[TCP_FLAGS] & TCP_COUNTED) != TCP_ACK || !is_fresh(record)) return false;
  return follow_window(l4, packet->length, record, direction, family);
}

/* Nobody has answered the opener yet, or answers are nothing new. */
INLINE bool is_steady_udp(const Record *record, uint32_t direction) {
  const uint32_t answered = record->flags & ANSWERED;
  return (answered == ANSWERED || (answered == 0 && direction == 0)) && is_fresh(record);
}

/* The short way; REFUSED when the packet has to take the other one. */
INLINE uint32_t settle_steady(const Packet *packet, Descriptor *descriptor, uint32_t family) {
  Record *record = packet->record;
  uint32_t direction = packet->direction;
  if (UNLIKELY(record == NULL)) return REFUSED;
  if (UNLIKELY(!has_key(packet, key_of(record, direction, family), family))) {
    uint8_t key[40];
    form_key(packet, key, family);
    const uint32_t ref = find_ref(key, packet->hash, family);
    if (ref == 0) return REFUSED;
    record = record_at(ref);
    direction = ref & 1;
  }
  if (packet->proto == PROTO_TCP) {
    if (UNLIKELY(!is_steady_tcp(packet, record, direction, family))) return REFUSED;
    return translate(packet, descriptor, record, direction, PROTO_TCP, family);
  }
  if (UNLIKELY(!is_steady_udp(record, direction))) return REFUSED;
  return translate(packet, descriptor, record, direction, PROTO_UDP, family);
}

#endif
