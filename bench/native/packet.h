/* Packets: where headers have their fields, the descriptor of the host, the notes of a walk. */
#ifndef PACKET_H
#define PACKET_H

#include "words.h"

enum { FAMILY_IPV4 = 4, FAMILY_IPV6 = 6 };
enum { PROTO_TCP = 6, PROTO_UDP = 17 };

/* Ethernet II; types as a little-endian load reads them. */
enum { ETHERNET_TYPE = 12, ETHERNET_SIZE = 14, TYPE_IPV4 = 0x0008, TYPE_IPV6 = 0xdd86 };

/* IPv4, RFC 791. */
enum {
  IPV4_TOTAL = 2,
  IPV4_FRAGMENT = 6,
  IPV4_PROTO = 9,
  IPV4_CHECK = 10,
  IPV4_SADDR = 12,
  IPV4_SIZE = 20,
  /* Version 4, no options. */
  IPV4_PLAIN = 0x45,
  /* MF and the offset, as a little-endian load reads them. */
  IPV4_FRAGMENT_MASK = 0xff3f,
};

/* IPv6, RFC 8200. */
enum { IPV6_LENGTH = 4, IPV6_NEXT = 6, IPV6_SADDR = 8, IPV6_DADDR = 24, IPV6_SIZE = 40 };

/* TCP, RFC 9293. */
enum {
  TCP_SEQUENCE = 4,
  TCP_ACKNOWLEDGMENT = 8,
  TCP_OFFSET = 12,
  TCP_FLAGS = 13,
  TCP_WINDOW = 14,
  TCP_CHECK = 16,
  TCP_SIZE = 20,
};
enum {
  TCP_SYN = 0x02,
  TCP_PSH = 0x08,
  TCP_ACK = 0x10,
  TCP_ECE = 0x40,
  TCP_CWR = 0x80,
  /* Flags that say something about the state of a connection. */
  TCP_COUNTED = 0xff & ~(TCP_ECE | TCP_CWR | TCP_PSH),
};

/* UDP, RFC 768. */
enum { UDP_LENGTH = 4, UDP_CHECK = 6, UDP_SIZE = 8 };

/* What the host hands in and reads back: the engine's own 32 bytes. */
typedef struct {
  /* Where the frame begins, counted from the first slot. */
  uint32_t data;
  uint32_t length;
  uint32_t wire_length;
  uint16_t interface_row;
  uint8_t flags;
  uint8_t link;
  /* Verdict, action, reason and conntrack, a byte each. */
  uint32_t outcome;
  uint32_t service;
  uint32_t backend;
  uint32_t out;
} Descriptor;
_Static_assert(sizeof(Descriptor) == 32, "two descriptors are a line");

/* Of `link`, by the engine's numbers, and of `flags`. */
enum { LINK_ETHERNET = 0, LINK_RAW = 1, DESCRIPTOR_LOCAL = 1 };

/* Outcomes. REFUSED stands for everything that only the engine's long way knows. */
enum {
  REFUSED = 0,
  OPENED = 0x01000102,
  ESTABLISHED = 0x02000102,
  REPLY = 0x03000202,
};

struct Bucket;
struct Record;

/* What is known of a packet between two stages. */
typedef struct {
  /* The IP header. */
  uint8_t *l3;
  /* Home bucket of the key. */
  struct Bucket *bucket;
  /* The record whose tag matched first, NULL for none. */
  struct Record *record;
  /* IPv4: both addresses. */
  uint64_t addresses;
  /* Both ports and the protocol. */
  uint64_t tail;
  uint32_t hash;
  /* Direction in which the key would be that record's. */
  uint32_t direction;
  /* Bytes of the transport header and what it carries. */
  uint16_t length;
  /* FAMILY_, or 0 once the outcome is known. */
  uint8_t family;
  uint8_t proto;
} Packet;
_Static_assert(sizeof(Packet) <= LINE, "the notes of a packet fit a line");

INLINE uint32_t ip_size(uint32_t family) {
  return family == FAMILY_IPV4 ? IPV4_SIZE : IPV6_SIZE;
}

INLINE uint8_t *l4_of(const Packet *packet, uint32_t family) {
  return packet->l3 + ip_size(family);
}

#endif
