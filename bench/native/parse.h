/*
 * From the frame to the key and its hash: untagged Ethernet or none, IPv4 without options or IPv6
 * without extension headers, TCP or UDP, whole, unfragmented, its checksums right.
 */
#ifndef PARSE_H
#define PARSE_H

#include "checksum.h"
#include "packet.h"
#include "record.h"

/* The slots that frames are put in, one after another. */
static uint8_t *frames;

/* Whether a whole header fits what the IP packet carries. */
INLINE bool is_whole_transport(const uint8_t *l4, uint32_t length, uint32_t proto) {
  if (proto == PROTO_TCP) {
    const uint32_t header = (uint32_t)(l4[TCP_OFFSET] >> 4) << 2;
    return header >= TCP_SIZE && header <= length;
  }
  if (proto != PROTO_UDP) return false;
  const uint32_t claimed = net16(l4 + UDP_LENGTH);
  return claimed >= UDP_SIZE && claimed <= length;
}

/* Bytes that the fixed header of a protocol has at least; what is neither is refused later. */
INLINE uint32_t transport_size(uint32_t proto) {
  return proto == PROTO_TCP ? TCP_SIZE : UDP_SIZE;
}

INLINE bool is_checked(const Descriptor *descriptor) {
  return config.checksum != 0 && !(descriptor->flags & DESCRIPTOR_LOCAL);
}

/* Sum of the pseudo-header but for the addresses. */
INLINE uint64_t pseudo_tail(uint32_t length, uint32_t proto) {
  return swap16(length) + ((uint64_t)proto << 8);
}

INLINE uint64_t halves(uint64_t word) {
  return (word & UINT32_MAX) + (word >> 32);
}

INLINE bool has_checksum(const uint8_t *l4, uint32_t proto) {
  return proto == PROTO_TCP || load16(l4 + UDP_CHECK) != 0;
}

/* Header and pseudo-header share the addresses. */
INLINE bool is_sound4(const uint8_t *l3, uint32_t length, uint32_t proto) {
  const uint8_t *l4 = l3 + IPV4_SIZE;
  const uint64_t addresses = halves(load64(l3 + IPV4_SADDR));
  if (!is_whole(addresses + halves(load64(l3)) + load32(l3 + 8))) return false;
  if (!has_checksum(l4, proto)) return true;
  return is_whole(addresses + pseudo_tail(length, proto) + sum(l4, length));
}

/* Addresses and payload lie side by side, so that they are summed in one go. */
INLINE bool is_sound6(const uint8_t *l3, uint32_t length, uint32_t proto) {
  if (!has_checksum(l3 + IPV6_SIZE, proto)) return true;
  return is_whole(pseudo_tail(length, proto) + sum(l3 + IPV6_SADDR, 32 + length));
}

/* Ports and protocol: the last word of a key. */
INLINE uint64_t tail_of(const uint8_t *l4, uint32_t proto) {
  return (uint64_t)proto << 32 | load32(l4);
}

INLINE bool parse4(Packet *packet, const Descriptor *descriptor, uint8_t *l3, uint32_t captured) {
  if (UNLIKELY(captured < IPV4_SIZE + UDP_SIZE)) return false;
  const uint32_t total = net16(l3 + IPV4_TOTAL);
  const uint32_t proto = l3[IPV4_PROTO];
  uint8_t *l4 = l3 + IPV4_SIZE;
  if (l3[0] != IPV4_PLAIN || load16(l3 + IPV4_FRAGMENT) & IPV4_FRAGMENT_MASK) return false;
  if (total > captured || total < IPV4_SIZE + transport_size(proto)) return false;
  if (!is_whole_transport(l4, total - IPV4_SIZE, proto)) return false;
  if (is_checked(descriptor) && !is_sound4(l3, total - IPV4_SIZE, proto)) return false;
  packet->addresses = load64(l3 + IPV4_SADDR);
  packet->tail = tail_of(l4, proto);
  packet->hash = hash4(packet->addresses, packet->tail);
  packet->length = (uint16_t)(total - IPV4_SIZE);
  packet->family = FAMILY_IPV4;
  packet->proto = (uint8_t)proto;
  return true;
}

INLINE bool parse6(Packet *packet, const Descriptor *descriptor, uint8_t *l3, uint32_t captured) {
  if (UNLIKELY(captured < IPV6_SIZE + UDP_SIZE)) return false;
  const uint32_t length = net16(l3 + IPV6_LENGTH);
  const uint32_t proto = l3[IPV6_NEXT];
  uint8_t *l4 = l3 + IPV6_SIZE;
  if (l3[0] >> 4 != 6 || IPV6_SIZE + length > captured) return false;
  if (length < transport_size(proto) || !is_whole_transport(l4, length, proto)) return false;
  if (is_checked(descriptor) && !is_sound6(l3, length, proto)) return false;
  packet->tail = tail_of(l4, proto);
  packet->hash = hash6(l3 + IPV6_SADDR, packet->tail);
  packet->length = (uint16_t)length;
  packet->family = FAMILY_IPV6;
  packet->proto = (uint8_t)proto;
  return true;
}

/* Fills in what a packet is; false for one that is none of this program's business. */
INLINE bool parse(Packet *packet, const Descriptor *descriptor) {
  uint8_t *frame = frames + descriptor->data;
  const uint32_t link = descriptor->link == LINK_RAW ? 0 : ETHERNET_SIZE;
  if (UNLIKELY(descriptor->link > LINK_RAW || descriptor->length < link + IPV4_SIZE)) return false;
  uint8_t *l3 = frame + link;
  const uint32_t captured = descriptor->length - link;
  const bool is4 = link == 0 ? l3[0] >> 4 == 4 : load16(frame + ETHERNET_TYPE) == TYPE_IPV4;
  packet->l3 = l3;
  bool is_plain;
  if (is4) is_plain = parse4(packet, descriptor, l3, captured);
  else if (link != 0 && load16(frame + ETHERNET_TYPE) != TYPE_IPV6) return false;
  else is_plain = parse6(packet, descriptor, l3, captured);
  packet->bucket = home_bucket(packet->hash);
  return is_plain;
}

/* Whether the packet has that key. */
INLINE bool has_key(const Packet *packet, const uint8_t *key, uint32_t family) {
  if (family == FAMILY_IPV4) {
    return ((load64(key) ^ packet->addresses) | (load64(key + 8) ^ packet->tail)) == 0;
  }
  const uint8_t *addresses = packet->l3 + IPV6_SADDR;
  uint64_t difference = load64(key + 32) ^ packet->tail;
  for (uint32_t at = 0; at < 32; at += 8) difference |= load64(key + at) ^ load64(addresses + at);
  return difference == 0;
}

/* Writes the packet's key out. */
INLINE void form_key(const Packet *packet, uint8_t *key, uint32_t family) {
  if (family == FAMILY_IPV4) {
    store64(key, packet->addresses);
    store64(key + 8, packet->tail);
  } else {
    memcpy(key, packet->l3 + IPV6_SADDR, 32);
    store64(key + 32, packet->tail);
  }
}

#endif
